"""Settings that would let something dangerous happen, each with a way out."""

import os
from itertools import filterfalse
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

from . import setting_catalog
from .addresses import SOCKET_FILE, is_network

#: The checks that every command makes. A web makes all of them, and loads every page to do so.
SETTINGS = "settings"


def is_private(url: str) -> bool:
    """Whether nobody on the way can read what is sent to `url`."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in settings.LOOPBACK)


@register(SETTINGS)
def secret_key(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.HAS_SECRET_KEY:
        return []
    return [
        Error(
            "No SECRET_KEY is set.",
            hint="Set SECRET_KEY in the environment or in .env. `manage.py demo` creates one for this"
            " machine.",
            id="dashboard.E001",
        )
    ]


@register(SETTINGS)
def lease_outlasts_call(app_configs, **kwargs) -> list[CheckMessage]:
    longest = settings.FLUENTS_CONNECT_TIMEOUT + settings.FLUENTS_READ_TIMEOUT
    if longest < settings.LEASE_SECONDS:
        return []
    return [
        Error(
            f"LEASE_SECONDS ({settings.LEASE_SECONDS:g}) is shorter than a call to Fluents ({longest:g} s).",
            hint="Another worker could take over a line while its purchase is in progress. Set"
            " LEASE_SECONDS above FLUENTS_CONNECT_TIMEOUT + FLUENTS_READ_TIMEOUT.",
            id="dashboard.E002",
        )
    ]


@register(SETTINGS)
def values(app_configs, **kwargs) -> list[CheckMessage]:
    """Each setting is of the kind and in the range that the catalog says."""
    wrong = list(setting_catalog.unreadable)
    for setting in setting_catalog.SETTINGS.values():
        if setting.range and hasattr(settings, setting.kept_as or setting.name):
            wrong += filter(None, [setting.why_wrong(getattr(settings, setting.kept_as or setting.name))])
    hint = "Correct it in the environment or in .env. docs/settings.md lists every setting."
    return [Error(text, hint=hint, id="dashboard.E014") for text in wrong]


@register(SETTINGS)
def names(app_configs, **kwargs) -> list[CheckMessage]:
    """A limit under a name that nobody reads is no limit."""
    from_file = setting_catalog.from_file - setting_catalog.NAMES.keys()
    found: list[CheckMessage] = []
    for name in sorted({*os.environ, *from_file}):
        meant = setting_catalog.meant_by(name)
        if not meant and name not in from_file:
            continue  # of the many names that are not ours
        hint = f"Did you mean {meant}? " if meant else ""
        said = {
            "msg": f"{name} is set but not used.",
            "hint": f"{hint}docs/settings.md lists every setting.",
        }
        if meant and (name in from_file or name.startswith(setting_catalog.OURS)):
            found.append(Error(**said, id="dashboard.E015"))
        else:
            found.append(checks.Warning(**said, id="dashboard.W008"))
    return found


@register(SETTINGS)
def metrics_addresses(app_configs, **kwargs) -> list[CheckMessage]:
    return [
        Error(
            f"METRICS_ADDRESSES holds {address!r}, which isn't an address or network.",
            hint="Use values such as 10.0.0.7 or 10.0.0.0/24, separated by commas.",
            id="dashboard.E005",
        )
        for address in filterfalse(is_network, settings.METRICS_ADDRESSES)
    ]


@register(SETTINGS)
def token(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.FLUENTS_API_TOKEN or not settings.FLUENTS_LIVE:
        return []
    return [
        checks.Warning(
            "FLUENTS_API_TOKEN isn't set. Pages work, but nothing can be bought or synced.",
            hint="Copy the key from Settings > Environments in the Fluents app.",
            id="dashboard.W001",
        )
    ]


@register(SETTINGS)
def webhook(app_configs, **kwargs) -> list[CheckMessage]:
    url = settings.NOTIFY_WEBHOOK_URL
    if not urlsplit(url).netloc or (is_private(url) and settings.NOTIFY_WEBHOOK_SECRET):
        return []
    return [
        Error(
            "NOTIFY_WEBHOOK_URL would receive notices unencrypted or unsigned.",
            hint="Use https (http is only for this machine) and set NOTIFY_WEBHOOK_SECRET.",
            id="dashboard.E006",
        )
    ]


@register(SETTINGS)
def slack(app_configs, **kwargs) -> list[CheckMessage]:
    url = settings.NOTIFY_SLACK_URL
    if not url or (urlsplit(url).netloc and is_private(url)):
        return []
    hint = "Use the https address that Slack gives for an incoming webhook."
    return [Error("NOTIFY_SLACK_URL would receive alarms unencrypted.", hint=hint, id="dashboard.E021")]


@register(SETTINGS)
def second_factor(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.REQUIRE_MFA or not settings.FLUENTS_LIVE:
        return []
    return [
        checks.Warning(
            "A password alone is enough to spend real money because REQUIRE_MFA is off.",
            hint="Set REQUIRE_MFA=on. People then set up two-factor login when they next log in.",
            id="dashboard.W002",
        )
    ]


@register(deploy=True)
def second_factor_in_the_open(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.REQUIRE_MFA or settings.FLUENTS_LIVE:
        return []
    return [
        checks.Warning(
            "This sandbox doesn't use two-factor login. A password is enough.",
            hint="That's fine for a demo on your own machine. Set REQUIRE_MFA=on for anything others can"
            " reach.",
            id="dashboard.W003",
        )
    ]


@register(SETTINGS)
def sessions_end(app_configs, **kwargs) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not 0 < settings.SESSION_IDLE_SECONDS <= settings.SESSION_COOKIE_AGE <= 24 * 3600:
        found.append(
            checks.Warning(
                "Sessions last longer than a day, or never end when idle.",
                hint="Set SESSION_IDLE_SECONDS (1800) and SESSION_SECONDS (43200).",
                id="dashboard.W004",
            )
        )
    if settings.FLUENTS_LIVE and not settings.REAUTH_SECONDS:
        found.append(
            checks.Warning(
                "People aren't asked for their password again before they release numbers or resume buying.",
                hint="Set REAUTH_SECONDS (1800).",
                id="dashboard.W005",
            )
        )
    return found


@register(SETTINGS)
def single_sign_on(app_configs, **kwargs) -> list[CheckMessage]:
    if not settings.OIDC_ISSUER:
        return []
    found: list[CheckMessage] = []
    if not is_private(settings.OIDC_ISSUER):
        found.append(
            Error(
                "OIDC_ISSUER isn't https. Anyone on the network could log in as someone else.",
                hint="Use the issuer exactly as the provider gives it, starting with https://.",
                id="dashboard.E010",
            )
        )
    if not settings.OIDC_CLIENT_ID or not settings.OIDC_CLIENT_SECRET:
        found.append(
            Error(
                "OIDC_ISSUER is set without OIDC_CLIENT_ID or OIDC_CLIENT_SECRET.",
                hint="Register this dashboard with the provider to get both.",
                id="dashboard.E011",
            )
        )
    if settings.OIDC_ONLY and not settings.OIDC_LOCAL_ACCOUNT:
        found.append(
            Error(
                "With OIDC_ONLY, no one can log in while the provider is down.",
                hint="Name one local account in OIDC_LOCAL_ACCOUNT, and keep its password safe.",
                id="dashboard.E012",
            )
        )
    return found


@register(SETTINGS)
def in_the_clear(app_configs, **kwargs) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not is_private(settings.FLUENTS_API_URL):
        found.append(
            Error(
                "The Fluents token would be sent unencrypted.",
                hint="FLUENTS_API_URL must begin with https://. Plain http is for this machine only.",
                id="dashboard.E007",
            )
        )
    if settings.FLUENTS_LIVE and settings.DEBUG:
        found.append(
            Error(
                "DEBUG shows settings to anyone who triggers an error, on a server that spends real money.",
                hint="Set DEBUG=off, or point FLUENTS_API_URL at a sandbox.",
                id="dashboard.E008",
            )
        )
    wrong = sorted(name for name in settings.TRUSTED_PROXIES if name not in ("", SOCKET_FILE))
    for name in filterfalse(is_network, wrong):
        found.append(
            Error(
                f"TRUSTED_PROXIES holds {name!r}, which isn't an address or network.",
                hint="Use values such as 10.0.0.7 or 10.0.0.0/24, separated by commas, or unix for a socket.",
                id="dashboard.E013",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        found.append(
            Error(
                "ALLOWED_HOSTS accepts any host name.",
                hint="List the host names people use to reach the dashboard.",
                id="dashboard.E009",
            )
        )
    return found


@register(deploy=True)
def behind_no_proxy(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.TRUSTED_PROXIES or settings.LOCAL_ONLY:
        return []
    return [
        checks.Warning(
            "TRUSTED_PROXIES is empty. Behind a proxy, everyone would share one address.",
            hint="Name the proxy. Otherwise 10 failed logins a minute lock everyone out.",
            id="dashboard.W007",
        )
    ]


@register(SETTINGS)
def private_files(app_configs, **kwargs) -> list[CheckMessage]:
    """Database, journal and .env are for the user that runs the dashboard alone."""
    database = settings.DATABASES["default"]
    files = [settings.JOURNAL_PATH, settings.BASE_DIR / ".env"]
    if database["ENGINE"].endswith("sqlite3"):
        files.append(Path(str(database["NAME"])))
    return [
        checks.Warning(
            f"Other users on this machine can read {file}.",
            hint=f"chmod 600 {file}",
            id="dashboard.W006",
        )
        for file in files
        if file.is_file() and file.stat().st_mode & 0o077
    ]
