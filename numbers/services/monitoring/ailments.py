"""What keeps buying or the copy of Fluents from going on, as sentences with their fix for the pages."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db.models import Subquery
from django.db.models.functions import Now

from numbers.db.memory import Remembered
from numbers.models import Journal, SyncState

from .health import LATE

SKEW = 60  # seconds that the clocks of a machine and of the database may be apart


@dataclass(frozen=True, slots=True)
class Signs:
    """When this was read, by both clocks; when a worker and Fluents were last heard of."""

    here: datetime
    now: datetime
    worker: datetime | None
    synced: datetime | None
    sync_error: str


def read() -> Signs:
    """In one query."""
    last = Journal.objects.filter(seen_at__isnull=False).order_by("-seen_at").values("seen_at")[:1]
    row = SyncState.objects.annotate(now=Now(), seen=Subquery(last))
    now, worker, synced, error = row.values_list("now", "seen", "synced_at", "error").get()
    return Signs(datetime.now(UTC), now, worker, synced, error)


signs = Remembered(read, seconds=5.0)  # a page that follows along asks often


def of_buying() -> list[str]:
    """Why nothing that was ordered is bought; the gate and a missing token are told elsewhere."""
    found, seen = [], signs()
    silent = (seen.now - seen.worker).total_seconds() if seen.worker else None
    if silent is None or silent > LATE:
        last = "" if silent is None else f" for {in_words(silent)}"
        found.append(f"No worker has been seen{last}. On the server, start manage.py worker.")
    apart = (seen.here - seen.now).total_seconds()
    if abs(apart) > SKEW:
        side = "ahead of" if apart > 0 else "behind"
        found.append(
            f"The server's clock is {in_words(abs(apart))} {side} the database's."
            " Sync both to a time server (NTP)."
        )
    return found


def of_copy() -> list[str]:
    """Why what we show of Fluents may be old; a failed sync is told elsewhere."""
    seconds, seen = settings.SYNC_SECONDS, signs()
    if not (seen.synced and seconds) or seen.sync_error:
        return []
    age = (seen.now - seen.synced).total_seconds()
    if age <= 3 * seconds + LATE:
        return []
    return [
        f"The last sync was {in_words(age)} ago, but one is due every {in_words(seconds)}."
        " On the server, check that manage.py worker is running."
    ]


def in_words(seconds: float) -> str:
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}s"
    return f"{seconds:.0f} seconds"
