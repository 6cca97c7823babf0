"""Taking a line as far as it will go, and ringing for somebody to do so.

The row is the truth and the queue. A task is only a doorbell: one that is lost, late or rung
twice costs a moment, never a purchase.
"""

import gc
import logging
import time
from collections.abc import Sequence
from datetime import datetime
from itertools import batched

from django.conf import settings
from django.db import transaction

from ..models import Line
from ..states import BUYABLE, PUT_OFF, LineState
from ..tasks import drive_line, drive_lines
from .api import client
from .choosing import choose, sharing_searches
from .history import db_now
from .labelling import push_label
from .moves import LeaseLost, claim, wait
from .sending import send
from .settling import settle

log = logging.getLogger("numbers.driving")

RUNG_AT_ONCE = 10  # the sweeper rings the others when their turn comes
SETTLE_FIRST = 10  # priority: what may have been bought already goes before what is still to be bought
MOST_A_TASK = 10  # lines
SLICE = 1.0  # seconds that a task drives lines, so that they do not wait for one that takes long
STEPS = {
    LineState.PLANNED: choose,
    LineState.RESERVED: send,
    LineState.UNKNOWN: settle,
    LineState.BOUGHT: push_label,
}


def get_ready() -> None:
    """Import all that buying needs, for a process that is about to make copies of itself."""
    client()
    gc.freeze()  # what is there now will stay, so no copy looks through it for garbage again


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


def drive_all(*, line_ids: Sequence[int]) -> None:
    """Carry several lines, one after the other; where that takes long, others are rung for the rest."""
    end = time.monotonic() + SLICE
    with sharing_searches():
        for n, line_id in enumerate(line_ids):
            if n and time.monotonic() > end:
                ring(list(line_ids[n:]))
                break
            drive(line_id=line_id)


def ring(line_ids: list[int]) -> None:
    """Ask the task workers to drive these lines; part of the caller's transaction."""
    with transaction.atomic():
        lines = Line.objects.filter(pk__in=line_ids)
        lines.update(rung_at=db_now())
        unknown = set(lines.filter(state=LineState.UNKNOWN).values_list("pk", flat=True))
        for line_id in unknown:
            drive_line.using(priority=SETTLE_FIRST).enqueue(line_id=line_id)
        others = [line_id for line_id in line_ids if line_id not in unknown]
        for portion in batched(others, portion_of(len(others))):
            if len(portion) == 1:
                drive_line.enqueue(line_id=portion[0])
            else:
                drive_lines.enqueue(line_ids=list(portion))


def portion_of(count: int) -> int:
    """How many of COUNT lines one task drives: no fewer tasks than purchases may be in flight at once."""
    return max(1, min(count // max(1, settings.GATE_IN_FLIGHT), MOST_A_TASK))
