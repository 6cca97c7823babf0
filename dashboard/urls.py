from allauth.account import views as account
from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from . import door
from .views import healthz

admin.site.login = secure_admin_login(admin.site.login)  # one door, also for Django's own rooms
handler403 = "dashboard.views.denied"
handler500 = "dashboard.views.server_error"

urlpatterns = [
    path("", include("numbers.urls")),
    path("accounts/login/", door.login, name="account_login"),
    path("accounts/logout/", door.log_out, name="logout"),
    path("accounts/logout/everywhere/", door.log_out_everywhere, name="logout-everywhere"),
    path("accounts/confirm/", account.reauthenticate, name="account_reauthenticate"),
    path("accounts/password/", account.password_change, name="account_change_password"),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
]
