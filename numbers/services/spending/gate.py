"""The gate: who may send a purchase now, and what stops everybody.

One row, locked in the transaction that moves a line to `sending` and again where an answer that is
written down may change it. Whoever locks both takes the gate first and the line second.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Manager, QuerySet
from django.db.transaction import TransactionManagementError

from ..models import Attempt, Gate, Line
from ..models.gate import Breaker
from ..prepared import Prepared, columns_of, read
from ..statements import CountOf
from ..states import DRIVEN, PUT_OFF, LineState, Outcome
from .history import CLOCK, SYSTEM, By, db_now, record
from .moves import wait
from .telling import tell_gate

LAST = 20  # attempts that the share of unknown ones is taken of
BUSY_SECONDS = 0.5  # until the next try when all places in flight are taken
COOL_DOWN_SECONDS = 60.0  # an open breaker lets one line through after this


class Closed(Exception):
    """Nothing may be sent now. `until` is when to ask again; None: when a person has opened the gate."""

    def __init__(self, reason: str, until: datetime | None = None) -> None:
        super().__init__(reason)
        self.until = until


SEEN = Prepared(lambda: asked_of(Gate.objects))
LOCKED = Prepared(lambda: asked_of(Gate.objects.select_for_update()))
IN_FLIGHT = Prepared(
    lambda most: Gate.objects.filter(pk=Gate.SINGLE).values_list(
        CountOf(Line.objects.filter(state=LineState.SENDING), most)
    )
)


def asked_of(rows: Manager | QuerySet) -> QuerySet:
    return rows.filter(pk=Gate.SINGLE).values_list(CLOCK, *columns_of(Gate))


def current() -> Gate:
    return seen()[0]


def seen() -> tuple[Gate, datetime]:
    """The gate as it is, and the time."""
    now, *values = SEEN.row()
    return read(Gate, values), now or db_now()


def locked() -> Gate:
    """The gate's row, ours until the transaction ends."""
    return locked_at()[0]


def locked_at() -> tuple[Gate, datetime]:
    """The gate's row, ours until the transaction ends, and the time at which it was asked for."""
    if not connection.in_atomic_block:
        raise TransactionManagementError("the gate can be locked within a transaction only")
    now, *values = LOCKED.row()
    return read(Gate, values), now or db_now()


def stops(gate: Gate, now: datetime) -> Closed | None:
    """What keeps every line from being sent, apart from the wait for a turn."""
    if gate.paused:
        return Closed(f"Buying is paused: {gate.pause_reason}")
    if gate.breaker == Breaker.OPEN:
        if gate.needs_person:
            return Closed(gate.breaker_reason)
        if (again := gate.breaker_at + timedelta(seconds=COOL_DOWN_SECONDS)) > now:
            return Closed(gate.breaker_reason, again)
    if gate.not_before and gate.not_before > now:
        return Closed("Fluents asked us to slow down.", gate.not_before)
    return None


def admit(*, now: datetime | None = None) -> datetime:
    """Let one line through, inside the transaction that makes it `sending`; when. Raises Closed."""
    gate, asked_at = locked_at()
    now = now or asked_at
    if stop := stops(gate, now):
        raise stop
    trying = gate.breaker != Breaker.CLOSED
    most = 1 if trying else settings.GATE_IN_FLIGHT
    if IN_FLIGHT.row(most)[0] >= most:
        raise Closed("Other lines are being bought.", now + timedelta(seconds=BUSY_SECONDS))
    if gate.next_send_at > now:
        raise Closed("Waiting for its turn.", gate.next_send_at)
    if trying or _spacing():  # else there is nothing to remember
        gate.breaker = Breaker.TRYING if trying else Breaker.CLOSED
        gate.next_send_at = now + _spacing()
        gate.save(update_fields=["breaker", "next_send_at"])
    return now


def hold(line: Line, closed: Closed, *, again: datetime) -> None:
    """Give LINE back until CLOSED is over (AGAIN, where nobody knows when). Raises LeaseLost.

    Under the gate's lock: a person who opens it comes before this, and is noticed, or after it.
    """
    with transaction.atomic():
        now = db_now()
        until = closed.until or again
        gate = locked()
        if not stops(gate, now):
            until = min(until, max(gate.next_send_at, now + timedelta(seconds=BUSY_SECONDS)))
        wait(line, until=until, reason=str(closed))


def turns(*, count: int, now: datetime) -> list[datetime]:
    """Hand out COUNT moments at which lines may try, so that a long order does not crowd the gate."""
    gate = locked()
    start = max(now, gate.next_turn_at)
    gate.next_turn_at = start + _spacing() * count
    gate.save(update_fields=["next_turn_at"])
    return [start + _spacing() * i for i in range(count)]


