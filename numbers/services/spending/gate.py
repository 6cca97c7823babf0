"""The gate: who may send a purchase now, and what stops everybody.

One row, locked in the transaction that moves a line to `sending` and again where an answer that is
written down may change it. Code that locks both takes the gate first and the line second.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists
from django.db.transaction import TransactionManagementError

from numbers.db.clock import JUMP, db_now, written
from numbers.db.sql import CountOf
from numbers.db.wake import announce
from numbers.models import Attempt, Gate, Journal, Line, Number, SyncState
from numbers.models.gate import Breaker
from numbers.permissions import Right
from numbers.services.audit.events import SYSTEM, Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.errors import NotDone
from numbers.services.notifications.notices import tell_gate
from numbers.states import DRIVEN, PUT_OFF, LineState, Outcome

LAST = 20  # attempts that the share of unknown ones is taken of
BUSY_SECONDS = 0.5  # until the next try when all places in flight are taken
LONGEST_PAUSE = timedelta(hours=1.1)  # that Fluents can ask for
COOL_DOWN_SECONDS = 60.0  # an open breaker lets one line through after this
# Statuses of HTTP that a person has to see to: no number, and no other time, would change them.
REFUSED = {
    401: "Fluents refused a purchase because of our token (FLUENTS_API_TOKEN)",
    402: "Fluents refused a purchase because of the account's balance",
    403: "Fluents refused a purchase because the account or its plan doesn't allow it",
}


class Closed(Exception):
    """Nothing may be sent now. `until` is when to ask again; None: when a person has opened the gate.
    `busy`: as soon as another purchase has ended."""

    def __init__(self, reason: str, until: datetime | None = None, *, busy: bool = False) -> None:
        super().__init__(reason)
        self.until, self.busy = until, busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What is known of a line that passes the gate: when, alone to see whether Fluents is back or not, and
    whether its number has become ours by now."""

    at: datetime
    trial: bool
    owned: bool


class NotOpened(NotDone):
    """Buying cannot go on yet; the text says what is missing, for people."""


def current() -> Gate:
    """The gate as it is."""
    return Gate.objects.get(pk=Gate.SINGLE)


def locked() -> Gate:
    """The gate's row, ours until the transaction ends. Raises TransactionManagementError outside of one."""
    if not connection.in_atomic_block:  # SQLite would not notice
        raise TransactionManagementError("the gate can be locked within a transaction only")
    return Gate.objects.select_for_update().get(pk=Gate.SINGLE)


def stops(gate: Gate, now: datetime) -> Closed | None:
    """What keeps every line from being sent, apart from the wait for a turn."""
    if gate.paused:
        return Closed(f"Buying is paused: {gate.pause_reason}")
    if gate.breaker == Breaker.OPEN:
        if gate.needs_person:
            return Closed(gate.breaker_reason)
        cool_down = timedelta(seconds=COOL_DOWN_SECONDS)
        if now < (again := (gate.breaker_at or now) + cool_down) <= now + cool_down:
            return Closed(gate.breaker_reason, again)
    if gate.not_before and now < gate.not_before <= now + LONGEST_PAUSE:
        return Closed("Fluents asked us to slow down.", gate.not_before)
    return None


def admit(*, phone_number: str = "", guarantee: str = "", now: datetime | None = None) -> Admission:
    """Let one line through, inside the transaction that makes it `sending`. Raises Closed.

    `phone_number` is what it buys, "" where it buys by area code; `guarantee` what the pages say of this API.
    """
    gate = locked()
    now = now or db_now()
    if stop := stops(gate, now):
        raise stop
    trying = gate.breaker != Breaker.CLOSED
    most = 1 if trying else settings.GATE_IN_FLIGHT
    # After the lock and after the line has its number alone, as both may change until then.
    sending = Line.objects.filter(state=LineState.SENDING)
    ours = Number.objects.owned().filter(e164=phone_number)
    in_flight, owned = Gate.objects.values_list(CountOf(sending, most), Exists(ours)).get(pk=Gate.SINGLE)
    if in_flight >= most:
        raise Closed("Other lines are being bought.", now + timedelta(seconds=BUSY_SECONDS), busy=True)
    if turn := _wait_for_turn(gate, now):
        raise turn
    if trying or _spacing() or gate.guarantee != guarantee:  # else there is nothing to remember
        gate.breaker = Breaker.HALF_OPEN if trying else Breaker.CLOSED
        gate.next_send_at, gate.guarantee = now + _spacing(), guarantee or gate.guarantee
        gate.save(update_fields=["breaker", "next_send_at", "guarantee"])
    return Admission(at=now, trial=trying, owned=owned)


