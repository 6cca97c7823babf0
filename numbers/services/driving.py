"""Taking a line as far as it will go, and ringing for somebody to do so.

The row is the truth and the queue. A task is only a doorbell: one that is lost, late or rung
twice costs a moment, never a purchase.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from ..models import Line
from ..states import BUYABLE, PUT_OFF, LineState
from ..tasks import drive_line
from .choosing import choose
from .history import db_now
from .labelling import push_label
from .moves import LeaseLost, claim, wait
from .sending import send
from .settling import settle

log = logging.getLogger("numbers.driving")

RUNG_AT_ONCE = 10  # the sweeper rings the others when their turn comes
SETTLE_FIRST = 10  # priority: what may have been bought already goes before what is still to be bought
STEPS = {
    LineState.PLANNED: choose,
    LineState.RESERVED: send,
    LineState.UNKNOWN: settle,
    LineState.BOUGHT: push_label,
}


def drive(*, line_id: int) -> None:
    """Carry one line as far as it will go now. Safe to call at any time, any number of times."""
    line = claim(line_id=line_id)
    try:
        if line and line.is_cancellable and line.order.approval not in BUYABLE:
            return wait(line, until=PUT_OFF)  # somebody let it become due all the same
        while line and (step := STEPS.get(line.state)):
            line = step(line)
    except LeaseLost as lost:
        log.info("%s", lost, extra={"line_id": line_id})
    return None


def ring_first(lines: Sequence[Line], *, now: datetime) -> None:
    """Ring those of LINES that may begin at once; part of the caller's transaction."""
    ring([line.pk for line in lines[:RUNG_AT_ONCE] if line.due_at <= now])


def ring(line_ids: list[int]) -> None:
    """Ask the task workers to drive these lines; part of the caller's transaction."""
    with transaction.atomic():
        lines = Line.objects.filter(pk__in=line_ids)
        lines.update(rung_at=db_now())
        unknown = set(lines.filter(state=LineState.UNKNOWN).values_list("pk", flat=True))
        for line_id in line_ids:
            bell = drive_line.using(priority=SETTLE_FIRST) if line_id in unknown else drive_line
            bell.enqueue(line_id=line_id)
