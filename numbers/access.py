"""Log-ins, log-outs and refused log-ins become events."""

from collections.abc import Callable

from allauth.mfa import signals as mfa
from django.contrib.auth import get_user_model, signals
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest

from .services.history import ADDRESS, By, record

CHANGES = {
    mfa.authenticator_added: "Added a second factor.",
    mfa.authenticator_removed: "Removed a second factor.",
    mfa.authenticator_reset: "Made new recovery codes.",
}


def listen() -> None:
    signals.user_logged_in.connect(logged_in)
    signals.user_logged_out.connect(logged_out)
    signals.user_login_failed.connect(failed)
    mfa.authentication_failed.connect(wrong_code)
    for signal, what in CHANGES.items():
        signal.connect(changed(what), weak=False)


def changed(what: str) -> Callable:
    """Writes WHAT down as a change of the person's own account."""

    def heard(request: HttpRequest, user: AbstractUser, authenticator=None, **kwargs) -> None:
        kind = {"factor": str(authenticator.type)} if authenticator else {}
        by = By.person(user, request.id)
        record(action="access.changed", by=by, reason=what, after=kind)

    return heard


def wrong_code(request: HttpRequest, user: AbstractUser, **kwargs) -> None:
    by = By.person(user, request.id)
    record(action="access.failed", by=by, reason="The second factor was not right.")


def logged_in(request: HttpRequest, user: AbstractUser, **kwargs) -> None:
    if hasattr(request, "id"):
        record(action="access.login", by=By.person(user, request.id))


def logged_out(request: HttpRequest, user: AbstractUser | None, **kwargs) -> None:
    if user and hasattr(request, "id"):
        record(action="access.logout", by=By.person(user, request.id))


def failed(credentials: dict, request: HttpRequest | None = None, **kwargs) -> None:
    """Only names that exist are kept: people type their passwords into the wrong field."""
    if not hasattr(request, "id"):
        return
    name = str(credentials.get("username") or "")
    known = get_user_model().objects.filter(username=name).exists()
    by = By(name=name if known else "", request_id=request.id, address=ADDRESS.get())
    reason = "Wrong password." if known else "No account of this name."
    record(action="access.failed", by=by, reason=reason)
