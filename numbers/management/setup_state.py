"""What a deployment still lacks before the first real line: a list that setup asks along and checks."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError

from dashboard import setting_catalog
from numbers import fluents
from numbers.models import Price
from numbers.services.monitoring import health
from numbers.services.people.accounts import administrators

GOOD, OPTIONAL, MISSING = "ok", "optional", "missing"
TLS_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Sight:
    """How one step stands."""

    step: str
    state: str
    said: str


def everything() -> Iterator[Sight]:
    yield secret_key()
    yield token()
    yield public_name()
    yield time_zone()
    yield limits()
    yield mail()
    yield (books := database())
    for step, look in (("prices", prices), ("administrator", administrator)):
        yield (
            look() if books.state == GOOD else Sight(step, MISSING, "Not known until the database is ready.")
        )


def secret_key() -> Sight:
    if settings.HAS_SECRET_KEY:
        return Sight("secret key", GOOD, "Set.")
    return Sight("secret key", MISSING, "SECRET_KEY isn't set.")


def token() -> Sight:
    if not settings.FLUENTS_API_TOKEN:
        return Sight("token", MISSING, "FLUENTS_API_TOKEN isn't set, so nothing can be bought or synced.")
    try:
        return Sight("token", GOOD, what_it_sees(settings.FLUENTS_API_TOKEN)[0])
    except fluents.FluentsError as error:
        return Sight("token", MISSING, error.user_message)


def what_it_sees(token: str) -> tuple[str, bool]:
    """The connections and agents of `token`'s environment, in words, and whether our sandbox answers.

    Harmless reads. Raises FluentsError.
    """
    timeout = (settings.FLUENTS_CONNECT_TIMEOUT, settings.FLUENTS_READ_TIMEOUT)
    api = fluents.Client(base_url=settings.FLUENTS_API_URL, token=token, timeout=timeout)
    try:
        connections = [info for info in api.connections() if info.provider in settings.TELEPHONY_PROVIDERS]
        agents = list(api.agents())
    except fluents.Unsupported:
        return "Fluents responds, but lists nothing: it can only buy.", api.answered_by_sandbox
    seen = [
        counted(len(connections), "connection", [info.label or info.id for info in connections]),
        counted(len(agents), "agent", [info.name or info.id for info in agents]),
    ]
    return f"Its environment has {' and '.join(seen)}.", api.answered_by_sandbox


def counted(count: int, noun: str, names: list[str]) -> str:
    some = f" ({', '.join(names[:3])}{', …' if count > 3 else ''})" if names else ""
    return f"{count} {noun}{'' if count == 1 else 's'}{some}"


def public_name() -> Sight:
    if settings.LOCAL_ONLY:
        return Sight("host name", OPTIONAL, "Only this machine can reach the dashboard.")
    host = urlsplit(settings.SITE_URL).hostname or ""
    if host not in {name.removeprefix(".") for name in settings.ALLOWED_HOSTS}:
        return Sight("host name", MISSING, f"SITE_URL is {settings.SITE_URL}, which isn't in ALLOWED_HOSTS.")
    why = why_no_tls(host)
    said = (
        f"https://{host} isn't reachable yet: {why}." if why else f"https://{host} has a valid certificate."
    )
    return Sight("host name", OPTIONAL if why else GOOD, said)


def why_no_tls(host: str) -> str:
    """Why https://HOST can't be reached from here, or ""."""
    try:
        with (
            socket.create_connection((host, 443), timeout=TLS_SECONDS) as line,
            ssl.create_default_context().wrap_socket(line, server_hostname=host),
        ):
            return ""
    except ssl.SSLCertVerificationError as error:
        return f"its certificate isn't trusted ({error.verify_message})"
    except OSError as error:
        return str(error.strerror or error)


def zone_of_machine() -> str:
    """The time zone that this machine is set to."""
    return str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")[2] or "UTC"


def time_zone() -> Sight:
    given = setting_catalog.source_of("TIME_ZONE")
    return Sight("time zone", GOOD if given else OPTIONAL, f"Days begin in {settings.TIME_ZONE}.")


def limits() -> Sight:
    if settings.MAX_LINES_PER_DAY:
        return Sight("limits", GOOD, f"At most {settings.MAX_LINES_PER_DAY:,} lines in 24 hours.")
    return Sight("limits", OPTIONAL, "There's no limit on lines per day (MAX_LINES_PER_DAY).")


def mail() -> Sight:
    if settings.NOTIFY_BY_MAIL:
        return Sight("mail", GOOD, "Set. `manage.py doctor --mail ADDRESS` sends a test.")
    if settings.NOTIFY_WEBHOOK_URL:
        return Sight("mail", GOOD, "A webhook is set.")
    return Sight("mail", OPTIONAL, "No one gets email when a line needs them (EMAIL_URL).")


def database() -> Sight:
    try:
        waiting = health.unapplied()
    except DatabaseError as error:
        return Sight("database", MISSING, health.why_unusable(error) or type(error).__name__)
    if waiting:
        return Sight("database", MISSING, f"{len(waiting)} migrations aren't applied.")
    return Sight("database", GOOD, "Migrated.")


def prices() -> Sight:
    if Price.objects.exists():
        return Sight("prices", GOOD, "Set.")
    return Sight("prices", OPTIONAL, "No prices are set, so orders show no cost.")


def administrator() -> Sight:
    able = administrators()
    if not able.exists():
        invited = User.objects.filter(is_active=True).order_by("pk").first()
        link = f" `manage.py people link {invited}` prints a new link." if invited else ""
        return Sight("administrator", MISSING, f"No administrator can log in yet.{link}")
    if settings.REQUIRE_MFA and not Authenticator.objects.filter(user__in=able).exists():
        return Sight(
            "administrator", MISSING, "No administrator has a second factor yet. Log in to set one up."
        )
    return Sight("administrator", GOOD, ", ".join(able.values_list("username", flat=True)[:5]) + ".")
