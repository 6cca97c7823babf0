"""The one door: names and passwords, second factors, and proving again that it is still you."""

import base64
import hashlib
import time
from collections.abc import Callable
from functools import wraps

from allauth.account import views
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.forms import LoginForm
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, user_login_failed
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.views import LogoutView
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.module_loading import import_string
from django.views.decorators.http import require_POST

from dashboard.htmx import Request

from .factors import lacks_factor
from .known_browsers import known
from .sessions import end_sessions
from .single_sign_on import PROVIDER

View = Callable[..., HttpResponse]
TOO_MANY = "too_many_login_attempts"


class AccountAdapter(DefaultAccountAdapter):
    """Nobody signs up here, and the pages themselves say how things are."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "Wrong username or password.",
        TOO_MANY: "Too many attempts. Wait five minutes, then try again.",
        "rate_limited": "Too many attempts. Wait five minutes, then try again.",
        "incorrect_password": "That's not your password.",
        "enter_current_password": "That's not your password.",
        "incorrect_code": "Wrong or expired code. Enter the current one.",
    }

    def is_open_for_signup(self, request: Request) -> bool:
        return False

    def get_client_ip(self, request: Request) -> str:
        return request.address or "::"  # a socket file has none

    def _get_login_attempts_cache_key(self, request: Request, **credentials) -> str:
        """Guesses are counted by name, whatever Host they come with; apart in a browser of its owner."""
        name = str(credentials.get("username", ""))
        return f"{name.casefold()} {known(request, name)}"

    def get_reauthentication_methods(self, user: AbstractUser) -> list[dict]:
        """Where there is a second factor, that alone shows that it is still you: a password may be known."""
        found = super().get_reauthentication_methods(user)
        found = [method for method in found if method["id"] != "reauthenticate"] or found
        if not found and settings.OIDC_ISSUER:  # people who use single sign-on show it there
            url = reverse("openid_connect_login", args=[PROVIDER])
            found = [{"id": PROVIDER, "url": url, "description": settings.OIDC_NAME}]
        return found

    def pre_login(self, request: Request, user: AbstractUser, **kwargs) -> HttpResponse | None:
        """With OIDC_ONLY one account alone comes in by other means, for the day when the provider is down."""
        shown = "sociallogin" in (kwargs.get("signal_kwargs") or {})
        alone = settings.OIDC_ISSUER and settings.OIDC_ONLY
        if alone and not shown and user.get_username() != settings.OIDC_LOCAL_ACCOUNT:
            messages.error(request, f"Log in with {settings.OIDC_NAME}.")
            return redirect("account_login")
        return super().pre_login(request, user, **kwargs)

    def get_password_change_redirect_url(self, request: Request) -> str:
        return reverse("account")

    def add_message(self, *args, **kwargs) -> None:
        """allauth's own messages are left out."""


class MfaAdapter(DefaultMFAAdapter):
    """Keeps the secrets of authenticator apps encrypted: a copy of the database alone opens no door."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": AccountAdapter.error_messages["incorrect_code"],
    }

    def encrypt(self, text: str) -> str:
        return cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return cipher().decrypt(encrypted_text.encode()).decode()


def cipher() -> MultiFernet:
    """Made of SECRET_KEY; what an earlier one encrypted is still read."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [hashlib.sha256(b"second factors:" + key.encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


class NameForm(LoginForm):
    """Calls its field `username`, as browsers and scripts know it."""

    def add_prefix(self, field_name: str) -> str:
        return super().add_prefix("username" if field_name == "login" else field_name)


@login_not_required
def login(request: Request) -> HttpResponse:
    """The log-in. Too many attempts are also told by the status."""
    response = views.login(request)
    form = (getattr(response, "context_data", None) or {}).get("form")
    if form and form.has_error("__all__", TOO_MANY):
        response.status_code = 429
    return response


def log_out(request: Request) -> HttpResponse:
    """End this session, and have the browser forget the pages that it kept."""
    response = LogoutView.as_view()(request)
    response["Clear-Site-Data"] = '"cache"'
    return response


def change_password(request: Request) -> HttpResponse:
    """A new password, for somebody who has just shown who they are. Wrong guesses at the old one are told.

    An account that has none came in by other means.
    """
    if not request.user.has_usable_password():
        messages.info(
            request, "Your account has no password. An administrator can send you a link to choose one."
        )
        return redirect("account")
    response = views.password_change(request)
    form = (getattr(response, "context_data", None) or {}).get("form")
    if form and form.has_error("oldpassword"):
        credentials = {"username": request.user.get_username()}
        user_login_failed.send(sender=__name__, credentials=credentials, request=request)
    return response


@require_POST
def log_out_everywhere(request: Request) -> HttpResponse:
    """End every session of this person, here and on all other machines."""
    end_sessions(request.user)
    logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


def is_fresh(request: Request) -> bool:
    """Whether the person has logged in, or confirmed to be there, within REAUTH_SECONDS (0: never asked)."""
    records = get_authentication_records(request, request.user)
    at = records[-1]["at"] if records else 0
    return not settings.REAUTH_SECONDS or time.time() - at < settings.REAUTH_SECONDS


def confirm_first(request: Request) -> None:
    """Raise what leads to the confirming page, and from there back to this request.

    A request that comes back has passed no middleware: what that asks for may be gone by now.
    """
    if not is_fresh(request):
        raise ReauthenticationRequired
    if lacks_factor(request):
        raise PermissionDenied("Set up two-factor login first.")
    import_string(settings.STILL_MAY)(request)


def shown_freshly(view: View) -> View:
    """`view`, which nobody sees who has not just shown who they are.

    What is sent too late is not kept until then: there are passwords in it.
    """

    @wraps(view)
    def asked(request: Request, *args, **kwargs) -> HttpResponse:
        if request.method == "POST" and not is_fresh(request):
            return redirect(request.get_full_path())
        confirm_first(request)
        return view(request, *args, **kwargs)

    return asked


def freshly(view: View) -> View:
    """`view`, whose POSTs need somebody who has just shown who they are."""

    @wraps(view)
    def asked(request: Request, *args, **kwargs) -> HttpResponse:
        if request.method == "POST":
            confirm_first(request)
        return view(request, *args, **kwargs)

    return asked
