"""Who may come in where; and the history learns where each request came from and which ones were refused."""

import re
import secrets
from collections.abc import Callable
from zlib import crc32

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import resolve
from django.utils.encoding import escape_uri_path

from dashboard.htmx import Request
from dashboard.middleware import polls

from .db import news
from .permissions import OWN, Right, may, methods, refusal
from .services.audit import rights
from .services.audit.events import ADDRESS, REQUEST, Actor, record_event
from .services.people.first_account import nobody_yet

MACHINES = ("/healthz", "/readyz", "/metrics")  # what nobody reads in a browser
MINUTE, SAMPLE = 60, 100  # seconds; refusals
ACCOUNTS = "accounts/"  # one's own log-in, password and second factors: open to everybody who is in

#: Pages that are made anew when something has changed; of all others the frame alone is.
LIVE = {
    "overview",
    "attention",
    "number-list",
    "number",
    "invoice",
    "order-list",
    "order",
    "review",
    "drift",
    "reconcile",
    "plan-list",
    "plan",
}
FORM_TOKENS = re.compile(rb'"[A-Za-z0-9]{64}"')  # other ones in each answer
ROW = re.compile(rb'(<tr (?:id|data-number|data-item)="[^"]*"[^>]*)>.*?</tr>', re.DOTALL)

Handler = Callable[[Request], HttpResponse]


def tell_the_history(get_response: Handler) -> Handler:
    """Events carry the address of the request at hand; what a person may not do becomes an event.

    Strangers are sent to the log-in without one: they could fill the history at will.
    """

    def middleware(request: Request) -> HttpResponse:
        token, here = ADDRESS.set(request.address), REQUEST.set(request)
        try:
            response = get_response(request)
            told = getattr(request, "refusal_told", False)
            if response.status_code == 403 and request.user.is_authenticated and not told:
                tell_refusal(request)
            return response
        finally:
            ADDRESS.reset(token)
            REQUEST.reset(here)

    return middleware


def set_up_first(get_response: Handler) -> Handler:
    """While there is no account, every page says just that, with the command that makes one."""

    def middleware(request: Request) -> HttpResponse:
        if request.path in MACHINES or request.user.is_authenticated or not nobody_yet():
            return get_response(request)
        return render(request, "setup.html", {"fluents_live": settings.FLUENTS_LIVE}, status=503)

    return middleware


def tell_refusal(request: Request) -> None:
    """The first of its kind in a minute becomes an event, and about one in SAMPLE of the others."""
    page = request.resolver_match.view_name if request.resolver_match else ""
    first = cache.add(f"refused:{request.user.pk}:{request.method}:{page}", "y", timeout=MINUTE)
    if first or not secrets.randbelow(SAMPLE):
        record_event(
            action="access.denied",
            by=Actor.person(request.user, request.id),
            reason=getattr(request, "denied", "The account has no permission for this."),
            after={"method": request.method, "path": escape_uri_path(request.path)[:200]},
        )


class Roles:
    """Nobody gets to a view without the right that its page asks for, whatever the page shows or hides."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: Request, view: Handler, args: tuple, kwargs: dict) -> HttpResponse | None:
        """Refuse what the table does not allow, and all that it does not know."""
        page, method = request.resolver_match, request.method or ""
        if not page or not getattr(view, "login_required", True):
            return None
        if page.route.startswith(ACCOUNTS) or page.view_name in OWN:
            return None
        allowed = methods(page.view_name)
        if allowed and method not in allowed:
            return HttpResponseNotAllowed(allowed)
        demand(request, allowed.get(method))
        return None


class Live:
    """Every open page asks at its own address, again and again, for news since what it has seen (X-Seen).

    Where nothing has changed, or nothing that it shows, the answer is 204; else it is the page as it is now,
    without what is in the rows that it has already. A view that knows by `request.held` what the page has
    (X-Held) may leave out more.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: Request) -> HttpResponse:
        response = self.get_response(request)
        if polls(request) and hasattr(request, "seen") and response.status_code == 200:
            known = request.headers["X-Seen"].partition("!")[2]
            response.content, shown = shortened(response.content, known)
            if shown == known:
                response = HttpResponse(status=204)
            response["X-Seen"] = f"{request.seen}!{shown}"
        return response

    def process_view(self, request: Request, view: Handler, args: tuple, kwargs: dict) -> HttpResponse | None:
        """Find out where the database is before the view reads it; answer polls that need no view."""
        page = request.resolver_match
        live = page and page.view_name in LIVE
        if request.method != "GET" or request.htmx or not getattr(view, "login_required", True):
            return None
        if not live and not polls(request):
            request.seen = ""  # until the frame is read
            return None
        seen = request.headers.get("X-Seen", "").partition("!")[0]
        if polls(request) and not news.is_old(seen):
            request.held = frozenset(request.headers.get("X-Held", "").split(","))
        request.seen, changed, request.kept = news.look(seen)
        if polls(request) and not changed:
            return HttpResponse(status=204)
        return None if live else render(request, "components/frame.html")

    def process_exception(self, request: Request, exception: Exception) -> None:
        if hasattr(request, "seen"):
            del request.seen  # a page that says what went wrong has no news


def shortened(page: bytes, known: str) -> tuple[bytes, str]:
    """`page` with rows emptied whose checksums are `known`, and the checksums of it and its rows."""
    had, sums = set(known.split(",")), [checksum(page)]

    def short(row: re.Match[bytes]) -> bytes:
        sums.append(checksum(row[0]))
        return row[1] + b" data-same></tr>" if sums[-1] in had else row[0]

    return ROW.sub(short, page), ",".join(sums)


def checksum(part: bytes) -> str:
    return f"{crc32(FORM_TOKENS.sub(b'', part)):x}"


def still_may(request: Request) -> None:
    """Refuse a request that comes back after confirming, past `Roles`, if the right for its page is gone."""
    if right := methods(resolve(request.path_info).view_name).get(request.method or ""):
        rights.demand(Actor.person(request.user, request.id), right)


def demand(request: Request, right: Right | None) -> None:
    """Raise what becomes a page that says who may do this, unless this person may."""
    if right is None or not may(request.user, right):
        raise PermissionDenied(refusal(request.user, right))