def admit_call() -> datetime:
    """Let one test call through, inside the transaction that marks it as sent; when. Raises Closed.

    It takes a purchase's turn, and waits for what stops purchases. It is never the trial of an open breaker.
    """
    gate, now = locked(), db_now()
    if stop := stops(gate, now):
        raise stop
    if gate.breaker != Breaker.CLOSED:
        raise Closed(gate.breaker_reason, now + timedelta(seconds=COOL_DOWN_SECONDS))
    if turn := _wait_for_turn(gate, now):
        raise turn
    if _spacing():
        gate.next_send_at = now + _spacing()
        gate.save(update_fields=["next_send_at"])
    return now


def note(
    *,
    outcome: str,
    status: int | None,
    said: str = "",
    now: datetime,
    retry_after: float | None = None,
    trial: bool = True,
) -> None:
    """Take an attempt's outcome into account, in the transaction that writes it down.

    said are Fluents' own words. A purchase that went well and was no trial changes nothing: it need not wait
    for the gate.
    """
    if outcome == Outcome.BOUGHT and not trial:
        return
    gate = locked()
    if outcome == Outcome.RATE_LIMITED:
        pause = now + timedelta(seconds=1.1 * (retry_after if retry_after is not None else 5.0))
        gate.not_before = max(pause, gate.not_before or pause)
        gate.save(update_fields=["not_before"])
    elif status in REFUSED:
        words = f" Fluents says: {said}." if said else ""
        _open(gate, f"{REFUSED[status]} ({status}).{words}", now, needs_person=True)
    elif outcome == Outcome.BOUGHT and gate.breaker == Breaker.HALF_OPEN:
        _close(gate, now)
    elif outcome == Outcome.UNKNOWN and (reason := _too_many(gate)):
        _open(gate, reason, now)
    elif outcome not in (Outcome.UNKNOWN, Outcome.NOT_SENT) and gate.breaker == Breaker.HALF_OPEN:
        _close(gate, now)  # a clear answer of any kind: Fluents is back


@needs(Right.STOP)
def pause(*, reason: str, by: Actor = SYSTEM, books_doubted: bool = False, heals_with: str = "") -> None:
    """Stop all buying until `open_gate`. Lines that are being sent finish.

    books_doubted: opening the gate then says that books and Fluents were reconciled. heals_with: until
    `heal` is called with the same words.
    """
    with transaction.atomic():
        gate = locked()
        overrules = bool(gate.heals_with) and not heals_with
        if gate.paused and (gate.books_doubted or not books_doubted) and not overrules:
            return
        gate.paused, gate.pause_reason, gate.heals_with = True, reason[:500], heals_with
        gate.books_doubted = books_doubted or gate.books_doubted
        gate.paused_by, gate.paused_at = by.name, db_now()
        gate.save()
        event = record_event(action="gate.paused", by=by, reason=reason)
        if not by.name:
            tell_gate(event=event)


def heal(what: str) -> None:
    """End a pause that was to last until `what` works again; one for any other reason stays."""
    with transaction.atomic():
        gate = locked()
        if not gate.paused or gate.heals_with != what:
            return
        gate.paused, gate.pause_reason, gate.paused_at, gate.heals_with = False, "", None, ""
        gate.save()
        _let_go(db_now())
        record_event(action="gate.opened", reason="What stopped buying works again.", before={"paused": True})


