"""Second factors: who has to have one before anything but the own account is open."""

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.utils.module_loading import import_string

from dashboard.htmx import Request

OWN = ("/accounts/", "/account/")  # open without a second factor: here one is set up


def lacks_factor(request: Request) -> bool:
    """Whether REQUIRE_MFA keeps this person out of what request asks for, until a second factor is set up."""
    if not settings.REQUIRE_MFA or not request.user.is_authenticated or request.path.startswith(OWN):
        return False
    if request.session.get("provider_mfa") or not import_string(settings.SECOND_FACTOR_FOR)(request.user):
        return False
    return not is_mfa_enabled(request.user)
