"""A code of an authenticator app is taken once, for as long as it would be taken."""

import re

from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import forms
from allauth.mfa.models import Authenticator
from django.core.cache import cache


class Once(forms.BaseAuthenticateForm):
    """allauth remembers a code for one period only; with a tolerance it would be taken for some more."""

    def clean_code(self) -> str:
        code = super().clean_code()
        digits = re.sub(r"\D", "", code)
        periods = 2 * app_settings.TOTP_TOLERANCE + 1
        if self.authenticator.type == Authenticator.Type.TOTP and not cache.add(
            f"code-taken:{self.user.pk}:{digits}", "y", timeout=periods * app_settings.TOTP_PERIOD
        ):
            raise get_adapter().validation_error("incorrect_code")
        return code


class AuthenticateForm(Once, forms.AuthenticateForm):
    """At the log-in."""


class ReauthenticateForm(Once, forms.ReauthenticateForm):
    """Where somebody shows again who they are."""
