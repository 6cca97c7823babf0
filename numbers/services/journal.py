"""The send journal: a file outside the database that remembers what was sent.

A database restored from a backup has forgotten purchases made since, and would make them again.
So each purchase also leaves a line in an append-only file, on disk before the request goes out.
When file and database disagree, the gate is paused until a person has reconciled.
"""

import fcntl
import json
import os
import socket
import uuid
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from ..models import Attempt, Gate, Journal
from ..prepared import Prepared
from ..statements import slot
from .history import db_now

VOUCH_SECONDS = 60  # a journal seen this lately vouches for the database to a new machine
CHUNK = 500
SENT = Prepared(lambda: Attempt.objects.filter(key=slot("key")).order_by().values_list("pk"))


def append(attempt: Attempt) -> None:
    """Write ATTEMPT to the journal and force it to disk. Raises OSError: then nothing may be sent."""
    _append(
        {
            "key": str(attempt.key),
            "order": attempt.line.order.form_token,  # ids are given out again after a restore; this is not
            "position": attempt.line.position,
            "n": attempt.n,
            "phone_number": attempt.phone_number,
            "area_code": attempt.area_code,
            "at": attempt.sent_at.isoformat(),
        }
    )


def missing(*, whole: bool) -> list[dict] | None:
    """Sends that the journal knows and the database does not; None where a journal is gone.

    WHOLE reads every entry; otherwise only the last one, which is cheap enough for each send.
    What a person has settled by opening the gate does not count. A journal that does not exist
    yet is begun, if nothing was sent so far.
    """
    entries = _entries(whole=whole)
    if entries is None:
        return [] if _begin() else None
    if not whole and entries and _is_known(entries[-1]):
        return []
    settled = Gate.objects.values_list("reconciled_at", flat=True).get(pk=Gate.SINGLE)
    sends = [e for e in entries if "key" in e and not (settled and e["at"] <= settled.isoformat())]
    known = _known([entry["key"] for entry in sends])
    if whole and (journal_id := _identity()):
        Journal.objects.update_or_create(
            id=journal_id, defaults={"host": socket.gethostname(), "path": str(_path()), "seen_at": db_now()}
        )
    return [entry for entry in sends if entry["key"] not in known]


def beat() -> None:
    """Note that this journal's machine is at work; a new machine may trust the database for that."""
    if _path().exists() and (journal_id := _identity()):
        Journal.objects.filter(pk=journal_id).update(seen_at=db_now())


def _path() -> Path:
    return Path(settings.JOURNAL_PATH)


def _is_known(entry: dict) -> bool:
    """Whether the database knows this send."""
    key = Attempt._meta.get_field("key")
    return "key" in entry and bool(SENT.rows(key=key.get_db_prep_value(entry["key"], connection)))


def _known(keys: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(keys), CHUNK):
        chunk = keys[start : start + CHUNK]
        found |= {
            str(key) for key in Attempt.objects.filter(key__in=chunk).order_by().values_list("key", flat=True)
        }
    return found


def _begin() -> bool:
    """Start a journal, unless the database says that one is missing: then False."""
    with transaction.atomic():
        settled = Gate.objects.values_list("reconciled_at", flat=True).get(pk=Gate.SINGLE)
        sent = Attempt.objects.filter(sent_at__gt=settled) if settled else Attempt.objects.all()
        alive = Journal.objects.filter(seen_at__gt=db_now() - timedelta(seconds=VOUCH_SECONDS))
        here = alive.filter(host=socket.gethostname(), path=str(_path()))
        if sent.exists() and (here.exists() or not alive.exists()):
            return False
        journal = Journal.objects.create(host=socket.gethostname(), path=str(_path()))
    _append({"journal": str(journal.pk)})
    return True


def _append(entry: dict) -> None:
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        size = os.fstat(handle).st_size
        torn = size and os.pread(handle, 1, size - 1) != b"\n"  # the disk was full in mid-write
        data = b"\n" * bool(torn) + json.dumps(entry).encode() + b"\n"
        if os.write(handle, data) != len(data):
            raise OSError("the send journal could not be written whole")
        os.fsync(handle)
    finally:
        os.close(handle)
    if new:
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def _entries(*, whole: bool) -> list[dict] | None:
    """The journal's entries (the last one alone unless WHOLE), or None where there is no journal."""
    try:
        with _path().open("rb") as file:
            if not whole:
                file.seek(max(0, _path().stat().st_size - 2000))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return None
    if not lines:
        return None  # emptied by somebody: as good as gone
    return [entry for line in (lines if whole else lines[-1:]) if (entry := _parse(line))]


def _parse(line: bytes) -> dict | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None  # a torn write: its purchase was never sent
    return entry if isinstance(entry, dict) else None


def _identity() -> uuid.UUID | None:
    with _path().open("rb") as file:
        first = _parse(file.readline())
    return uuid.UUID(first["journal"]) if first and "journal" in first else None
