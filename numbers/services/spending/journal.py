"""The send journal: a file outside the database that remembers what was sent from this machine.

A database restored from a backup has forgotten purchases made since, and would make them again. So each
purchase also leaves an entry here, on disk before the request goes out, with all of its order. Once a minute
the newest seal of the history is added, so that a journal notices an older database though nothing was sent.

A journal is a file of JSON rows that only grows. Once it is long it is set aside as a numbered part and
a new file continues it; reading begins at the end and stops as soon as the database is known to agree.
"""

import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from numbers.db.clock import db_now
from numbers.models import Attempt, Line, Proof, Seal

SEND = {"n", "phone_number", "area_code", "order", "position", "wanted", "asked"}  # of an entry, at least
NOTHING_SEALED = "0:"  # the head of a history that has no seal yet
PART_BYTES = 64_000_000  # a longer file is set aside: half a year of seals, or 100,000 purchases
FIRST_BLOCK, LARGEST_BLOCK = 8_192, 4_194_304  # bytes read at a time, from the end


class Damaged(OSError):
    """A file that is no journal: its first row does not say which one it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The first row of each part."""

    journal: str  # a UUID
    name: str
    part: int = 1


def path() -> Path:
    return Path(settings.JOURNAL_PATH)


def identity() -> Identity | None:
    """Which journal this is; None where there is no file, or an empty one. Raises Damaged, OSError."""
    try:
        with path().open("rb") as file:
            row = file.readline()
    except FileNotFoundError:
        return identity() if _finish_rotation() else None
    return _identity_in(row) if row else None


