"""Test calls that are part of an order: each line that is bought is called once, as soon as it may be.

A line that is bought and has no call waits for it, and its order is `proving` until none does.
"""

from django.db.models import Exists, OuterRef, QuerySet

from numbers.db.clock import db_now
from numbers.models import Line, Order
from numbers.services.calls.asked import (
    GONE,
    PATIENCE,
    TOO_LATE,
    Told,
    Waiting,
    Wanted,
    ask_in_turn,
    missed,
    verdict_of,
)
from numbers.services.calls.asked import read_probe as read
from numbers.services.calls.proofs import NotTested
from numbers.states import AWAY, OPEN, LineState

from .limits import NotPlaced


class NotProvable(NotPlaced):
    """Lines cannot be tested from there."""


def read_probe(typed: str) -> str:
    """The line of ours that calls those of an order; "" for "". Raises NotProvable."""
    try:
        probe = read(typed)
    except NotTested as error:
        raise NotProvable(str(error)) from None
    return probe.e164 if probe else ""


def waiting() -> QuerySet[Line]:
    """Lines that are bought and still to be called, oldest first."""
    since = db_now() - PATIENCE
    lines = Line.objects.filter(order__proving=True, state=LineState.BOUGHT, proof=None, settled_at__gt=since)
    return lines.exclude(number__status__in=AWAY).order_by("pk")


def are_due() -> bool:
    return Order.objects.filter(proving=True).exists()


def ask_for_calls() -> int:
    """Ask for the calls that may be made now, and be done with orders that wait for none; how many."""
    return ask_in_turn(waiting().select_related("order", "number__agent"), call_of) + end()


def call_of(line: Line) -> Wanted:
    return Wanted(
        name=f"order {line.order.form_token} line {line.position}",
        number=line.number,
        prove_from=line.order.prove_from,
        asked_by=line.order.requested_by_name,
        about={"line": line},
    )


def end() -> int:
    """Orders of which no line is bought any more, nor waits for its call; how many they were."""
    of_order = {"order": OuterRef("pk")}
    moving = Exists(Line.objects.filter(state__in=sorted(OPEN), **of_order))
    over = Order.objects.filter(~moving, ~Exists(waiting().filter(**of_order).order_by()), proving=True)
    return over.update(proving=False)


class Outlook:
    """What is told of the test calls of many lines, read with their orders, numbers, agents and calls."""

    def __init__(self) -> None:
        self.waiting = Waiting()

    def of(self, line: Line) -> Told | None:
        """How far that of `line` has come; None where none was asked for, or nothing is bought yet."""
        number, order = line.number, line.order
        if not order.prove_from or line.state != LineState.BOUGHT or not number:
            return None
        if proof := getattr(line, "proof", None):
            return verdict_of(proof)
        if number.status in AWAY:
            return missed(GONE)
        return self.waiting.told(number, order.prove_from) if order.proving else missed(TOO_LATE)
