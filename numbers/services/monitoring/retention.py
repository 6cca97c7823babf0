"""Forgetting what nobody needs any more. The history stays: events, orders, lines and numbers for good."""

from datetime import datetime, timedelta

from django.contrib.sessions.models import Session
from django.db.models import Max, Q, QuerySet

from numbers.db.clock import db_now
from numbers.models import (
    AgentDay,
    Alarm,
    Attempt,
    Invoice,
    Look,
    Notice,
    NumberDay,
    Reconciliation,
    TypedForm,
)
from numbers.services.costs.invoices import KEEP as UNREAD
from numbers.services.orders.typed_forms import KEEP
from numbers.states import FINAL

CALLS = 400  # days for which they are kept at least: a year of months, and what they are compared with
BATCH = 2000  # rows a statement, so that buying never waits long for a lock


def prune(*, days: int, dry_run: bool = False) -> dict[str, int]:
    """Forget evidence that is older than `days`, and what has run out. How many rows of each kind."""
    now = db_now()
    old = now - timedelta(days=days)
    called = (now - timedelta(days=max(days, CALLS))).date()
    forget = {
        "sessions": Session.objects.filter(expire_date__lt=now),
        "look-ups": Look.objects.filter(at__lt=old, line__state__in=FINAL),
        "comparisons": comparisons(old),
        "unfinished forms": TypedForm.objects.filter(saved_at__lt=now - KEEP),
        "notices": Notice.objects.filter(at__lt=old),
        "alarms": Alarm.objects.filter(ended_at__lt=old),
        "unmatched invoices": Invoice.objects.filter(
            state=Invoice.State.COLUMNS, uploaded_at__lt=now - UNREAD
        ),
        "days of calls": NumberDay.objects.filter(day__lt=called),
        "agents' days of calls": AgentDay.objects.filter(day__lt=called),
    }
    bodies = attempts_with_bodies(old)
    if dry_run:
        return {name: rows.count() for name, rows in forget.items()} | {"answers": bodies.count()}
    return {name: delete(rows) for name, rows in forget.items()} | {"answers": empty(bodies)}


def comparisons(old: datetime) -> QuerySet[Reconciliation]:
    """All but the last one, which the page shows."""
    last = Reconciliation.objects.aggregate(last=Max("pk"))["last"]
    return Reconciliation.objects.filter(finished_at__lt=old, pk__lt=last or 0)


def attempts_with_bodies(old: datetime) -> QuerySet[Attempt]:
    """Attempts of lines that have ended, with what Fluents answered or what we owned before."""
    held = Q(answer__isnull=False) | Q(owned_before__isnull=False)
    return Attempt.objects.filter(held, finished_at__lt=old, line__state__in=FINAL)


def delete(rows: QuerySet) -> int:
    return in_batches(rows, lambda batch: batch.delete())


def empty(rows: QuerySet[Attempt]) -> int:
    return in_batches(rows, lambda batch: batch.update(answer=None, owned_before=None))


def in_batches(rows: QuerySet, act) -> int:
    """`act` on `rows`, a batch at a time; `act` must take them out of `rows`."""
    done = 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:BATCH]):
        act(rows.model._base_manager.filter(pk__in=keys))
        done += len(keys)
    return done
