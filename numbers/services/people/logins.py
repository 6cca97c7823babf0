"""A log-in from a browser that the person has never used: its owner is asked whether it was them."""

from django.contrib.auth.models import User

from dashboard.accounts.known_browsers import known
from dashboard.accounts.sessions import device_of
from dashboard.htmx import Request
from numbers.models import Event, Notice
from numbers.services.notifications.notices import tell_account


def ask_whether_it_was_you(request: Request, user: User, **_kwargs) -> None:
    """Heard at each log-in, after its event was written. The very first one surprises nobody."""
    if not hasattr(request, "id") or known(request, user.get_username()):
        return
    logins = Event.objects.filter(action="access.login", actor=user).order_by("-pk")[:2]
    if len(logins) < 2:
        return
    device = device_of(request.META.get("HTTP_USER_AGENT", ""))
    text = f"New login: {device}, from {request.address or 'an unknown address'}. Was this you?"
    notice = tell_account(user=user, event=logins[0], text=text, kind=Notice.Kind.LOGIN)
    request.session["its_notice"] = notice.pk  # the new browser itself is not asked
