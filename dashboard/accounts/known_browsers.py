"""Browsers from which somebody has logged in. Guesses of others do not keep their owner out there."""

import uuid

from django.conf import settings
from django.core import signing
from django.http import HttpResponse

from dashboard.htmx import Request

SALT = "a browser that is known"
LASTS = 90 * 24 * 3600


def cookie() -> str:
    return "known" if settings.LOCAL_ONLY else "__Host-known"


def remember(response: HttpResponse, name: str) -> None:
    """Give the browser that gets `response` a mark of its own: `name` has logged in from it."""
    response.set_cookie(
        cookie(),
        signing.dumps([name.casefold(), uuid.uuid4().hex], salt=SALT),
        max_age=LASTS,
        secure=not settings.LOCAL_ONLY,
        httponly=True,
        samesite="Lax",
    )


def known(request: Request, name: str) -> str:
    """The mark of the browser that sends `request`, "" where `name` has never logged in from it."""
    try:
        owner, mark = signing.loads(request.COOKIES.get(cookie(), ""), salt=SALT, max_age=LASTS)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return mark if owner == name.casefold() else ""
