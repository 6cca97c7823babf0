"""What goes on without anybody asking: expired leases, due lines, left-over tasks."""

import logging
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django_tasks_db.models import DBTaskResult

from ..models import Line
from ..states import DRIVEN, LineState, Outcome
from . import gate
from .delivering import ring_deliveries
from .driving import ring
from .failpoints import reached
from .history import db_now
from .leasing import ring_due_plans
from .moves import LeaseLost, move
from .telling import tell_ends

log = logging.getLogger("numbers.sweeping")

BATCH = 200
RING_AGAIN = timedelta(seconds=30)  # for a doorbell that nobody heard
RING_SOON = timedelta(seconds=2)  # where no task waits any more: then it was lost with its worker
KEEP_TASKS = timedelta(days=1)


def sweep() -> int:
    """One round; how many lines and plans were rung or moved."""
    return expire_leases() + ring_due() + ring_due_plans() + tell_ends() + ring_deliveries()


def expire_leases() -> int:
    """sending -> unknown where the worker is gone: it may have been sent, so it must be looked up."""
    lines = expired()[:BATCH]
    for line in lines:
        give_up(line)
    return len(lines)


def expired() -> QuerySet[Line]:
    return Line.objects.filter(state=LineState.SENDING, lease_until__lt=Now())


def give_up(line: Line) -> None:
    """sending -> unknown for a LINE whose worker can not write any more."""
    try:
        with transaction.atomic():
            move(
                line,
                LineState.UNKNOWN,
                reason="The worker stopped before the answer was written down. It may have been bought.",
                generation=line.generation + 1,
                lease_until=None,
                due_at=db_now(),
            )
            line.attempts.filter(outcome=Outcome.SENDING).update(
                outcome=Outcome.UNKNOWN, finished_at=db_now(), detail="The worker stopped."
            )
        reached("lease.expired")
    except LeaseLost:
        log.info("line %s was written down after all", line.pk, extra={"line_id": line.pk})


def succeed(place: str) -> int:
    """Free what the process before us in PLACE held; how many lines. Only where it was seen to be dead.

    Such a process can neither send nor write, so there is no need to wait until its leases run out.
    """
    held = list(Line.objects.filter(state__in=DRIVEN, lease_by=place, lease_until__isnull=False))
    for line in held:
        if line.state == LineState.SENDING:
            give_up(line)
        else:
            same = Line.objects.filter(pk=line.pk, state=line.state, generation=line.generation)
            same.update(lease_until=None, generation=line.generation + 1)
    ring([line.pk for line in held])
    return len(held)


def ring_due() -> int:
    """Ring lines whose time has come; those that are looked up always, others where it is of use."""
    due = Line.objects.due()
    waiting = DBTaskResult.objects.ready()[:BATCH].count()
    if waiting == BATCH or gate.stops(gate.current(), db_now()):
        due = due.filter(state=LineState.UNKNOWN)
    patience = RING_AGAIN if waiting else RING_SOON
    unheard = Q(rung_at=None) | Q(rung_at__lt=F("due_at")) | Q(rung_at__lt=db_now() - patience)
    ids = list(due.filter(unheard).order_by("due_at").values_list("pk", flat=True)[:BATCH])
    if ids:
        ring(ids)
    return len(ids)


def tidy_tasks() -> None:
    """Close tasks whose worker died (the library never does) and forget old ones."""
    now = db_now()
    dead = now - 2 * timedelta(seconds=settings.LEASE_SECONDS)
    DBTaskResult.objects.filter(status="RUNNING", started_at__lt=dead).update(
        status="FAILED", finished_at=now, traceback="The worker died; the books say how it went on."
    )
    DBTaskResult.objects.filter(finished_at__lt=now - KEEP_TASKS).delete()
