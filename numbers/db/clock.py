"""The clock that everything goes by: the database's."""

import time
from datetime import UTC, datetime, timedelta
from threading import local

from django.db import connection
from django.utils import timezone

KEPT_SECONDS = 1.0  # how long one answer of the database is counted on from
JUMP = timedelta(seconds=10)  # beyond what clocks differ by: what was written later than now is wrong
_asked = local()  # the answer, and when by our own clock it was asked for
_steady_from = time.monotonic()  # when this process began, or saw the last jump
_seen: tuple[float, datetime] | None = None  # the latest time that was compared, by both clocks


def written(at: datetime) -> str:
    """`at` for a sentence that is kept or mailed: "Nov 26, 11:13 UTC"."""
    at = at.astimezone(UTC)
    return f"{at:%b} {at.day}, {at:%H:%M} UTC"


def db_now() -> datetime:
    """The database's clock, so that leases of several machines agree (SQLite: there is one machine).

    PostgreSQL is asked once a second; in between, the time since is added by a clock that nobody sets.
    The result is never behind the database: it counts from the moment of the question, not of the answer.
    """
    if connection.vendor == "sqlite":
        return timezone.now()
    if time.monotonic() - getattr(_asked, "at", -KEPT_SECONDS) >= KEPT_SECONDS:
        connection.ensure_connection()
        asked_at = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            _asked.answer, _asked.at = cursor.fetchone()[0], asked_at
    return _asked.answer + timedelta(seconds=time.monotonic() - _asked.at)


def steady_since() -> datetime:
    """Since when our clock has gone as fast as time does: since this process began, or since the last jump.

    What must last for a while must not be thought over because a clock was set.
    """
    global _steady_from, _seen  # noqa: PLW0603 -- one clock a process
    now, at = db_now(), time.monotonic()
    if _seen and abs((now - _seen[1]) - timedelta(seconds=at - _seen[0])) > JUMP:
        _steady_from = at
    _seen = at, now
    return now - timedelta(seconds=at - _steady_from)
