"""Settings that would let something dangerous happen, each with a way out."""

from ipaddress import ip_network
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
