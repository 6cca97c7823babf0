"""Lines that are still to be bought, as work for a worker: which are due, in whose turn, and each taken as
far as it will go now. Those that may have been bought have threads of their own, see `unknowns`.
"""

import logging
from collections.abc import Collection
from contextlib import nullcontext
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from numbers.db.clock import db_now
from numbers.db.commits import atomic
from numbers.db.leases import LeaseLost
from numbers.models import Line
from numbers.services.inventory.label_push import push_label
from numbers.services.spending import gate
from numbers.services.turns import Turns
from numbers.states import CANCELLABLE, DRIVEN, PUT_OFF, LineState

from .expiry import give_up
from .purchase import queue, send
from .readings import readings
from .review import look_again
from .selection import choose, searches, wanted_of
from .settlement import settle
from .transitions import claim as claim_one
from .transitions import claim_all, hold, move, wait
from .turns import Person

log = logging.getLogger(__name__)

NAME = "lines"
PORTION = 500  # lines that are told at once what they wait for
TIMES = 10  # that a step may raise in a row before a person decides
RAISED_AGAIN = (1, 2, 5, 10, 30, 60)  # seconds until a line whose step raised is tried again
STEPS = {
    LineState.PLANNED: choose,
    LineState.RESERVED: send,
    LineState.UNKNOWN: settle,
    LineState.BOUGHT: push_label,
    LineState.REVIEW: look_again,
}
CLAIMED = DRIVEN | {LineState.REVIEW}
_turns = Turns()


def claim(*, limit: int) -> list[Line]:
    """At most `limit` lines that are due, in turn between people.

    No further ahead of the gate than is of use.
    """
    if stop := gate.stops(gate.current(), db_now()):
        say_why(stop)
        return []
    room = room_ahead(limit)
    keys = _turns.in_turn(to_buy(room), room) if room else []
    return claim_all(keys) if keys else []


def say_why(stop: gate.Closed) -> None:
    """Let lines that are due say what they wait for."""
    told = Line.objects.due().filter(state__in=CANCELLABLE).exclude(reason=str(stop)[:500])
    if keys := list(told.values_list("pk", flat=True)[:PORTION]):
        with atomic():
            Line.objects.due().filter(pk__in=keys, state__in=CANCELLABLE).update(
                reason=str(stop)[:500], changed_at=db_now()
            )


def room_ahead(room: int) -> int:
    """How many more lines may get ready: where the gate spaces purchases, as many as may be in flight."""
    if settings.GATE_RATE <= 0:
        return room
    ready = Line.objects.filter(state__in=CANCELLABLE, lease_until__gt=db_now()).count()
    return max(0, min(room, int(settings.GATE_IN_FLIGHT) - ready))


def to_buy(most: int) -> dict[Person, list[int]]:
    """The first `most` lines that each person waits for, those with a number first."""
    mine = ["order__requested_by", "order__requested_by_name"]
    place = Window(RowNumber(), partition_by=mine, order_by=[F("state").desc(), F("order"), F("position")])
    due = Line.objects.due().filter(state__in=CANCELLABLE).annotate(place=place).filter(place__lte=most)
    found: dict[Person, list[int]] = {}
    for key, *person in due.order_by("place").values_list("pk", *mine):
        found.setdefault(tuple(person), []).append(key)
    return found


def run(line: Line) -> None:
    """Take a line that was claimed, of whatever state, as far as it will go now."""
    sharing = line.state in CANCELLABLE and not line.wanted_number
    with searches.shared(wanted_of(line)) if sharing else nullcontext():
        try:
            if line.is_cancellable and not line.cleared:
                wait(line, until=PUT_OFF)  # it became due anyway
                return
            taken: Line | None = line
            while taken and (step := STEPS.get(LineState(taken.state))):
                taken = step(taken)
                if taken and taken.state == LineState.REVIEW:
                    return  # until a person decides, or asks to look again
        except LeaseLost as lost:
            log.info("%s", lost)


def defer(line: Line, error: Exception) -> None:
    """Give line back after `run` has raised error: for later, or to a person after too many times in a row.

    Trouble of the database says nothing about the line: its lease runs out.
    """
    if isinstance(error, (OperationalError, InterfaceError)):
        return
    with atomic():
        mine = Line.objects.select_related("order", "connection", "agent")
        now = mine.filter(pk=line.pk, generation=line.generation, lease_until__isnull=False).first()
        if not now or now.state not in CLAIMED:
            return
        times = now.raised + 1
        reason = f"An error of ours stopped this line {times} times. The log has it: {type(error).__name__}."
        if now.state == LineState.SENDING:
            give_up(now)
        elif now.state == LineState.REVIEW:
            wait(now, until=PUT_OFF)
        elif times >= TIMES:
            move(now, LineState.REVIEW, reason=reason)
        else:
            pause = RAISED_AGAIN[min(times, len(RAISED_AGAIN)) - 1]
            wait(now, until=db_now() + timedelta(seconds=pause), raised=times)


def stop() -> None:
    """Lines that wait at the gate, or for a list to be read, are given back: this process ends."""
    queue.end()
    readings.end()


def next_due(after: datetime) -> datetime | None:
    """When a line becomes due, later than `after`, or may be free again; None where nobody knows."""
    stop = gate.stops(gate.current(), db_now())
    at = [due_or_free(CANCELLABLE, after), stop.until if stop else None]
    return min(filter(None, at), default=None)


def due_or_free(states: Collection[str], after: datetime) -> datetime | None:
    """When the first line in one of these `states` becomes due, later than `after`, or may be free again."""
    moving = Line.objects.filter(state__in=states).order_by()
    free = moving.filter(lease_until=None, due_at__gt=after).order_by("due_at")
    held = moving.filter(lease_until__isnull=False).order_by("lease_until")
    at = [
        free.values_list("due_at", flat=True).first(),
        held.values_list("lease_until", flat=True).first(),
    ]
    return min(filter(None, at), default=None)


def drive(*, line_id: int) -> None:
    """Carry one line as far as it will go now, if it is due. Safe to call at any time."""
    if not (line := claim_one(line_id=line_id)):
        return
    if line.is_cancellable and (stop := gate.stops(gate.current(), db_now())):
        hold(line, stop, again=db_now())
    else:
        run(line)
