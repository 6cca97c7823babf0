"""Settings of buying that could not mean what they say."""

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from dashboard.checks import SETTINGS

from .currencies import CURRENCIES
from .permissions import Role


@register(SETTINGS)
def roles_of_single_sign_on(app_configs, **kwargs) -> list[CheckMessage]:
    """A role that is misspelled would be taken from everybody who has it."""
    unknown = sorted(set(settings.OIDC_ROLES.values()) - set(Role.values))
    return [
        Error(
            f"OIDC_ROLES gives {role!r}, which isn't a role.",
            hint=f"Use value=role pairs separated by commas. The roles are {', '.join(Role.values)}.",
            id="numbers.E002",
        )
        for role in unknown
    ]


@register(SETTINGS)
def limit_currency(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.LIMIT_CURRENCY in CURRENCIES:
        return []
    return [
        Error(
            f"LIMIT_CURRENCY is {settings.LIMIT_CURRENCY!r}, which isn't a currency.",
            hint="Use an ISO 4217 code in capitals, such as USD or EUR.",
            id="numbers.E001",
        )
    ]
