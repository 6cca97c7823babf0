"""Log-ins, log-outs and refused log-ins become events."""

from collections.abc import Callable
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.signals import password_changed
from allauth.mfa import signals as mfa
from django.contrib.auth import get_user_model, signals
from django.contrib.auth.models import User

from dashboard.htmx import Request

from .events import ADDRESS, Actor, record_event

CHANGES = {
    mfa.authenticator_added: "Added a second factor for login.",
    mfa.authenticator_removed: "Removed a second factor for login.",
    mfa.authenticator_reset: "Created new recovery codes.",
    password_changed: "Changed the password.",
}


def listen() -> None:
    signals.user_logged_in.connect(logged_in)
    signals.user_logged_out.connect(logged_out)
    signals.user_login_failed.connect(failed)
    mfa.authentication_failed.connect(wrong_code)
    for signal, what in CHANGES.items():
        signal.connect(changed(what), weak=False)


def changed(what: str) -> Callable[..., None]:
    """Writes `what` down as a change of the person's own account."""

    def heard(request: Request, user: User, authenticator: Any = None, **kwargs: Any) -> None:
        kind = {"factor": str(authenticator.type)} if authenticator else {}
        by = Actor.person(user, request.id)
        record_event(action="access.changed", by=by, reason=what, after=kind)

    return heard


def wrong_code(request: Request, user: User, **kwargs: Any) -> None:
    by = Actor.person(user, request.id)
    record_event(action="access.failed", by=by, reason="Wrong two-factor code.")


def logged_in(request: Request, user: User, **kwargs: Any) -> None:
    """The event says what was shown: a password, an authenticator app, a passkey, single sign-on."""
    if hasattr(request, "id"):
        shown = [str(one.get("type") or one["method"]) for one in get_authentication_records(request, user)]
        record_event(
            action="access.login", by=Actor.person(user, request.id), after={"shown": shown} if shown else {}
        )


def logged_out(request: Request, user: User | None, **kwargs: Any) -> None:
    if user and hasattr(request, "id"):
        record_event(action="access.logout", by=Actor.person(user, request.id))


def failed(credentials: dict[str, Any], request: Request | None = None, **kwargs: Any) -> None:
    """Only names that exist are kept: people type their passwords into the wrong field."""
    if request is None or not hasattr(request, "id"):
        return
    if why := credentials.get("single_sign_on"):
        by = Actor(request_id=request.id, address=ADDRESS.get())
        record_event(action="access.failed", by=by, reason=f"Single sign-on: {why}.")
        return
    name = str(credentials.get("username") or "")
    known = get_user_model().objects.filter(username=name).exists()
    by = Actor(name=name if known else "", request_id=request.id, address=ADDRESS.get())
    reason = "Wrong password." if known else "Unknown username."
    record_event(action="access.failed", by=by, reason=reason)