@contextmanager
def beginning() -> Iterator[None]:
    """One process of this machine at a time finds out whether there is a journal, and begins one."""
    path().parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path().with_name(f".{path().name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def begin(own: Identity) -> None:
    """Make the file with its first row. Raises OSError."""
    handle = os.open(path(), os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        _write(handle, asdict(own))
    finally:
        os.close(handle)
    _keep_names()


def set_aside(why: str) -> None:
    """Take a file out of the way that must not be used any more. `why` becomes a part of its name."""
    for file in [path(), *_parts().values()]:
        if file.exists():
            file.rename(file.with_name(f"{file.name}.{why}-{uuid.uuid4().hex[:8]}"))


def append(entry: dict) -> None:
    """Add `entry` and force it to disk. Raises OSError: then nothing may be sent."""
    with _appending() as handle:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":  # power failed while a row was written
            os.write(handle, b"\n")
        _write(handle, entry)


def send_entry(attempt: Attempt, *, live: list[dict]) -> dict:
    """`attempt` with all of its order, so that a database that has forgotten the order can have it again.

    `live` are the journals in use: where this one knows more than the database, they may, too.
    """
    line, order = attempt.line, attempt.line.order
    return {
        "key": str(attempt.key),
        "n": attempt.n,
        "phone_number": attempt.phone_number,
        "area_code": attempt.area_code,
        "at": attempt.sent_at.isoformat(),
        "live": live,
        "order": order.form_token,  # ids are given out again after a restore; this is not
        "position": line.position,
        "wanted": _wanted(line),
        "asked": {
            "requested_by": order.requested_by_id,
            "requested_by_name": order.requested_by_name,
            "created_at": order.created_at.isoformat(),
            "quantity": order.quantity,
            "approval": order.approval,
            "cost_once": _text(order.cost_once),
            "cost_monthly": _text(order.cost_monthly),
            "currency": order.currency,
            "prove_from": order.prove_from,
        },
    }


def call_entry(proof: Proof) -> dict:
    """The test call that `proof` is about to make. Comparing purchases passes over it."""
    return {
        "call": str(proof.key),
        "from": proof.probe.e164,
        "to": proof.number.e164,
        "at": db_now().isoformat(),
        "live": [],
    }


def has_call(key: uuid.UUID, *, since: datetime) -> bool:
    """Whether the test call of this key was written down here after `since`. Raises OSError.

    A restored database has forgotten it.
    """
    parts = sorted(_parts().items(), reverse=True)
    for file in [path(), *(part for _, part in parts)]:
        for entry in filter(None, map(_parse, _rows_backwards(file) if file.exists() else ())):
            if entry.get("call") == str(key):
                return True
            if "at" in entry and datetime.fromisoformat(entry["at"]) < since:
                return False
    return False


def head_entry(seal: Seal | None, *, live: list[dict], at: datetime) -> dict:
    """The newest `seal` of the history, and the journals that are `live`."""
    return {"head": str(seal) if seal else NOTHING_SEALED, "at": at.isoformat(), "live": live}


def newest_first() -> Iterator[dict | None]:
    """Every entry from the last one back, through all parts; None for a row that is none.

    It ends with {} where an older part is gone. Raises OSError.
    """
    if not (own := identity()):
        return
    yield from _entries_of(path())
    older = _parts()
    for part in range(own.part - 1, 0, -1):
        if part in older:
            yield from _entries_of(older[part])
        else:
            yield {}
            return


def _wanted(line: Line) -> dict:
    return {
        "telephony_provider": line.telephony_provider,
        "connection": line.connection.api_id,
        "agent": line.agent.api_id if line.agent else "",
        "agent_name": line.agent.name if line.agent else "",
        "area_code": line.area_code,
        "wanted_number": line.wanted_number,
        "label": line.label,
        "tags": line.tags,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _entries_of(file: Path) -> Iterator[dict | None]:
    rows = _rows_backwards(file)
    last = next(rows, b"")
    if last and _parse(last) is None:  # perhaps it is being written: the writer holds the lock
        with file.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH)
        rows = _rows_backwards(file)
        last = next(rows, b"")
    if last:
        yield from (entry for entry in [_parse(last)] if _is_of_purchases(entry))
    yield from (entry for entry in map(_parse, rows) if _is_of_purchases(entry))


def _rows_backwards(file: Path) -> Iterator[bytes]:
    """The rows of `file` from the last one back, however long each is; empty ones are left out."""
    with file.open("rb") as handle:
        end, rest, block = handle.seek(0, os.SEEK_END), b"", FIRST_BLOCK
        while end:
            start = max(0, end - block)
            handle.seek(start)
            first, *rows = (handle.read(end - start) + rest).split(b"\n")
            yield from (row for row in reversed(rows) if row.strip())
            end, rest, block = start, first, min(2 * block, LARGEST_BLOCK)
        if rest.strip():
            yield rest


def _parse(row: bytes) -> dict | None:
    """The entry in `row`; None where it is none that we have written."""
    try:
        entry = json.loads(row)
        if "journal" not in entry:
            datetime.fromisoformat(entry["at"]).astimezone(UTC)
            [uuid.UUID(info["id"]) for info in entry["live"]]
            if "call" in entry:
                uuid.UUID(entry["call"])
            else:
                uuid.UUID(entry["key"]) if "key" in entry else int(entry["head"].partition(":")[0])
            if "key" in entry and not entry.keys() >= SEND:
                return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return entry


def _is_of_purchases(entry: dict | None) -> bool:
    """Neither which journal it is, nor a test call."""
    return entry is None or not {"journal", "call"} & entry.keys()


def _identity_in(row: bytes) -> Identity:
    entry = _parse(row) or {}
    try:
        uuid.UUID(entry["journal"])
        return Identity(**entry)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Damaged(f"{path()} isn't a send journal.") from None


@contextmanager
def _appending() -> Iterator[int]:
    """The file, locked, after it was set aside if it is too long."""
    handle = _locked()
    try:
        if os.fstat(handle).st_size >= PART_BYTES:
            _rotate(handle)
            os.close(handle)
            handle = _locked()
        yield handle
    finally:
        os.close(handle)


def _locked() -> int:
    """A handle of the file that PATH names once it is ours: another process may just set it aside."""
    while True:
        handle = os.open(path(), os.O_RDWR | os.O_APPEND)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_ino == path().stat().st_ino:
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _write(handle: int, entry: dict) -> None:
    """Add a row. What does not fit on the disk is taken back, so that no half of it is left."""
    size, data = os.fstat(handle).st_size, json.dumps(entry).encode() + b"\n"
    try:
        if os.write(handle, data) != len(data):
            raise OSError("the send journal couldn't be written completely")
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise


def _parts() -> dict[int, Path]:
    """What was set aside, by number."""
    found = path().parent.glob(f"{path().name}.[0-9]*")
    return {int(file.suffix[1:]): file for file in found if file.suffix[1:].isdigit()}


def _next() -> Path:
    return path().with_name(f".{path().name}.next")


def _rotate(handle: int) -> None:
    """Set the file aside as a part. Killed in between, `_finish_rotation` does the rest."""
    own = _identity_in(os.pread(handle, FIRST_BLOCK, 0).partition(b"\n")[0])
    fresh = os.open(_next(), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        _write(fresh, asdict(replace(own, part=own.part + 1)))
    finally:
        os.close(fresh)
    path().rename(path().with_name(f"{path().name}.{own.part:06d}"))
    _finish_rotation()


def _finish_rotation() -> bool:
    """Put the new file in its place, if one was made for just the parts that there are."""
    try:
        own = _identity_in(_next().read_bytes().partition(b"\n")[0])
    except (FileNotFoundError, Damaged):
        return False
    if own.part - 1 != max(_parts(), default=0):
        return False
    _next().rename(path())
    _keep_names()
    return True


def _keep_names() -> None:
    folder = os.open(path().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
