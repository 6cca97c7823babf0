"""Checking a deployment: what is fine, what deserves a look, what must be fixed, and how."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, staticfiles_storage
from django.core.cache import cache
from django.core.checks import ERROR
from django.core.checks.model_checks import check_all_models
from django.core.checks.registry import registry
from django.core.exceptions import ObjectDoesNotExist
from django.core.files import File
from django.db import DatabaseError, connection

from dashboard import causes
from numbers import fluents
from numbers.db.clock import db_now
from numbers.models import Price
from numbers.services.fluents_client import client, hasty_client
from numbers.services.notifications.delivery import why_no_mail
from numbers.services.notifications.notices import approvers
from numbers.services.spending import gate
from numbers.telephony.area_codes import checked_on

from . import health

GOOD, WARN, BAD = "ok", "warn", "fix"
SKEW_LOOK, SKEW_MEND = 5, 60  # seconds
ROOM = 200 * 1024 * 1024  # bytes that a disk should have left
WANTED_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
MOST_TABLE_DAYS = 365
WEAKER_COMMITS = ("off", "local")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `hint` says what to do where it is not good."""

    name: str
    state: str
    said: str
    hint: str = ""


Findings = Iterator[Finding]


def examine() -> Findings:
    """Everything, one finding after the other. Reads only, but for a file tried beside the journal."""
    gone = why_gone()
    yield from settings_found(gone=bool(gone))
    waiting: list[str] = []
    try:
        if gone:
            raise gone
        yield from database()
        waiting = health.unapplied()
        yield from migrations(waiting)
        yield from people()
        yield from prices()
        yield from journal_file()
        yield from clock_of_database()
        yield from buying()
    except (DatabaseError, ObjectDoesNotExist) as error:
        if not waiting:  # told already: tables are missing
            hint = "Check DATABASE_URL and that the database is running."
            yield Finding("database", BAD, f"It isn't responding: {health.first_line(error)}.", hint)
    yield from messages()
    yield from fluents_answers()
    yield from static_files()
    yield from area_code_table()


def why_gone() -> DatabaseError | None:
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        return error
    return None


def settings_found(*, gone: bool = False) -> Findings:
    # That of the models asks PostgreSQL how old it is.
    checks = [check for check in registry.get_checks() if not gone or check != check_all_models]
    messages = chain.from_iterable(check(app_configs=None, databases=None) for check in checks)
    wrong = [found for found in messages if not found.is_silenced()]
    for found in wrong:
        yield Finding("settings", BAD if found.level >= ERROR else WARN, found.msg, found.hint or "")
    if settings.DEBUG:
        yield Finding("settings", BAD, "DEBUG is on.", "Set DEBUG=off. Otherwise error pages show internals.")
    if not gone:
        yield from came_in()
    if settings.LOCAL_ONLY:
        hint = "Set ALLOWED_HOSTS to the host names staff use. This also turns on secure cookies."
        yield Finding("settings", WARN, "Only this machine can reach the dashboard.", hint)
    if not settings.MAX_LINES_PER_DAY:
        hint = "Set MAX_LINES_PER_DAY to more than you'd ever buy in a day."
        yield Finding("settings", WARN, "There's no limit on lines per day.", hint)
    if not wrong and not settings.DEBUG:
        yield Finding("settings", GOOD, f"OK. Fluents is {settings.FLUENTS_API_URL}.")


