"""What every lease has in common: who holds a row, and for how long."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min, Q, QuerySet

from .clock import JUMP, db_now


class LeaseLost(Exception):
    """Somebody else has the row now; whatever we know about it is stale."""


def lease() -> timedelta:
    """How long a worker owns a row that it has claimed, unless it renews its lease."""
    return timedelta(seconds=settings.LEASE_SECONDS)


def mend_leases(rows: QuerySet) -> int:
    """Let no lease of `rows` end later than one that begins now, after a clock was ahead; how many did."""
    longest = db_now() + lease()
    return rows.filter(lease_until__gt=longest + JUMP).update(lease_until=longest)


def nobody_holds() -> Q:
    """Rows that no worker holds, or none any more."""
    return Q(lease_until=None) | Q(lease_until__lt=db_now())


def soonest_due(rows: QuerySet, after: datetime) -> datetime | None:
    """When one of `rows` is due, later than `after`, or somebody's lease of one ends."""
    found = rows.aggregate(due=Min("due_at", filter=Q(due_at__gt=after)), free=Min("lease_until"))
    return min(filter(None, found.values()), default=None)
