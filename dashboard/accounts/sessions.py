"""Sessions of a person: on which device, from where, since when; and ending them."""

import re

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import AbstractUser
from django.contrib.sessions.models import Session
from django.utils import timezone

#: The first that fits; the order matters, since most browsers name others too.
BROWSERS = (
    ("Edge", r"Edg(?:A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/"),
    ("Safari", r"Safari/"),
)
SYSTEMS = (
    ("Android", r"Android"),
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Windows", r"Windows"),
    ("Mac", r"Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux"),
)


def device_of(user_agent: str) -> str:
    """What `user_agent` says of itself: "Firefox on Windows". Anybody can write anything there."""
    found = [
        next((name for name, pattern in known if re.search(pattern, user_agent)), "")
        for known in (BROWSERS, SYSTEMS)
    ]
    return " on ".join(filter(None, found)) or "Unknown device"


def sessions_of(user: AbstractUser) -> list[UserSession]:
    """The sessions of `user` that still live, last used first; each with its `device` in words."""
    found = UserSession.objects.purge_and_list(user)
    for session in found:
        session.device = device_of(session.user_agent)
    return sorted(found, key=lambda session: session.last_seen_at, reverse=True)


def end_session(user: AbstractUser, pk: int) -> UserSession | None:
    """End one session of `user`; None where it has ended already, or belongs to somebody else."""
    if session := UserSession.objects.filter(user=user, pk=pk).first():
        session.end()
    return session


def end_sessions(user: AbstractUser, *, but: str = "") -> int:
    """End every session of `user`, but for the one with the key `but`; how many there were.

    A session's owner is inside it, so all are looked through: there are few.
    """
    ended = 0
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.session_key != but and session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()
            ended += 1
    UserSession.objects.filter(user=user).exclude(session_key=but).delete()
    return ended
