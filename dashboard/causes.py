"""Why a browser gets no further: the true cause as a sentence with its fix, for the page where it hurts.

The doctor is told what came in so within the last day.
"""

import time
from contextlib import suppress

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpRequest
from django.middleware.csrf import REASON_BAD_ORIGIN, REASON_NO_CSRF_COOKIE

from .addresses import is_trusted

#: Under which the cache keeps for the doctor what came in: from whom, or by which name.
UNTRUSTED, IN_CLEAR, NO_PROTO, WRONG_NAME = (
    "forwarded-by-untrusted",
    "came-in-clear",
    "proxy-without-proto",
    "came-by-wrong-name",
)
MINUTE, DAY = 60, 24 * 3600
_noted: dict[str, float] = {}


def note(kind: str, what: str) -> None:
    """Remember `what` for the doctor; of each kind one a minute."""
    if time.monotonic() - _noted.get(kind, -MINUTE) >= MINUTE:
        _noted[kind] = time.monotonic()
        with suppress(DatabaseError):  # the cause is told in any case
            cache.set(kind, what[:80], DAY)


def of_no_cookie(request: HttpRequest) -> str:
    """Why the browser keeps no cookie of ours and nobody can log in, or ""."""
    if settings.LOCAL_ONLY or request.is_secure():
        return ""
    if request.headers.get("X-Forwarded-Proto") or not by_proxy(request):
        note(IN_CLEAR, request.META.get("HTTP_HOST", ""))
        page = f"https://{request.get_host().rsplit(':', 1)[0]}/"
        return f"This page was loaded over plain http, where you can't stay logged in. Open {page} instead."
    note(NO_PROTO, request.META.get("REMOTE_ADDR", "") or "a socket file")
    return (
        "The proxy doesn't say that you use https, so no one can log in."
        " Its administrator needs to send “X-Forwarded-Proto: https”, as deploy/nginx-proxy.conf does."
    )


def by_proxy(request: HttpRequest) -> bool:
    peer, signs = request.META.get("REMOTE_ADDR", ""), ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via")
    return is_trusted(peer) or any(name in request.headers for name in signs)


def of_refused_form(request: HttpRequest, reason: str) -> str:
    """Why a form was not taken, as far as Django's `reason` and the request tell; "" where it was too old."""
    if cause := of_no_cookie(request):
        return cause
    if reason.startswith(REASON_BAD_ORIGIN.partition("%")[0]):
        origin = request.headers.get("Origin", "")[:100]
        return (
            f"Your browser is at {origin}, which isn't a known address of this dashboard."
            " An administrator needs to add it to CSRF_TRUSTED_ORIGINS."
        )
    if reason == REASON_NO_CSRF_COOKIE:
        return "Your browser didn't send our cookie. Allow cookies for this site and reload the page."
    return ""


def of_wrong_name(request: HttpRequest) -> str:
    """Why nobody is served under the name in the address."""
    name = request.META.get("HTTP_HOST", "").rsplit(":", 1)[0][:100]
    note(WRONG_NAME, name)
    fix = "An administrator needs to add it to ALLOWED_HOSTS and restart."
    return f"This dashboard isn't set up for the host name “{name}”. {fix}"
