"""Looking a deployment over: what is good, what should be looked at, what must be mended, and how."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.checks import ERROR, run_checks
from django.core.files import File
from django.db import DatabaseError, connection

from .. import fluents
from ..models import Gate
from . import gate, observing
from .api import client
from .history import db_now
from .telling import approvers

GOOD, WARN, BAD = "good", "look", "mend"
SKEW_LOOK, SKEW_MEND = 5, 60  # seconds
ROOM = 200 * 1024 * 1024  # bytes that a disk should have left
WANTED_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
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
    yield from settings_found()
    waiting: list[str] = []
    try:
        yield from database()
        waiting = observing.unapplied()
        yield from migrations(waiting)
        yield from people()
        yield from journal_file()
        yield from clock_of_database()
        yield from buying()
    except (DatabaseError, Gate.DoesNotExist) as error:
        if not waiting:  # told already: tables are missing
            hint = "Check DATABASE_URL, and that the database runs."
            yield Finding("database", BAD, f"It does not answer: {type(error).__name__}.", hint)
    yield from fluents_answers()
    yield from static_files()


def settings_found() -> Findings:
    wrong = [found for found in run_checks() if not found.is_silenced()]
    for found in wrong:
        yield Finding("settings", BAD if found.level >= ERROR else WARN, found.msg, found.hint or "")
    if settings.DEBUG:
        yield Finding("settings", BAD, "DEBUG is on.", "Set DEBUG=off: pages would show our insides.")
    if settings.LOCAL_ONLY:
        hint = "Set ALLOWED_HOSTS to the names that staff use; that also turns on secure cookies."
        yield Finding("settings", WARN, "Only this machine can reach the dashboard.", hint)
    if not settings.MAX_LINES_PER_DAY:
        hint = "Set MAX_LINES_PER_DAY to what you would never buy in a day."
        yield Finding("settings", WARN, "There is no limit on lines a day.", hint)
    if not wrong and not settings.DEBUG:
        yield Finding("settings", GOOD, f"They are sound. Fluents is {settings.FLUENTS_API_URL}.")


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
                hint = "Put the file on a local disk: network disks cannot do this."
                yield Finding("database", BAD, f"SQLite's {name} is {found}, not {wanted}.", hint)
        cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'numbers_search_update'")
        if not cursor.fetchone():
            hint = "Run `manage.py migrate`; where that does not help, this SQLite is older than 3.34."
            yield Finding("database", WARN, "The search has no index: it reads every number.", hint)
    yield Finding("database", GOOD, f"SQLite in {connection.settings_dict['NAME']}, for one machine.")


def postgresql() -> Findings:
    with connection.cursor() as cursor:
        for name, wanted in DURABLE.items():
            cursor.execute(f"SHOW {name}")
            found = cursor.fetchone()[0]
            if found != wanted and (name != "synchronous_commit" or found in WEAKER_COMMITS):
                hint = f"Set {name} = {wanted}: a purchase must be on disk before it is sent."
                yield Finding("database", BAD, f"PostgreSQL's {name} is {found}.", hint)
        cursor.execute(
            "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname=current_database()"
        )
        if (encoding := cursor.fetchone()[0]) != "UTF8":
            yield Finding(
                "database", BAD, f"Its encoding is {encoding}.", "Make it anew with ENCODING 'UTF8'."
            )
        cursor.execute("SELECT 1 FROM pg_indexes WHERE indexname = 'numbers_search'")
        if not cursor.fetchone():
            hint = "Have a superuser run CREATE EXTENSION pg_trgm in it, then run `manage.py migrate`."
            yield Finding("database", WARN, "The search has no index: it reads every number.", hint)
    major = connection.cursor().connection.info.server_version // 10000
    yield Finding("database", GOOD, f"PostgreSQL {major}.")


def migrations(waiting: list[str]) -> Findings:
    if waiting:
        said = f"{len(waiting)} are not applied, the first is {waiting[0]}."
        yield Finding("migrations", BAD, said, "Run `manage.py migrate` before this release serves.")
    else:
        yield Finding("migrations", GOOD, "All are applied.")


def people() -> Findings:
    if not get_user_model().objects.filter(is_active=True).exists():
        yield Finding("people", BAD, "Nobody can log in.", "Run `manage.py createsuperuser`.")
    if settings.APPROVAL_LINES or settings.APPROVAL_COST:
        able = len(approvers())
        said = f"Large orders wait for approval; {able} may approve."
        hint = "Give two people the role approver: nobody approves their own orders."
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
        yield Finding("journal", BAD, f"{path} cannot be written ({error.strerror}).", hint)
        return
    if shutil.disk_usage(path.parent).free < ROOM:
        yield Finding(
            "journal", WARN, f"The disk of {path} is nearly full.", "Make room: a full disk stops buying."
        )
    if connection.vendor == "sqlite" and on_disk_of_database(path.parent):
        hint = "Set JOURNAL_PATH to another disk: what loses the database should not lose the journal, too."
        yield Finding("journal", WARN, f"{path} is on the database's disk.", hint)
    else:
        yield Finding("journal", GOOD, f"{path} can be written.")


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
        "clock", BAD if abs(seconds) > SKEW_MEND else WARN, said, "Let both follow a time server (NTP)."
    )


def buying() -> Findings:
    """The worker, the gate and the last sync, as the books have them."""
    now, row = observing.vitals(), gate.current()
    if now.workers:
        yield Finding("worker", GOOD, f"{now.workers} seen, the last {now.worker_seen:.0f} s ago.")
    else:
        never = now.worker_seen is None
        said = "None was ever seen." if never else f"The last one was seen {now.worker_seen:.0f} s ago."
        hint = "Start `manage.py worker` under something that restarts it. Nothing is bought without it."
        yield Finding("worker", BAD, said, hint)
    if now.gate != "open":
        why = row.pause_reason or row.breaker_reason
        yield Finding(
            "gate", WARN, f"Buying is {now.gate}: {why}", "The page /gate/ opens it, with a reason."
        )
    elif now.oldest_due and now.oldest_due > observing.LATE:
        hint = "Look at the worker's log; more `--processes` help where it is merely busy."
        yield Finding("worker", BAD, f"A line is overdue by {now.oldest_due:.0f} s.", hint)
    if row.sync_error:
        yield Finding("sync", WARN, f"The last one failed: {row.sync_error}", "Run `manage.py sync`.")
    elif now.synced is None:
        yield Finding("sync", WARN, "There was none yet.", "Run `manage.py sync`.")
    elif settings.SYNC_SECONDS and now.synced > 3 * settings.SYNC_SECONDS + observing.LATE:
        yield Finding("sync", WARN, f"The last one was {now.synced:.0f} s ago.", "Look at the worker's log.")
    else:
        yield Finding("sync", GOOD, f"The last one was {now.synced:.0f} s ago.")


def fluents_answers() -> Findings:
    if not settings.FLUENTS_API_TOKEN:
        hint = "Set FLUENTS_API_TOKEN_FILE; the key is in Fluents under Settings, Environments."
        yield Finding("fluents", BAD, "No token is set: nothing can be bought or synced.", hint)
        return
    try:
        theirs = client().clock()
    except fluents.FluentsError as error:
        hint = "Check FLUENTS_API_URL, the token and the way out of this network."
        yield Finding("fluents", BAD, error.user_message, hint)
        return
    yield Finding("fluents", GOOD, "It answers, and takes the token.")
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
            "static", BAD, f"Styles and scripts of this release are not in {settings.STATIC_ROOT}.", hint
        )
    else:
        yield Finding("static", GOOD, "Styles and scripts are collected.")


def collected(name: str) -> bool:
    """Whether the file NAME was collected in the form that this release has."""
    given = staticfiles_storage.hashed_files.get(name)
    source = finders.find(name)
    if not given or not source:
        return False
    with open(source, "rb") as file:
        wanted = staticfiles_storage.hashed_name(name, File(file))
    return given == wanted and staticfiles_storage.exists(given)
