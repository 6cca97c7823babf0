"""Lines whose worker is gone: what it held is freed, and what it may have bought is looked up."""

import logging

from django.db.models import QuerySet

from numbers.db.clock import JUMP, db_now
from numbers.db.commits import atomic
from numbers.db.leases import LeaseLost, mend_leases
from numbers.models import Line
from numbers.services.failpoints import reached
from numbers.states import DRIVEN, PUT_OFF, LineState, Outcome

from .transitions import move

log = logging.getLogger(__name__)

BATCH = 200


def expire_leases() -> int:
    """sending -> unknown where the worker is gone: it may have been sent, so it must be looked up."""
    lines = expired()[:BATCH]
    for line in lines:
        give_up(line)
    return len(lines)


def expired() -> QuerySet[Line]:
    return Line.objects.filter(state=LineState.SENDING, lease_until__lt=db_now())


def give_up(line: Line) -> None:
    """sending -> unknown for a `line` whose worker can not write any more."""
    try:
        with atomic(savepoint=True):
            move(
                line,
                LineState.UNKNOWN,
                reason="The worker stopped before saving the answer.",
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
    """Free what the process before us in `place` held; how many lines. Only where it was seen to be dead.

    Such a process can neither send nor write, so there is no need to wait until its leases run out.
    """
    held = Line.objects.filter(lease_by=place, lease_until__isnull=False)
    lines = list(held.filter(state__in=DRIVEN | {LineState.REVIEW}))
    for line in lines:
        if line.state == LineState.SENDING:
            give_up(line)
        else:
            same = Line.objects.filter(pk=line.pk, state=line.state, generation=line.generation)
            same.update(lease_until=None, generation=line.generation + 1)
    return len(lines)


def mend_times() -> int:
    """Bring back what a clock that was ahead, and was set right again, has put too far off; how many lines.

    A line that was written in the future is due now, and no lease ends later than one that begins now.
    """
    now = db_now()
    moving = Line.objects.filter(state__in=DRIVEN, due_at__lt=PUT_OFF)
    ahead = moving.filter(changed_at__gt=now + JUMP)
    mended = ahead.filter(sent_at__gt=now).update(sent_at=now)
    mended += ahead.update(due_at=now, changed_at=now)
    return mended + mend_leases(Line.objects.all())
