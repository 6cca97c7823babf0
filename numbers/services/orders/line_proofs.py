"""Test calls that are part of an order: each line that is bought is called once, as soon as it may be.

The order says from which of our lines. Which calls are still to be made is worked out from the rows: a line
that is bought and has no call waits for it, and its order is `proving` until none does.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet

from numbers.db.clock import db_now
from numbers.models import Line, Number, Order, Proof
from numbers.services.calls import proofs
from numbers.services.spending import gate
from numbers.states import AWAY, OPEN, LineState
from numbers.telephony.phone import NotAPhoneNumber, pretty, read_listed_number

from .limits import NotPlaced

PATIENCE = timedelta(days=30)  # after which nobody expects the call any more
LOOKED_AT = 1000  # lines a round


class NotProvable(NotPlaced):
    """Lines cannot be tested from there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How far the test call of one line has come. `word` is for scripts, the rest for people."""

    word: str
    label: str
    reason: str = ""


def read_probe(typed: str) -> str:
    """The line of ours that calls those of an order; "" for "". Raises NotProvable."""
    if not typed.strip():
        return ""
    if why := proofs.why_off():
        raise NotProvable(why)
    try:
        probe = probe_of(read_listed_number(typed))
    except NotAPhoneNumber as error:
        raise NotProvable(str(error)) from None
    if not probe:
        raise NotProvable("We don't own the line to call from.")
    if why := proofs.why_mute(probe):
        raise NotProvable(why)
    return probe.e164


def probe_of(e164: str) -> Number | None:
    return Number.objects.select_related("agent").filter(e164=e164).first()


def last_probe() -> str:
    """From where the latest test call was made, or ""."""
    last = Proof.objects.select_related("probe").first()
    return last.probe.e164 if last else ""


def waiting() -> QuerySet[Line]:
    """Lines that are bought and still to be called, oldest first."""
    since = db_now() - PATIENCE
    lines = Line.objects.filter(order__proving=True, state=LineState.BOUGHT, proof=None, settled_at__gt=since)
    return lines.exclude(number__status__in=AWAY).order_by("pk")


def are_due() -> bool:
    return Order.objects.filter(proving=True).exists()


def ask_for_calls() -> int:
    """Ask for the calls that may be made now, and be done with orders that wait for none; how many."""
    room, asked = proofs.room(), 0
    for line in waiting().select_related("order", "number__agent")[:LOOKED_AT] if room > 0 else ():
        if asked < room:
            asked += ask_for_call(line)
    return asked + end()


def ask_for_call(line: Line) -> bool:
    """Have `line` called, unless something is in the way: then it waits."""
    number, probe = line.number, probe_of(line.order.prove_from)
    if not (number and probe) or why_waits(number):
        return False
    name = f"order {line.order.form_token} line {line.position}"
    try:
        proof = proofs.ask_once(
            name=name, number=number, probe=probe, line=line, asked_by=line.order.requested_by_name
        )
    except proofs.NotTested:
        return False
    return proof.line_id == line.pk


def end() -> int:
    """Orders of which no line is bought any more, nor waits for its call; how many they were."""
    of_order = {"order": OuterRef("pk")}
    moving = Exists(Line.objects.filter(state__in=sorted(OPEN), **of_order))
    over = Order.objects.filter(~moving, ~Exists(waiting().filter(**of_order).order_by()), proving=True)
    return over.update(proving=False)


def why_waits(number: Number) -> str:
    return proofs.why_unfit(number) or proofs.why_asleep(number)


class Outlook:
    """What is told of the test calls of many lines, read with their orders, numbers, agents and calls."""

    def __init__(self) -> None:
        self.stopped: dict[str, str] = {}  # by the line that calls

    def of(self, line: Line) -> Told | None:
        """How far that of `line` has come; None where none was asked for, or nothing is bought yet."""
        number, order = line.number, line.order
        if not order.prove_from or line.state != LineState.BOUGHT or not number:
            return None
        if proof := getattr(line, "proof", None):
            label, reason = proof.get_verdict_display(), proof.reason
            return Told(word=proof.verdict or "testing", label=label, reason=reason)
        if order.proving and number.status not in AWAY:
            why = self.why(order.prove_from) or why_waits(number) or "It's called within seconds."
            return Told(word="waiting", label="Waiting for its test call", reason=why)
        gone = "We no longer own this line."
        why = gone if number.status in AWAY else f"No call could be made within {PATIENCE.days} days."
        return Told(word="missed", label="Not tested", reason=why)

    def why(self, prove_from: str) -> str:
        """What keeps every line from being called from there now."""
        if prove_from not in self.stopped:
            probe, stop = probe_of(prove_from), gate.stops(gate.current(), db_now())
            mute = proofs.why_mute(probe) if probe else f"We don't own {pretty(prove_from)}."
            why = proofs.why_off() or mute or proofs.why_used_up() or (str(stop) if stop else "")
            self.stopped[prove_from] = why
        return self.stopped[prove_from]
