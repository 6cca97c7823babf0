"""Single sign-on by OpenID Connect: people log in at a provider that the settings name.

allauth sends the browser there and back (state, PKCE) and fetches the tokens. What it leaves out is here: the
nonce, and the signature, issuer, audience and times of the ID token, however it came. Who comes in with
which roles is for `settings.SIGN_ON` to say.
"""

import secrets
import time
from urllib.parse import urlencode, urlsplit

import jwt
import requests
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.reauthentication import resume_request
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import AuthError
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import user_login_failed
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe

from dashboard.htmx import Request

PROVIDER = "sso"  # in addresses
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
LEEWAY = 60  # seconds that the clocks of two machines may differ
FRESH = 120  # seconds after which a confirmation at the provider is too old
TIMEOUT = (3.0, 10.0)


class NotAdmitted(Exception):
    """Somebody who is known to the provider does not come in here; the text says why, for people."""


class Sessions(requests.Session):
    """Requests to the provider: bounded in time, without redirects, proxies and .netrc."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def request(self, *args, **kwargs) -> requests.Response:
        kwargs |= {"timeout": TIMEOUT, "allow_redirects": False}
        return super().request(*args, **kwargs)


class SocialAdapter(DefaultSocialAccountAdapter):
    """Whom the provider has shown to us comes in as the account that `settings.SIGN_ON` finds or makes."""

    def get_requests_session(self) -> requests.Session:
        return Sessions()

    def on_authentication_error(self, request, _provider, error=None, exception=None, **_more) -> None:
        """Back to the log-in, which says so; the history is told why."""
        cancelled = error == AuthError.CANCELLED
        refuse(
            request,
            "You cancelled the login." if cancelled else f"{settings.OIDC_NAME} login failed. Try again.",
            why=str(exception or error or "")[:200],
        )

    def pre_social_login(self, request: Request, sociallogin: SocialLogin) -> None:
        """Admit the person, or raise what leads back to the log-in."""
        claims = sociallogin.account.extra_data
        sociallogin.account.extra_data = {}  # nothing of it is kept
        user = sociallogin.user if sociallogin.is_existing else None
        nonce = (sociallogin.state.get("data") or {}).get("nonce")
        if not nonce or not secrets.compare_digest(nonce, str(claims.get("nonce", ""))):
            refuse(request, f"{settings.OIDC_NAME} login failed. Try again.", why="wrong nonce")
        if sociallogin.state.get("process") == AuthProcess.REDIRECT:
            confirm(request, sociallogin, claims)
        try:
            user = import_string(settings.SIGN_ON)(request=request, user=user, claims=claims)
        except NotAdmitted as error:
            refuse(request, str(error), why=str(error))
        if sociallogin.is_existing:
            sociallogin.account.save()
        else:
            sociallogin.connect(request, user)
        request.provider_mfa = has_second_factor(claims)


def has_second_factor(claims: dict) -> bool:
    """Whether the provider says that it has asked for more than a password. Silence is no."""
    amr = claims.get("amr")
    said = isinstance(amr, list) and "mfa" in amr
    return said or str(claims.get("acr", "")) in settings.OIDC_MFA_ACR


def confirm(request: Request, sociallogin: SocialLogin, claims: dict) -> None:
    """Somebody who is logged in has shown at the provider that it is still them. On to what they wanted."""
    said = claims.get("auth_time")
    age = time.time() - said if isinstance(said, int | float) else FRESH * 2
    if not sociallogin.is_existing or sociallogin.user != request.user or age > FRESH + LEEWAY:
        messages.error(request, f"{settings.OIDC_NAME} didn't confirm that it's you.")
        raise ImmediateHttpResponse(redirect("account"))
    record_authentication(request, request.user, "socialaccount", reauthenticated=True, provider=PROVIDER)
    asked = urlencode({"next": sociallogin.state.get("next") or "/"})
    request.GET = QueryDict(asked)
    raise ImmediateHttpResponse(resume_request(request) or redirect("/"))


def refuse(request: Request, text: str, *, why: str) -> None:
    """Raise what leads back to the log-in, which shows `text`; the history is told `why`."""
    user_login_failed.send(sender=__name__, credentials={"single_sign_on": why}, request=request)
    messages.error(request, text)
    raise ImmediateHttpResponse(redirect("account" if request.user.is_authenticated else "account_login"))


class Adapter(OpenIDConnectOAuth2Adapter):
    """Checks all that OpenID Connect Core 3.1.3.7 asks of an ID token, its signature always."""

    @property
    def openid_config(self) -> dict:
        config = super().openid_config
        if config.get("issuer") != settings.OIDC_ISSUER:
            raise OAuth2Error("the issuer doesn't match")
        for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"):
            if not is_safe(str(config.get(name, ""))):
                raise OAuth2Error(f"the provider's {name} isn't https")
        return config

    def complete_login(self, request, app, token, **kwargs) -> SocialLogin:
        """The log-in with the claims of the ID token, over those of the user-info of the same person."""
        id_token = kwargs["response"].get("id_token")
        if not id_token:
            raise OAuth2Error("the provider sent no ID token")
        claims = self.decode(app.client_id, id_token)
        about = self._fetch_user_info(token.token)
        if about.get("sub") != claims["sub"]:
            raise OAuth2Error("the user info belongs to someone else")
        login = self.get_provider().sociallogin_from_response(request, {"id_token": claims})
        login.account.extra_data = about | claims
        return login

    def decode(self, client_id: str, id_token: str) -> dict:
        """The claims of `id_token`. Raises OAuth2Error unless each of them holds, now."""
        with get_adapter().get_requests_session() as session:
            answer = session.get(self.openid_config["jwks_uri"])
            answer.raise_for_status()
        try:
            kid = jwt.get_unverified_header(id_token).get("kid")
            keys = jwt.PyJWKSet.from_dict(answer.json()).keys
            fitting = (key for key in keys if key.public_key_use in (None, "sig"))
            key = next(key for key in fitting if kid is None or key.key_id == kid)
            claims = jwt.decode(
                id_token,
                key=key,
                algorithms=ALGORITHMS,
                audience=client_id,
                issuer=settings.OIDC_ISSUER,
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except StopIteration:
            raise OAuth2Error("the ID token is signed with an unknown key") from None
        except (jwt.PyJWTError, ValueError) as error:
            raise OAuth2Error(f"the ID token isn't valid: {error}") from error
        if len(claims["aud"]) > 1 and isinstance(claims["aud"], list) and claims.get("azp") != client_id:
            raise OAuth2Error("the ID token is for another application")
        return claims


def is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in settings.LOOPBACK)


@require_safe
@login_not_required
def begin(request: Request, provider_id: str) -> HttpResponse:
    """To the provider; for somebody who is logged in, to show there that it is still them.

    Nobody is logged in because another site has sent their browser here.
    """
    if provider_id != PROVIDER or not settings.OIDC_ISSUER:
        raise Http404
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return redirect("account_login")
    next_url = request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(next_url, {request.get_host()}, require_https=request.is_secure()):
        next_url = "/"
    nonce, again = secrets.token_urlsafe(24), request.user.is_authenticated
    params = {"nonce": nonce} | ({"prompt": "login", "max_age": "0"} if again else {})
    provider = get_adapter().get_provider(request, PROVIDER)
    provider.oauth2_adapter_class = Adapter
    try:
        return provider.redirect(
            request,
            process=AuthProcess.REDIRECT if again else AuthProcess.LOGIN,
            next_url=next_url,
            data={"nonce": nonce},
            auth_params=params,
        )
    except (OAuth2Error, requests.RequestException) as error:
        return failed(request, provider, error)


@require_safe
@login_not_required
def finish(request: Request, provider_id: str) -> HttpResponse:
    """Back from the provider."""
    if provider_id != PROVIDER or not settings.OIDC_ISSUER:
        raise Http404
    return OAuth2CallbackView.adapter_view(Adapter(request, PROVIDER))(request)


def failed(request: Request, provider, error: Exception) -> HttpResponse:
    try:
        get_adapter().on_authentication_error(request, provider, exception=error)
    except ImmediateHttpResponse as answer:
        return answer.response
    raise PermissionDenied
