"""Settings that would let something dangerous happen, each with a way out."""

from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

from .logs import FORMATTERS


@register()
def secret_key(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.HAS_SECRET_KEY:
        return []
    return [
        Error(
            "No SECRET_KEY is set.",
            hint="Set SECRET_KEY in the environment or in .env. `manage.py demo` makes one for this machine.",
            id="dashboard.E001",
        )
    ]


@register()
def lease_outlasts_call(app_configs, **kwargs) -> list[CheckMessage]:
    longest = settings.FLUENTS_CONNECT_TIMEOUT + settings.FLUENTS_READ_TIMEOUT
    if longest < settings.LEASE_SECONDS:
        return []
    return [
        Error(
            f"LEASE_SECONDS ({settings.LEASE_SECONDS:g}) does not outlast a call to Fluents ({longest:g} s).",
            hint="Others would take a line over while its purchase is still under way. "
            "Set LEASE_SECONDS above FLUENTS_CONNECT_TIMEOUT + FLUENTS_READ_TIMEOUT.",
            id="dashboard.E002",
        )
    ]


@register()
def task_backend(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.TASKS["default"]["BACKEND"] == "django_tasks_db.DatabaseBackend":
        return []
    return [
        Error(
            "Tasks must live in the database, in the same transaction as the books.",
            hint='TASKS["default"]["BACKEND"] must be django_tasks_db.DatabaseBackend.',
            id="dashboard.E003",
        )
    ]


@register()
def log_format(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.LOG_FORMAT in FORMATTERS:
        return []
    return [
        Error(
            f"LOG_FORMAT is {settings.LOG_FORMAT!r}, which there is not.",
            hint="Set LOG_FORMAT to text or json.",
            id="dashboard.E004",
        )
    ]


@register()
def metrics_addresses(app_configs, **kwargs) -> list[CheckMessage]:
    found = []
    for address in settings.METRICS_ADDRESSES:
        try:
            ip_network(address)
        except ValueError:
            found.append(
                Error(
                    f"METRICS_ADDRESSES holds {address!r}, which is no address or network.",
                    hint="Write 10.0.0.7 or 10.0.0.0/24, with commas between them.",
                    id="dashboard.E005",
                )
            )
    return found


@register()
def token(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.FLUENTS_API_TOKEN or not settings.FLUENTS_LIVE:
        return []
    return [
        checks.Warning(
            "No FLUENTS_API_TOKEN is set: pages work, but nothing can be bought or synced.",
            hint="Copy the key from Settings, Environments in the Fluents app.",
            id="dashboard.W001",
        )
    ]


@register()
def webhook(app_configs, **kwargs) -> list[CheckMessage]:
    if not (url := urlsplit(settings.NOTIFY_WEBHOOK_URL)).netloc:
        return []
    safe = url.scheme == "https" or (url.scheme == "http" and url.hostname in settings.LOOPBACK)
    if safe and settings.NOTIFY_WEBHOOK_SECRET:
        return []
    return [
        Error(
            "NOTIFY_WEBHOOK_URL would be told our news in clear, or unsigned.",
            hint="Use https (plain http is for this machine only) and set NOTIFY_WEBHOOK_SECRET.",
            id="dashboard.E006",
        )
    ]


@register()
def second_factor(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.REQUIRE_MFA or not settings.FLUENTS_LIVE:
        return []
    return [
        checks.Warning(
            "A password alone is enough to spend real money: REQUIRE_MFA is off.",
            hint="Set REQUIRE_MFA=on. People are then led to set up a second factor when they log in.",
            id="dashboard.W002",
        )
    ]


@register(deploy=True)
def second_factor_in_the_open(app_configs, **kwargs) -> list[CheckMessage]:
    if settings.REQUIRE_MFA or settings.FLUENTS_LIVE:
        return []
    return [
        checks.Warning(
            "This is a sandbox without second factors: a password alone opens it.",
            hint="Right for a demo on one's own machine. Set REQUIRE_MFA=on for anything that others reach.",
            id="dashboard.W003",
        )
    ]


@register()
def sessions_end(app_configs, **kwargs) -> list[CheckMessage]:
    found = []
    if not 0 < settings.SESSION_IDLE_SECONDS <= settings.SESSION_COOKIE_AGE <= 24 * 3600:
        found.append(
            checks.Warning(
                "Sessions live for longer than a day, or never end when nobody uses them.",
                hint="Set SESSION_IDLE_SECONDS (1800) and SESSION_SECONDS (43200).",
                id="dashboard.W004",
            )
        )
    if settings.FLUENTS_LIVE and not settings.REAUTH_SECONDS:
        found.append(
            checks.Warning(
                "Nobody is asked again who they are before numbers are released or the gate is opened.",
                hint="Set REAUTH_SECONDS (1800).",
                id="dashboard.W005",
            )
        )
    return found


@register()
def in_the_clear(app_configs, **kwargs) -> list[CheckMessage]:
    found = []
    if settings.FLUENTS_LIVE and urlsplit(settings.FLUENTS_API_URL).scheme != "https":
        found.append(
            Error(
                "The Fluents token would go over the network in clear.",
                hint="FLUENTS_API_URL must begin with https://.",
                id="dashboard.E007",
            )
        )
    if settings.FLUENTS_LIVE and settings.DEBUG:
        found.append(
            Error(
                "DEBUG shows our settings to whoever meets an error, on a copy that spends real money.",
                hint="Set DEBUG=off, or let FLUENTS_API_URL name a sandbox.",
                id="dashboard.E008",
            )
        )
    if "*" in settings.ALLOWED_HOSTS:
        found.append(
            Error(
                "ALLOWED_HOSTS lets everybody choose the name under which we answer.",
                hint="List the names that the dashboard is reached by.",
                id="dashboard.E009",
            )
        )
    return found


@register()
def private_files(app_configs, **kwargs) -> list[CheckMessage]:
    """Database, journal and .env are for the user that runs the dashboard alone."""
    database = settings.DATABASES["default"]
    files = [settings.JOURNAL_PATH, settings.BASE_DIR / ".env"]
    if database["ENGINE"].endswith("sqlite3"):
        files.append(Path(str(database["NAME"])))
    return [
        checks.Warning(
            f"Others on this machine can read {file}.",
            hint=f"chmod 600 {file}",
            id="dashboard.W006",
        )
        for file in files
        if file.is_file() and file.stat().st_mode & 0o077
    ]
