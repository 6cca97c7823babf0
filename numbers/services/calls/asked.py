"""Test calls that are part of an order or a plan: each of its lines is called once, as soon as it may be.

The order or the plan says from which of our lines. Which calls are still to be made is worked out from the
rows, so that nothing is lost with a worker: see `orders/line_proofs` and `row_proofs`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Model, QuerySet

from numbers.db.clock import db_now
from numbers.models import Number, Proof
from numbers.services.spending import gate
from numbers.telephony.phone import NotAPhoneNumber, pretty, read_listed_number

from . import proofs
from .sample import callable_now

PATIENCE = timedelta(days=30)  # after which nobody expects the call any more
LOOKED_AT = 1000  # lines a round
GONE = "We no longer own this line."
TOO_LATE = f"No call could be made within {PATIENCE.days} days."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A call that something asks for. `about` are fields of its `Proof`: what it is for."""

    name: str
    number: Number | None
    prove_from: str
    asked_by: str
    about: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How far the test call of one line has come. `word` is for scripts, the rest for people."""

    word: str
    label: str
    reason: str = ""


def read_probe(typed: str) -> Number | None:
    """The line of ours that calls others; None for "". Raises NotTested."""
    if not typed.strip():
        return None
    if why := proofs.why_off():
        raise proofs.NotTested(why)
    try:
        probe = probe_of(read_listed_number(typed))
    except NotAPhoneNumber as error:
        raise proofs.NotTested(str(error)) from None
    if not probe:
        raise proofs.NotTested("We don't own the line to call from.")
    if why := proofs.why_mute(probe):
        raise proofs.NotTested(why)
    return probe


def probe_of(e164: str) -> Number | None:
    return Number.objects.select_related("agent").filter(e164=e164).first()


def last_probe() -> str:
    """From where the latest test call was made, or ""."""
    last = Proof.objects.select_related("probe").first()
    return last.probe.e164 if last else ""


def ask_in_turn[M: Model](waiting: QuerySet[M], wanted: Callable[[M], Wanted]) -> int:
    """Ask for those calls of `waiting`, rows with a `number`, that may be made now; how many."""
    room, asked = proofs.room(), 0
    if room <= 0:
        return 0
    for row in waiting.filter(number__in=callable_now().order_by().values("pk"))[:LOOKED_AT]:
        if asked < room:
            asked += ask(wanted(row))
    return asked


def ask(call: Wanted) -> bool:
    """Have it made, unless something is in the way: then it waits."""
    number, probe = call.number, probe_of(call.prove_from)
    if not (number and probe) or why_waits(number):
        return False
    try:
        proof = proofs.ask_once(
            name=call.name, number=number, probe=probe, asked_by=call.asked_by, **call.about
        )
    except proofs.NotTested:
        return False
    return all(getattr(proof, name) == value for name, value in call.about.items())


def why_waits(number: Number) -> str:
    return proofs.why_unfit(number) or proofs.why_asleep(number)


def missed(why: str) -> Told:
    return Told(word="missed", label="Not tested", reason=why)


def verdict_of(proof: Proof) -> Told:
    return Told(word=proof.verdict or "testing", label=proof.get_verdict_display(), reason=proof.reason)


class Waiting:
    """What is told of many calls that were not asked for yet."""

    def __init__(self) -> None:
        self.stopped: dict[str, str] = {}  # by the line that calls

    def told(self, number: Number, prove_from: str) -> Told:
        why = self.why(prove_from) or why_waits(number) or "It's called within seconds."
        return Told(word="waiting", label="Waiting for its test call", reason=why)

    def why(self, prove_from: str) -> str:
        """What keeps every line from being called from there now."""
        if prove_from not in self.stopped:
            probe, stop = probe_of(prove_from), gate.stops(gate.current(), db_now())
            mute = proofs.why_mute(probe) if probe else f"We don't own {pretty(prove_from)}."
            why = proofs.why_off() or mute or proofs.why_used_up() or (str(stop) if stop else "")
            self.stopped[prove_from] = why
        return self.stopped[prove_from]
