"""What every request gets: an id, a log-in that htmx can follow, and privacy in caches."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import FieldDoesNotExist
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.module_loading import import_string
from django.views.defaults import bad_request
from django_htmx.http import HttpResponseClientRedirect

from . import browsers, logs

log = logging.getLogger("dashboard")
Handler = Callable[[HttpRequest], HttpResponse]
ACCOUNTS, ADMIN = "/accounts/", "/admin/"
UNREADABLE = (DataError, FieldDoesNotExist, OverflowError)
SEEN_EVERY = 60  # seconds; a session is written this often at most
LOGGED_OUT = (
    "You were logged out, so this was not done: nothing was ordered or changed."
    " The Back button of your browser may still show what you had typed."
)
ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


def request_id(get_response: Handler) -> Handler:
    """`request.id`: a proxy's X-Request-Id when it looks like one, else a new one; also in the answer."""

    def middleware(request: HttpRequest) -> HttpResponse:
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


def client_address(get_response: Handler) -> Handler:
    """`request.address`: where the request came from. X-Forwarded-For counts only from TRUSTED_PROXIES.

    Each proxy appends whom it saw, so the list is read from its end, as far as the proxies are ours.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        hops = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
        address = request.META.get("REMOTE_ADDR", "")
        while address in settings.TRUSTED_PROXIES and hops and is_address(hops[-1]):
            address = hops.pop()
        request.address = address[:45]
        return get_response(request)

    return middleware


def is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def login_for_htmx(get_response: Handler) -> Handler:
    """An htmx request that needs a log-in sends the whole window there, and back to its page afterwards.

    Without this, htmx would follow the redirect and put the log-in page into a corner of the old page.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if response.status_code == 302 and request.htmx and response["Location"].startswith(ACCOUNTS):
            page = page_of(request) or "/"
            where = response["Location"].split("?")[0]
            return HttpResponseClientRedirect(redirect_to_login(page, where).url)
        return response

    return middleware


class LoginRequired(LoginRequiredMiddleware):
    """Whoever sends a form without being logged in any more is told so, and comes back to its page."""

    def handle_no_permission(self, request: HttpRequest, view_func: Handler) -> HttpResponse:
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


def page_of(request: HttpRequest) -> str | None:
    """The page that an htmx request comes from, where it is one of ours."""
    try:
        return request.htmx.current_url_abs_path
    except ValueError:  # no address at all, such as http://[
        return None


def odd_requests_of_the_admin(get_response: Handler) -> Handler:
    """What the admin cannot read, such as an id beyond every id, is a bad request and no error of ours."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def answer(request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not request.path.startswith(ADMIN) or not isinstance(error, UNREADABLE):
            return None
        log.warning("the admin could not read a request", exc_info=error)
        return bad_request(request, error)

    middleware.process_exception = answer
    return middleware


def session_life(get_response: Handler) -> Handler:
    """A session ends when nobody used it for a while, and after a working day in any case.

    A page that asks by itself whether something changed is nobody's use.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now, session = int(time.time()), request.session
            began, seen = session.get("began", 0), session.get("seen", 0)
            if now - began > settings.SESSION_COOKIE_AGE or now - seen > settings.SESSION_IDLE_SECONDS:
                logout(request)
            elif now - seen >= SEEN_EVERY and not polls(request):
                session["seen"] = now
        response = get_response(request)
        if name := getattr(request, "logged_in", ""):
            browsers.remember(response, name)
        return response

    return middleware


def begin_session(request: HttpRequest, user: AbstractUser, **kwargs) -> None:
    """A log-in starts the clocks, and makes the browser known."""
    request.logged_in = user.get_username()
    request.session["began"] = request.session["seen"] = int(time.time())


def polls(request: HttpRequest) -> bool:
    return bool(request.htmx and "seen" in request.GET)


def second_factor(get_response: Handler) -> Handler:
    """With REQUIRE_MFA, whoever may spend or run things gets no further than setting up a second factor."""
    bound = import_string(settings.SECOND_FACTOR_FOR)

    def middleware(request: HttpRequest) -> HttpResponse:
        if not settings.REQUIRE_MFA or not request.user.is_authenticated or request.path.startswith(ACCOUNTS):
            return get_response(request)
        if not bound(request.user) or is_mfa_enabled(request.user):
            return get_response(request)
        return redirect("mfa_index")

    return middleware


def private_pages(get_response: Handler) -> Handler:
    """Signed-in pages stay out of every cache, and fragments are never taken for pages."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response

    return middleware