def note(
    *,
    outcome: str,
    status: int | None,
    now: datetime,
    retry_after: float | None = None,
    seen: Gate | None = None,
) -> None:
    """Take an attempt's outcome into account, in the transaction that writes it down.

    A purchase that went well while the breaker is closed, as SEEN, changes nothing: it need not wait for
    the gate.
    """
    if seen and outcome == Outcome.BOUGHT and seen.breaker == Breaker.CLOSED:
        return
    gate = locked()
    if outcome == Outcome.RATE_LIMITED:
        pause = now + timedelta(seconds=1.1 * (retry_after if retry_after is not None else 5.0))
        gate.not_before = max(pause, gate.not_before or pause)
        gate.save(update_fields=["not_before"])
    elif status in (401, 402, 403):
        why = "our token (FLUENTS_API_TOKEN)" if status != 402 else "the account's balance"
        _open(gate, f"Fluents refused a purchase because of {why} ({status}).", now, needs_person=True)
    elif outcome == Outcome.BOUGHT and gate.breaker == Breaker.TRYING:
        _close(gate, now)
    elif outcome == Outcome.UNKNOWN and (reason := _too_many(gate)):
        _open(gate, reason, now)
    elif outcome not in (Outcome.UNKNOWN, Outcome.NOT_SENT) and gate.breaker == Breaker.TRYING:
        _close(gate, now)  # a clear answer of any kind: Fluents is back


def pause(*, reason: str, by: By = SYSTEM, books_doubted: bool = False) -> None:
    """Stop all buying until `open_gate`. Lines that are being sent finish.

    BOOKS_DOUBTED: whoever opens the gate says by it that books and Fluents were reconciled.
    """
    with transaction.atomic():
        gate = locked()
        if gate.paused and (gate.books_doubted or not books_doubted):
            return
        gate.paused, gate.pause_reason, gate.books_doubted = True, reason[:500], books_doubted
        gate.paused_by, gate.paused_at = by.name, db_now()
        gate.save()
        event = record(action="gate.paused", by=by, reason=reason)
        if not by.name:
            tell_gate(event=event)


def open_gate(*, by: By, reason: str) -> None:
    """A person lets buying go on: ends a pause, closes the breaker, takes journal differences as settled."""
    with transaction.atomic():
        gate = locked()
        before = {"paused": gate.paused, "breaker": gate.breaker}
        now = db_now()
        if gate.books_doubted:
            gate.reconciled_at, gate.books_doubted = now, False
        gate.paused, gate.pause_reason, gate.paused_by, gate.paused_at = False, "", "", None
        _close(gate, now)
        gate.save()
        # Lines were told to wait until the breaker might let one through, or for a person.
        # Those of orders that wait for approval do not mind the gate.
        told = Line.objects.filter(state__in=DRIVEN, lease_until=None, due_at__lt=PUT_OFF)
        told.update(due_at=now)
        record(action="gate.opened", by=by, reason=reason, before=before)


def _spacing() -> timedelta:
    return timedelta(seconds=1 / settings.GATE_RATE if settings.GATE_RATE > 0 else 0)


def _too_many(gate: Gate) -> str:
    """Why the latest attempts should stop everything, or ""."""
    if gate.breaker == Breaker.TRYING:
        return "The purchase that was let through as a trial got no clear answer either."
    attempts = Attempt.objects.filter(finished_at__isnull=False)
    if gate.counting_from:
        attempts = attempts.filter(finished_at__gt=gate.counting_from)
    last = list(attempts.order_by("-finished_at").values_list("outcome", flat=True)[:LAST])
    unknown = [outcome == Outcome.UNKNOWN for outcome in last]
    row = settings.BREAKER_UNKNOWNS
    if row and len(unknown) >= row and all(unknown[:row]):
        return f"{row} purchases in a row got no clear answer."
    share = settings.BREAKER_SHARE
    if share and len(unknown) == LAST and 100 * sum(unknown) > share * LAST:
        return f"{sum(unknown)} of the last {LAST} purchases got no clear answer."
    return ""


def _open(gate: Gate, reason: str, now: datetime, *, needs_person: bool = False) -> None:
    news = gate.breaker == Breaker.CLOSED  # a trial that failed is none
    gate.breaker, gate.breaker_reason, gate.breaker_at = Breaker.OPEN, reason, now
    gate.needs_person = gate.needs_person or needs_person
    gate.save(update_fields=["breaker", "breaker_reason", "breaker_at", "needs_person"])
    event = record(action="gate.stopped", reason=reason)
    if news:
        tell_gate(event=event)


def _close(gate: Gate, now: datetime) -> None:
    gate.breaker, gate.breaker_reason, gate.breaker_at = Breaker.CLOSED, "", None
    gate.needs_person, gate.counting_from = False, now
    gate.save(update_fields=["breaker", "breaker_reason", "breaker_at", "needs_person", "counting_from"])
