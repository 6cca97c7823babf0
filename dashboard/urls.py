from allauth.account.views import reauthenticate
from allauth.mfa.webauthn.views import login_webauthn
from django.urls import include, path
from django.views.generic import RedirectView

from .accounts import single_sign_on
from .accounts.knocks import counted
from .accounts.views import change_password, log_out, log_out_everywhere, login, shown_freshly
from .views import healthz

handler400 = "dashboard.views.bad_request"
handler403 = "dashboard.views.denied"
handler500 = "dashboard.views.server_error"

# Only the addresses of allauth that this dashboard uses: nobody signs up or changes an e-mail address here.
urlpatterns = [
    path("", include("numbers.urls")),
    path("accounts/login/", login, name="account_login"),
    path("accounts/logout/", log_out, name="logout"),
    path("accounts/logout/everywhere/", log_out_everywhere, name="logout-everywhere"),
    path("accounts/confirm/", reauthenticate, name="account_reauthenticate"),
    path("accounts/password/", shown_freshly(change_password), name="account_change_password"),
    path("accounts/2fa/", RedirectView.as_view(pattern_name="account")),
    path("accounts/2fa/webauthn/login/", counted(login_webauthn), name="mfa_login_webauthn"),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path(
        "accounts/oidc/<slug:provider_id>/login/", counted(single_sign_on.begin), name="openid_connect_login"
    ),
    path(
        "accounts/oidc/<slug:provider_id>/login/callback/",
        counted(single_sign_on.finish),
        name="openid_connect_callback",
    ),
    path("healthz", healthz, name="healthz"),
]