def came_in() -> Findings:
    """What came in within the last day in a way that keeps people out."""
    told = {
        causes.UNTRUSTED: (
            "Forwarded requests came from {}, which isn't trusted.",
            "If it's your proxy, add it to TRUSTED_PROXIES. Until then, its users share one address.",
        ),
        causes.IN_CLEAR: (
            "Someone opened http://{}, where no one can log in.",
            "Have the proxy redirect plain http to https, or set SSL_REDIRECT=on.",
        ),
        causes.NO_PROTO: (
            "The proxy at {} doesn't say that people use https, so no one can log in.",
            "Have it send X-Forwarded-Proto: https, as deploy/nginx-proxy.conf does.",
        ),
        causes.WRONG_NAME: (
            "Someone asked for the host name {} and was refused.",
            "If it's one of yours, add it to ALLOWED_HOSTS and restart.",
        ),
    }
    try:
        found = cache.get_many(told)
    except DatabaseError:
        return  # `examine` tells of the database
    for kind, what in found.items():
        said, hint = told[kind]
        yield Finding("settings", WARN, said.format(what), hint)


def messages() -> Findings:
    """Whether people hear of what happens, and whether the links that they get lead here."""
    if not settings.NOTIFY_BY_MAIL and not settings.NOTIFY_WEBHOOK_URL:
        hint = "Set EMAIL_URL or NOTIFY_WEBHOOK_URL. Until then, people must watch the dashboard."
        yield Finding("mail", WARN, "No one gets an email when a line needs them.", hint)
    if not settings.LOCAL_ONLY and urlsplit(settings.SITE_URL).hostname not in served_names():
        hint = "Set SITE_URL to https:// and the host name staff use."
        yield Finding("mail", BAD, f"Links in messages lead to {settings.SITE_URL}.", hint)


def try_mail(address: str) -> Findings:
    """Sends a test mail to `address`."""
    if not settings.NOTIFY_BY_MAIL:
        yield Finding("mail", BAD, "No test email was sent: EMAIL_URL isn't set.", "Set EMAIL_URL.")
    elif why := why_no_mail(to=address):
        yield Finding("mail", BAD, why, "Fix EMAIL_URL or MAIL_FROM, then try again.")
    else:
        yield Finding("mail", GOOD, f"The mail server took a test email to {address}. Check that it arrived.")


def served_names() -> set[str]:
    return {name.removeprefix(".") for name in settings.ALLOWED_HOSTS}


def prices() -> Findings:
    if Price.objects.filter(currency=settings.LIMIT_CURRENCY).exists():
        return
    limited = settings.MAX_COST_PER_ORDER or settings.MAX_COST_PER_DAY
    said = f"There are no prices in {settings.LIMIT_CURRENCY}, so no order shows its cost"
    said += ", and limits on cost refuse every order." if limited else "."
    hint = "Set them with `manage.py prices`, or on the page /prices/."
    yield Finding("prices", BAD if limited else WARN, said, hint)


def database() -> Findings:
    if connection.vendor == "sqlite":
        yield from sqlite()
    else:
        yield from postgresql()


def sqlite() -> Findings:
    with connection.cursor() as cursor:
        for name, wanted in WANTED_PRAGMAS.items():
            found = cursor.execute(f"PRAGMA {name}").fetchone()[0]
            if found != wanted:
                hint = "Put the file on a local disk. Network disks don't support this."
                yield Finding("database", BAD, f"SQLite's {name} is {found}, not {wanted}.", hint)
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'numbers_search_update'")
        if not cursor.fetchone():
            hint = "Run `manage.py migrate`. If that doesn't help, this SQLite is older than 3.34."
            yield Finding("database", WARN, "Search has no index, so it reads every number.", hint)
    yield Finding("database", GOOD, f"SQLite in {connection.settings_dict['NAME']}, for one machine.")