@needs(Right.OPEN)
def open_gate(*, by: Actor, reason: str, without: Collection[str] = ()) -> None:
    """A person lets buying go on: ends a pause, closes the breaker, takes journal differences as settled.

    `without` names journals whose report the person waives. Raises NotOpened.
    """
    with transaction.atomic():
        gate = locked()
        if doubt := SyncState.objects.values_list("doubt", flat=True).get():
            raise NotOpened(f"{doubt['text']} Accept this, or fix it and sync, before resuming.")
        now = db_now()
        _without_reports(without, by=by, reason=reason)
        before = {"paused": gate.paused, "breaker": gate.breaker}
        if gate.books_doubted:
            gate.reconciled_at, gate.books_doubted = now, False
        gate.paused, gate.pause_reason, gate.paused_by, gate.paused_at = False, "", "", None
        gate.heals_with = ""
        _close(gate, now)
        gate.save()
        _let_go(now)
        record_event(action="gate.opened", by=by, reason=reason, before=before)


def mend_times() -> int:
    """Bring back what a clock that was ahead, and was set right again, has put too far off; how much.

    A pause that Fluents asked for meanwhile is as long as was asked, from now on.
    """
    now = db_now()
    ahead = now + JUMP
    with transaction.atomic():
        gate = locked()
        names = ("breaker_at", "counting_from", "reconciled_at")
        mended = {name: now for name in names if (getattr(gate, name) or now) > ahead}
        asked = Attempt.objects.filter(outcome=Outcome.RATE_LIMITED, finished_at__gt=ahead)
        at = asked.order_by("-finished_at").values_list("finished_at", flat=True).first()
        if at and gate.not_before and gate.not_before > at:
            mended["not_before"] = now + (gate.not_before - at)
            _let_go(now)
        if mended:
            Gate.objects.filter(pk=Gate.SINGLE).update(**mended)
    looked = SyncState.objects.filter(looked_at__gt=ahead)  # a worker that has started since has to look
    return len(mended) + looked.update(looked_at=now - LONGEST_PAUSE)


def _let_go(now: datetime) -> None:
    """Lines that were told to wait, for a moment or a person, are due.

    Those of orders that wait for approval do not mind the gate.
    """
    told = Line.objects.filter(state__in=DRIVEN, lease_until=None, due_at__lt=PUT_OFF)
    told.update(due_at=now)
    announce()


def _without_reports(names: Collection[str], *, by: Actor, reason: str) -> None:
    """Waive the reports of the journals called `names`. Raises NotOpened while another one is missing."""
    in_use = {row.name: row for row in Journal.objects.filter(retired_at=None)}
    if unknown := [name for name in names if name not in in_use]:
        known = ", ".join(in_use) or "none"
        raise NotOpened(f"No journal in use is named {', '.join(unknown)}. In use: {known}.")
    missing = [row for row in in_use.values() if row.awaited]
    if left := [row for row in missing if row.name not in names]:
        raise NotOpened(
            "Purchases may be missing from the database, and these journals haven't reported since: "
            f"{'; '.join(in_words(row) for row in left)}. "
            "Start their workers, or name the ones to resume without."
        )
    for row in missing:
        Journal.objects.filter(pk=row.pk).update(awaited=False)
        about = {"journal": row.name}
        record_event(action="journal.waived", by=by, after=about, reason=f"{row.name}: {reason}")


def in_words(row: Journal) -> str:
    """Which journal that is, and when its worker was last seen."""
    return f"{row.name} ({row.machine}:{row.path}, last seen {written(row.seen_at)})"


def _wait_for_turn(gate: Gate, now: datetime) -> Closed | None:
    if now < gate.next_send_at <= now + _spacing():  # later than that: by a clock that was wrong
        return Closed("Waiting for its turn.", gate.next_send_at)
    return None


def _spacing() -> timedelta:
    return timedelta(seconds=1 / settings.GATE_RATE if settings.GATE_RATE > 0 else 0)


def _too_many(gate: Gate) -> str:
    """Why the latest attempts should stop everything, or ""."""
    if gate.breaker == Breaker.HALF_OPEN:
        return "The test purchase got no clear answer either."
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
    event = record_event(action="gate.stopped", reason=reason)
    if news:
        tell_gate(event=event)


def _close(gate: Gate, now: datetime) -> None:
    gate.breaker, gate.breaker_reason, gate.breaker_at = Breaker.CLOSED, "", None
    gate.needs_person, gate.counting_from = False, now
    gate.save(update_fields=["breaker", "breaker_reason", "breaker_at", "needs_person", "counting_from"])
