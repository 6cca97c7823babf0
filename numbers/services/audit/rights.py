"""The last door: a service asks whether its actor may do this now, whatever the doors before it said."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from numbers.permissions import Right, may, refusal

from .events import REQUEST, SYSTEM, Actor, record_event


class Refused(PermissionDenied):
    """The actor may not do this, or not any more; the text says why, for people. The history has it."""


def demand(by: Actor, right: Right) -> None:
    """Raise Refused unless `by` has `right` by the roles that the database has now.

    The product itself, and commands without an account, may do everything: anyone with a shell on the
    machine holds the database in any case. Ask outside of transactions, or the event is rolled back.
    """
    if not by.user:
        return
    user = User.objects.get(pk=by.user.pk)
    if may(user, right):
        return
    reason = refusal(user, right)
    record_event(action="access.denied", by=by, reason=reason, after={"right": str(right)})
    if request := REQUEST.get():
        request.refusal_told = True  # or its answer would be told as a second one
    raise Refused(reason)


def needs[**P, T](right: Right) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A service that demands `right` of the actor that it is called with as BY."""

    def decorate(service: Callable[P, T]) -> Callable[P, T]:
        @wraps(service)
        def asked(*args: P.args, **kwargs: P.kwargs) -> T:
            by = kwargs.get("by", SYSTEM)
            assert isinstance(by, Actor)  # noqa: S101 -- a bug of ours would be nobody's right
            demand(by, right)
            return service(*args, **kwargs)

        return asked

    return decorate
