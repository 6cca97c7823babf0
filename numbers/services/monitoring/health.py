"""What the books say about how it goes, for monitors: a few indexed queries, no word of any secret."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, lru_cache
from time import time

from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count, Max

from numbers.db.clock import db_now
from numbers.models import Attempt, Journal, Line, Number, Order, PlanRow, SyncState
from numbers.models.gate import Breaker
from numbers.services.spending import gate
from numbers.states import OPEN, ApprovalState, LineState, Outcome

LATE = 120  # seconds that a line may be overdue, and a worker silent, before somebody should look
HOUR = timedelta(hours=1)
KEEP_SECONDS = 60  # for counts over all numbers, which take a while when there are a million


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """How it goes at one moment; ages in seconds, None where there is nothing to tell the age of."""

    gate: str  # open, paused, stopped
    oldest_due: float | None
    synced: float | None
    sync_error: str
    workers: int  # machines whose worker was seen lately
    worker_seen: float | None

    @property
    def warnings(self) -> list[str]:
        """What a person should look at, though pages can be served."""
        found = []
        if self.gate != "open":
            found.append(f"buying is {self.gate}")
        elif self.oldest_due and self.oldest_due > LATE:
            found.append("lines are overdue")
        if not self.workers:
            found.append("no worker was seen recently")
        if self.sync_error:
            found.append("the last sync failed")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What /metrics tells."""

    vitals: Vitals
    lines: dict[str, int]  # open ones by state
    sends: dict[str, int]  # of the last hour, by outcome
    numbers: dict[str, int] = field(default_factory=dict)
    due: int
    changes_waiting: int
    approvals_waiting: int


def unapplied() -> list[str]:
    """Migrations of this release that the database has not seen; one that knows more is fine."""
    applied = MigrationRecorder(connection).applied_migrations()
    return [f"{app}.{name}" for app, name in of_this_release() if (app, name) not in applied]


def why_unusable(error: DatabaseError) -> str:
    """Why the database that raised `error` cannot be used and what to do, or "" where it can."""
    gone = isinstance(error, OperationalError) and not str(error).startswith("no such")  # that is SQLite's
    if connection.vendor == "sqlite" or not gone:
        with suppress(DatabaseError):
            if waiting := unapplied():
                return (
                    f"The database lacks {len(waiting)} migrations of this release. Run `manage.py migrate`."
                )
    if not gone:
        return ""
    return (
        f"The database isn't responding: {first_line(error)}."
        " Check DATABASE_URL and that the database is running."
    )


def first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__


@cache
def of_this_release() -> list[tuple[str, str]]:
    return sorted(MigrationLoader(None).disk_migrations)


def readiness() -> tuple[bool, dict]:
    """Whether this process can serve pages, and what a person wants to know besides."""
    try:
        if waiting := unapplied():
            return False, {"ready": False, "database": "ok", "unapplied_migrations": waiting}
        now = vitals()
    except (DatabaseError, ObjectDoesNotExist) as error:
        return False, {"ready": False, "database": type(error).__name__}
    return True, {
        "ready": True,
        "database": "ok",
        "unapplied_migrations": [],
        "gate": now.gate,
        "oldest_due_seconds": now.oldest_due,
        "synced_seconds": now.synced,
        "workers": now.workers,
        "worker_seen_seconds": now.worker_seen,
        "warnings": now.warnings,
    }


def vitals() -> Vitals:
    """The gate, the sync, the line that has waited longest, the workers' journals."""
    now, row, sync = db_now(), gate.current(), SyncState.objects.get()
    stopped = gate.stops(row, now)
    due = Line.objects.due().order_by("due_at").values_list("due_at", flat=True).first()
    seen = Journal.objects.aggregate(last=Max("seen_at"))["last"]
    alive = Journal.objects.filter(seen_at__gt=now - timedelta(seconds=LATE)).count()
    return Vitals(
        gate="paused" if row.paused else "stopped" if stopped and row.breaker == Breaker.OPEN else "open",
        oldest_due=seconds(now, due),
        synced=seconds(now, sync.synced_at),
        sync_error=sync.error,
        workers=alive,
        worker_seen=seconds(now, seen),
    )


def seconds(now: datetime, then: datetime | None) -> float | None:
    return None if then is None else round(max((now - then).total_seconds(), 0), 1)


def figures() -> Figures:
    """Everything for /metrics; what it counts has an index, and the numbers are counted once a minute."""
    moving = Line.objects.filter(state__in=OPEN).order_by()
    tried = Attempt.objects.filter(finished_at__gt=db_now() - HOUR).order_by()
    return Figures(
        vitals=vitals(),
        lines=by(moving, "state", [state for state in LineState if state in OPEN]),
        sends=by(tried, "outcome", [outcome for outcome in Outcome if outcome != Outcome.SENDING]),
        numbers={name: counted(name, int(time() / KEEP_SECONDS)) for name in NUMBERS},
        due=Line.objects.due().order_by().count(),
        changes_waiting=PlanRow.objects.open().filter(plan__applied_at__isnull=False).count(),
        approvals_waiting=Order.objects.filter(approval=ApprovalState.WAITING).count(),
    )


NUMBERS: dict[str, Callable[[], int]] = {
    "owned": lambda: Number.objects.owned().count(),
    "unassigned": lambda: Number.objects.unassigned().count(),
    "drifted": lambda: Number.objects.filter(drifted=True).count(),
}


@lru_cache(maxsize=8)
def counted(name: str, minute: int) -> int:  # noqa: ARG001 -- the key of the cache: counted anew each minute
    return NUMBERS[name]()


def by(rows, name: str, values: list) -> dict[str, int]:
    """How many of `rows` there are for each of `values`, zeros included."""
    found = dict(rows.values_list(name).annotate(Count("pk")))
    return {str(value): found.get(value, 0) for value in values}
