"""Doors at which a stranger leaves a session or an event behind: an address knocks there only so often."""

from functools import wraps
from time import time

from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import HttpResponse

from dashboard.htmx import Request

from .views import View

MOST, MINUTE = 60, 60
TOO_MANY = "Too many tries. Wait a minute, then try again.\n"


def counted(view: View) -> View:
    """`view`, which answers strangers of one address MOST times a minute."""

    @login_not_required
    @wraps(view)
    def answered(request: Request, *args, **kwargs) -> HttpResponse:
        if request.user.is_anonymous:
            key = f"knocks:{request.address}:{int(time()) // MINUTE}"
            cache.add(key, 0, timeout=2 * MINUTE)
            if cache.incr(key) > MOST:
                return HttpResponse(TOO_MANY, status=429, content_type="text/plain; charset=utf-8")
        return view(request, *args, **kwargs)

    return answered
