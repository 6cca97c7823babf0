"""How much is known about calls: where nothing is, pages say so and why, and never 0."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from numbers.db.clock import db_now, written
from numbers.models import CallReading

STALE = timedelta(days=2)  # what is older says nothing about which lines are idle now


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """All calls from `since` to `until` are known; or nothing is, and `why` says why in a sentence.

    `doubt` is a sentence about calls that may be missing, or "".
    """

    why: str = ""
    since: datetime | None = None
    until: datetime | None = None
    doubt: str = ""

    def __bool__(self) -> bool:
        return not self.why

    def gap(self, days: int) -> str:
        """Why nobody knows whether a line had no call for `days` days, or ""."""
        return self.why or ("" if self.before(days) else f"Calls are known for less than {days} days.")

    def before(self, days: int) -> datetime | None:
        """The moment before which a line must have had its last call to have had none for `days` days.

        None where calls are not known for so long.
        """
        if not (self and self.since and self.until):
            return None
        moment = self.until - timedelta(days=days)
        return moment if self.since <= moment else None


def knowledge() -> Knowledge:
    """What is known now, in one query."""
    row = CallReading.objects.get()
    if why := unknown(row):
        return Knowledge(why=why)
    many = f"{row.unreadable} calls" if row.unreadable > 1 else "1 call"
    doubt = f"{many} couldn't be read, so figures may be too low." if row.unreadable else ""
    return Knowledge(since=row.since, until=row.until, doubt=doubt)


def unknown(row: CallReading) -> str:
    """Why calls are not known, or ""."""
    if not settings.CALLS_SECONDS:
        return "Calls aren't read here: CALLS_SECONDS is 0."
    if row.supported is False:
        return "This Fluents API doesn't list calls."
    why = f" {row.error}" if row.error else ""
    if not row.until:
        return f"Calls haven't been read yet.{why}"
    if db_now() - row.until > max(STALE, 3 * timedelta(seconds=settings.CALLS_SECONDS)):
        return f"Calls were last read on {written(row.until)}.{why}"
    return ""
