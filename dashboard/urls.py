from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from .later import Later
from .views import healthz

account, door = Later("allauth.account.views"), Later("dashboard.door")
factors, app, codes, keys = (
    Later(f"allauth.mfa.{kind}.views") for kind in ("base", "totp", "recovery_codes", "webauthn")
)

admin.site.login = secure_admin_login(admin.site.login)  # one door, also for Django's own rooms
handler403 = "dashboard.views.denied"
handler500 = "dashboard.views.server_error"

# As in allauth.mfa.urls, which imports all of its views, and the libraries behind them, at once.
second_factors = [
    path("", factors.index, name="mfa_index"),
    path("authenticate/", factors.authenticate, name="mfa_authenticate"),
    path("reauthenticate/", factors.reauthenticate, name="mfa_reauthenticate"),
    path("totp/activate/", app.activate_totp, name="mfa_activate_totp"),
    path("totp/deactivate/", app.deactivate_totp, name="mfa_deactivate_totp"),
    path("recovery-codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("recovery-codes/generate/", codes.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("recovery-codes/download/", codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("webauthn/", keys.list_webauthn, name="mfa_list_webauthn"),
    path("webauthn/add/", keys.add_webauthn, name="mfa_add_webauthn"),
    path("webauthn/reauthenticate/", keys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("webauthn/keys/<int:pk>/remove/", keys.remove_webauthn, name="mfa_remove_webauthn"),
    path("webauthn/keys/<int:pk>/edit/", keys.edit_webauthn, name="mfa_edit_webauthn"),
    path("webauthn/login/", keys.login_webauthn, name="mfa_login_webauthn"),
]

urlpatterns = [
    path("", include("numbers.urls")),
    path("accounts/login/", door.login, name="account_login"),
    path("accounts/logout/", door.log_out, name="logout"),
    path("accounts/logout/everywhere/", door.log_out_everywhere, name="logout-everywhere"),
    path("accounts/confirm/", account.reauthenticate, name="account_reauthenticate"),
    path("accounts/password/", door.change_password, name="account_change_password"),
    path("accounts/2fa/", include(second_factors)),
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
]
