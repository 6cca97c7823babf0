"""Taking a line as far as it will go, and ringing for somebody to do so.

The row is the truth and the queue. A task is only a doorbell: one that is lost, late or rung
twice costs a moment, never a purchase.
"""

import logging

from django.db import transaction

from ..models import Line
from ..states import LineState
from ..tasks import drive_line
from .choosing import choose
from .history import db_now
from .moves import LeaseLost, claim
from .sending import send
from .settling import settle

log = logging.getLogger("numbers.driving")

STEPS = {LineState.PLANNED: choose, LineState.RESERVED: send, LineState.UNKNOWN: settle}


def drive(*, line_id: int) -> None:
    """Carry one line as far as it will go now. Safe to call at any time, any number of times."""
    line = claim(line_id=line_id)
    try:
        while line and (step := STEPS.get(line.state)):
            line = step(line)
    except LeaseLost as lost:
        log.info("%s", lost, extra={"line_id": line_id})


def ring(line_ids: list[int]) -> None:
    """Ask the task workers to drive these lines; part of the caller's transaction."""
    with transaction.atomic():
        Line.objects.filter(pk__in=line_ids).update(rung_at=db_now())
        for line_id in line_ids:
            drive_line.enqueue(line_id=line_id)