def postgresql() -> Findings:
    with connection.cursor() as cursor:
        for name, wanted in DURABLE.items():
            cursor.execute(f"SHOW {name}")
            found = cursor.fetchone()[0]
            if found != wanted and (name != "synchronous_commit" or found in WEAKER_COMMITS):
                hint = f"Set {name} = {wanted}. A purchase must be on disk before it's sent."
                yield Finding("database", BAD, f"PostgreSQL's {name} is {found}.", hint)
        cursor.execute(
            "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname=current_database()"
        )
        if (encoding := cursor.fetchone()[0]) != "UTF8":
            yield Finding(
                "database", BAD, f"Its encoding is {encoding}.", "Recreate it with ENCODING 'UTF8'."
            )
        cursor.execute("SELECT 1 FROM pg_indexes WHERE indexname = 'numbers_search'")
        if not cursor.fetchone():
            hint = "Have a superuser run CREATE EXTENSION pg_trgm in it, then run `manage.py migrate`."
            yield Finding("database", WARN, "Search has no index, so it reads every number.", hint)
    major = connection.cursor().connection.info.server_version // 10000
    yield Finding("database", GOOD, f"PostgreSQL {major}.")


def migrations(waiting: list[str]) -> Findings:
    if waiting:
        said = f"{len(waiting)} aren't applied; the first is {waiting[0]}."
        yield Finding("migrations", BAD, said, "Run `manage.py migrate` before starting this release.")
    else:
        yield Finding("migrations", GOOD, "All are applied.")


def people() -> Findings:
    if not get_user_model().objects.filter(is_active=True).exists():
        yield Finding("people", BAD, "No one can log in.", "Run `manage.py setup`.")
    if settings.APPROVAL_LINES or settings.APPROVAL_COST:
        able = len(approvers())
        said = f"Large orders need approval; {able} can approve."
        hint = "Give two people the approver role. No one can approve their own orders."
        yield Finding("approval", GOOD if able > 1 else WARN, said, "" if able > 1 else hint)


def journal_file() -> Findings:
    path = Path(settings.JOURNAL_PATH)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe = path.with_name(f".{path.name}.probe-{os.getpid()}")
        probe.write_bytes(b"")
        probe.unlink()
        if path.exists():
            path.open("ab").close()
    except OSError as error:
        hint = (
            f"Let the worker's user write to {path.parent}, or set JOURNAL_PATH. Until then nothing is sent."
        )
        yield Finding("journal", BAD, f"{path} isn't writable ({error.strerror}).", hint)
        return
    if shutil.disk_usage(path.parent).free < ROOM:
        yield Finding(
            "journal", WARN, f"The disk of {path} is nearly full.", "Free up space. A full disk stops buying."
        )
    if connection.vendor == "sqlite" and on_disk_of_database(path.parent):
        hint = "Set JOURNAL_PATH to another disk, so losing the database doesn't lose the journal too."
        yield Finding("journal", WARN, f"{path} is on the database's disk.", hint)
    else:
        yield Finding("journal", GOOD, f"{path} is writable.")


def on_disk_of_database(folder: Path) -> bool:
    name = Path(connection.settings_dict["NAME"])
    return name.exists() and name.stat().st_dev == folder.stat().st_dev


def clock_of_database() -> Findings:
    yield from skew("the database's", (datetime.now(UTC) - db_now()).total_seconds())


def skew(whose: str, seconds: float) -> Findings:
    if abs(seconds) <= SKEW_LOOK:
        return
    said = f"This machine's clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} {whose}."
    yield Finding(
        "clock", BAD if abs(seconds) > SKEW_MEND else WARN, said, "Sync both clocks with a time server (NTP)."
    )


