"""What every request gets: an id, a log-in that htmx can follow, and privacy in caches."""

import re
import time
import uuid
from collections.abc import Callable
from urllib.parse import urlsplit

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

from . import causes, logs
from .accounts import known_browsers
from .accounts.factors import OWN, lacks_factor
from .addresses import client_of, is_trusted
from .htmx import Request

Handler = Callable[[Request], HttpResponse]
#: Nothing of the machine is for our pages, but for passkeys.
POLICY = ", ".join(
    f"{name}=()"
    for name in ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "serial", "usb")
)
SEEN_EVERY = 60  # seconds; a session is written this often at most
LOGGED_OUT = "You were logged out, so nothing was ordered or changed."
ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


def request_id(get_response: Handler) -> Handler:
    """`request.id`: a proxy's X-Request-Id when it looks like one, else a new one; also in the answer."""

    def middleware(request: Request) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request.id = given if ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex
        before = logs.request_id.set(request.id)
        try:
            response = get_response(request)
        finally:
            logs.request_id.reset(before)
        response["X-Request-Id"] = request.id
        return response

    return middleware


def bounded_body(get_response: Handler) -> Handler:
    """Larger bodies than MAX_BODY are refused before anything reads them, as the proxy does."""

    def middleware(request: Request) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > settings.MAX_BODY:
            return HttpResponse(
                "The request is too large.\n", status=413, content_type="text/plain; charset=utf-8"
            )
        return get_response(request)

    return middleware


def client_address(get_response: Handler) -> Handler:
    """`request.address`: where the request came from. X-Forwarded-For counts only from TRUSTED_PROXIES.

    One that comes from elsewhere is remembered for the doctor: everybody behind such a proxy shares one
    address, and with it the count of wrong log-ins.
    """

    def middleware(request: Request) -> HttpResponse:
        peer, forwarded = request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For", "")
        request.address = client_of(peer, forwarded)
        if forwarded and not is_trusted(peer):
            causes.note(causes.UNTRUSTED, peer or "a socket file")
        return get_response(request)

    return middleware


def login_for_htmx(get_response: Handler) -> Handler:
    """An htmx request that needs a log-in sends the whole window there, and back to its page afterwards.

    Without this, htmx would follow the redirect and put the log-in page into a corner of the old page.
    """

    def middleware(request: Request) -> HttpResponse:
        response = get_response(request)
        if response.status_code == 302 and request.htmx and response["Location"].startswith(OWN):
            page = page_of(request) or "/"
            where = response["Location"].split("?")[0]
            return HttpResponseClientRedirect(redirect_to_login(page, where).url)
        return response

    return middleware


class LoginRequired(LoginRequiredMiddleware):
    """A person who sends a form after the session ended is told so, and comes back to its page."""

    def handle_no_permission(self, request: HttpRequest, view_func: Callable) -> HttpResponseRedirect:
        if request.method != "POST":
            return super().handle_no_permission(request, view_func)
        messages.warning(request, LOGGED_OUT)
        host, secure = request.get_host(), request.is_secure()
        page = request.headers.get("Referer", "")
        if not url_has_allowed_host_and_scheme(page, allowed_hosts={host}, require_https=secure):
            page = "/"
        parts = urlsplit(page)
        return redirect_to_login(
            parts._replace(scheme="", netloc="").geturl(), resolve_url(settings.LOGIN_URL)
        )


def page_of(request: Request) -> str | None:
    """The page that an htmx request comes from, where it is one of ours."""
    try:
        return request.htmx.current_url_abs_path
    except ValueError:  # no address at all, such as http://[
        return None


def session_life(get_response: Handler) -> Handler:
    """A session ends when nobody used it for a while, and after a working day in any case.

    A poll by an open page is no sign of a person.
    """

    def middleware(request: Request) -> HttpResponse:
        if request.user.is_authenticated:
            now, session = int(time.time()), request.session
            began, seen = session.get("began", 0), session.get("seen", 0)
            if now - began > settings.SESSION_COOKIE_AGE or now - seen > settings.SESSION_IDLE_SECONDS:
                logout(request)
            elif now - seen >= SEEN_EVERY and not polls(request):
                session["seen"] = now
                UserSession.objects.filter(session_key=session.session_key).update(
                    last_seen_at=timezone.now()
                )
        response = get_response(request)
        if name := getattr(request, "logged_in", ""):
            known_browsers.remember(response, name)
        return response

    return middleware


def begin_session(request: Request, user: AbstractUser, **kwargs) -> None:
    """A log-in starts the clocks, and makes the browser known."""
    request.logged_in = user.get_username()
    request.session["provider_mfa"] = getattr(request, "provider_mfa", False)
    request.session["began"] = request.session["seen"] = int(time.time())


def polls(request: HttpRequest) -> bool:
    """Whether an open page asks for news, and nobody has done anything (`numbers.middleware.Live`)."""
    return request.method == "GET" and "X-Seen" in request.headers


def second_factor(get_response: Handler) -> Handler:
    """With REQUIRE_MFA, people who may spend or run things get no further than setting up a second factor."""

    def middleware(request: Request) -> HttpResponse:
        return redirect("account") if lacks_factor(request) else get_response(request)

    return middleware


def private_pages(get_response: Handler) -> Handler:
    """Signed-in pages stay out of every cache, and fragments are never taken for pages."""

    def middleware(request: Request) -> HttpResponse:
        response = get_response(request)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        response["Permissions-Policy"] = POLICY
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response

    return middleware
