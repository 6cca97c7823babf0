"""The one door: names and passwords, second factors, and proving again that it is still you."""

import base64
import hashlib
import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

from allauth.account import views
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.forms import LoginForm
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.views import LogoutView
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from .browsers import known

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

View = Callable[..., HttpResponse]
TOO_MANY = "too_many_login_attempts"


class AccountAdapter(DefaultAccountAdapter):
    """Nobody signs up here, and the pages themselves say how things are."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": "This user name and password do not go together.",
        TOO_MANY: "Too many tries. Wait five minutes, then try again.",
        "rate_limited": "Too many tries. Wait five minutes, then try again.",
        "incorrect_password": "This is not your password.",
        "enter_current_password": "This is not your password.",
        "incorrect_code": "This code is not right any more. Type the one that shows now.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return request.address

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials) -> str:
        """Guesses are counted by name, whatever Host they come with; apart in a browser of its owner."""
        name = str(credentials.get("username", ""))
        return f"{name.casefold()} {known(request, name)}"

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("mfa_index")

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


def cipher() -> "MultiFernet":
    """Made of SECRET_KEY; what an earlier one encrypted is still read."""
    from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415 -- seldom needed

    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = [hashlib.sha256(b"second factors:" + key.encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


class NameForm(LoginForm):
    """Calls its field `username`, as browsers and scripts know it."""

    def add_prefix(self, field_name: str) -> str:
        return super().add_prefix("username" if field_name == "login" else field_name)


@login_not_required
def login(request: HttpRequest) -> HttpResponse:
    """The log-in. Too many tries are also told by the status."""
    response = views.login(request)
    form = (getattr(response, "context_data", None) or {}).get("form")
    if form and form.has_error("__all__", TOO_MANY):
        response.status_code = 429
    return response


def log_out(request: HttpRequest) -> HttpResponse:
    """End this session, and have the browser forget the pages that it kept."""
    response = LogoutView.as_view()(request)
    response["Clear-Site-Data"] = '"cache"'
    return response


def change_password(request: HttpRequest) -> HttpResponse:
    """A new password. An account that has none came in by other means; administrators give passwords."""
    if not request.user.has_usable_password():
        messages.info(request, "Your account has no password. Whoever manages accounts can give it one.")
        return redirect("mfa_index")
    return views.password_change(request)


@require_POST
def log_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session of this person, here and on all other machines."""
    end_sessions(request.user)
    logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


def end_sessions(user: AbstractUser) -> int:
    """How many there were. A session's owner is inside it, so all are looked through: there are few."""
    ended = 0
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()
            ended += 1
    return ended


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person has logged in, or confirmed to be there, within REAUTH_SECONDS (0: never asked)."""
    records = get_authentication_records(request, request.user)
    at = records[-1]["at"] if records else 0
    return not settings.REAUTH_SECONDS or time.time() - at < settings.REAUTH_SECONDS


def confirm_first(request: HttpRequest) -> None:
    """Raise what leads to the confirming page, and from there back to this request."""
    if not is_fresh(request):
        raise ReauthenticationRequired


def freshly(view: View) -> View:
    """VIEW, whose POSTs need somebody who has just shown who they are."""

    @wraps(view)
    def asked(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if request.method == "POST":
            confirm_first(request)
        return view(request, *args, **kwargs)

    return asked