def buying() -> Findings:
    """The worker, the gate and the last sync, as the books have them."""
    now, row = health.vitals(), gate.current()
    if now.workers:
        yield Finding("worker", GOOD, f"{now.workers} seen, the last {now.worker_seen:.0f} s ago.")
    else:
        never = now.worker_seen is None
        said = "No worker has been seen." if never else f"The last one was seen {now.worker_seen:.0f} s ago."
        hint = "Run `manage.py worker` under a supervisor. Nothing is bought without it."
        yield Finding("worker", BAD, said, hint)
    if now.gate != "open":
        why = row.pause_reason or row.breaker_reason
        yield Finding(
            "gate",
            WARN,
            f"Buying is {now.gate}: {why}",
            "Resume it on the Buying page (/gate/) and give a reason.",
        )
    elif now.oldest_due and now.oldest_due > health.LATE:
        hint = "Check the worker's log. If it's just busy, use more `--processes`."
        yield Finding("worker", BAD, f"A line is overdue by {now.oldest_due:.0f} s.", hint)
    if now.sync_error:
        yield Finding("sync", WARN, f"The last one failed: {now.sync_error}", "Run `manage.py sync`.")
    elif now.synced is None:
        yield Finding("sync", WARN, "No sync yet.", "Run `manage.py sync`.")
    elif settings.SYNC_SECONDS and now.synced > 3 * settings.SYNC_SECONDS + health.LATE:
        yield Finding("sync", WARN, f"The last one was {now.synced:.0f} s ago.", "Check the worker's log.")
    else:
        yield Finding("sync", GOOD, f"The last one was {now.synced:.0f} s ago.")


def fluents_answers() -> Findings:
    if not settings.FLUENTS_API_TOKEN:
        hint = "Set FLUENTS_API_TOKEN_FILE. Find the key in Fluents under Settings > Environments."
        yield Finding("fluents", BAD, "No token is set, so nothing can be bought or synced.", hint)
        return
    try:
        try:
            api = client()
        except (DatabaseError, ObjectDoesNotExist):  # whose account it is cannot be compared
            api = hasty_client()
        theirs = api.clock()
    except (fluents.NotFound, fluents.Unsupported):
        hint = "Fine if it can only buy: nothing is synced, and unclear purchases go to review."
        yield Finding("fluents", WARN, "It responds but has no list of agents.", hint)
        return
    except fluents.FluentsError as error:
        hint = "Check FLUENTS_API_URL, the token, and outbound network access."
        yield Finding("fluents", BAD, error.user_message, hint)
        return
    yield Finding("fluents", GOOD, "It responds and accepts the token.")
    if api.answered_by_sandbox == settings.FLUENTS_LIVE:
        real = "the sandbox" if settings.FLUENTS_LIVE else "a server that isn't the sandbox"
        said = "on" if settings.FLUENTS_LIVE else "off"
        hint = "Set FLUENTS_LIVE=off for a sandbox, and on wherever money is spent."
        yield Finding("fluents", WARN, f"FLUENTS_LIVE is {said}, but {real} answers.", hint)
    if theirs:
        yield from skew("Fluents'", (datetime.now(UTC) - theirs).total_seconds())


def static_files() -> Findings:
    """Only a release's own storage has a list of what was collected."""
    if not hasattr(staticfiles_storage, "hashed_files"):
        return
    stale = [name for name in ("js/app.js", "js/theme.js") if not collected(name)]
    if stale:
        hint = "Run `manage.py collectstatic --noinput`, then restart the web processes."
        yield Finding(
            "static", BAD, f"This release's styles and scripts aren't in {settings.STATIC_ROOT}.", hint
        )
    else:
        yield Finding("static", GOOD, "Styles and scripts are collected.")


def area_code_table() -> Findings:
    """New area codes come every year, and one that the table does not know costs a warning at every order."""
    days = (datetime.now(UTC).date() - checked_on()).days
    said = f"The table of area codes was checked on {checked_on():%Y-%m-%d}."
    if days > MOST_TABLE_DAYS:
        hint = "Update the dashboard, or check numbers/telephony/area_codes.csv against its sources."
        yield Finding("area codes", WARN, f"{said} That's over a year ago.", hint)
    else:
        yield Finding("area codes", GOOD, said)


def collected(name: str) -> bool:
    """Whether the file `name` was collected in the form that this release has."""
    storage = cast("ManifestStaticFilesStorage", staticfiles_storage)
    given = storage.hashed_files.get(name)
    source = finders.find(name)
    if not given or not source:
        return False
    with Path(source).open("rb") as file:
        wanted = storage.hashed_name(name, File(file))
    return given == wanted and storage.exists(given)
