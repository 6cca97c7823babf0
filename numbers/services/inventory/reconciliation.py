"""Books against Fluents, both ways."""

from collections.abc import Iterator
from itertools import batched

from django.db import transaction
from django.db.models import F

from .. import fluents
from ..models import Attempt, Event, Line, Number, Reconciliation
from ..phone import pretty
from ..states import OPEN, LineState
from ..tasks import reconcile_books
from .api import client
from .history import SYSTEM, By, db_now, record
from .mirroring import DECIDED

MOST = 1000  # differences kept of one run
ACKNOWLEDGED = "number.acknowledged"


def ask(*, by: By) -> Reconciliation:
    """Have the worker compare. The row shows at once that it is under way."""
    with transaction.atomic():
        run = Reconciliation.objects.create(requested_by=by.name, started_at=db_now())
        reconcile_books.enqueue(run_id=run.pk)
    return run


def reconcile(*, by: By = SYSTEM, run: Reconciliation | None = None) -> Reconciliation:
    """Compare everything and keep the result. Changes nothing else. Raises FluentsError."""
    run = run or Reconciliation.objects.create(requested_by=by.name, started_at=db_now())
    try:
        run.differences = [found for _, found in zip(range(MOST), differences(), strict=False)]
    except fluents.FluentsError as error:
        run.error = error.user_message[:500]
        raise
    finally:
        run.finished_at = db_now()
        run.save()
    record(
        action="books.reconciled", by=By(name=run.requested_by), after={"differences": len(run.differences)}
    )
    return run


def run_asked(*, run_id: int) -> None:
    """Carry out a comparison that `ask` put down."""
    reconcile(run=Reconciliation.objects.get(pk=run_id))


def differences() -> Iterator[dict]:
    """Every difference as a dict of kind, phone_number, detail, order and line."""
    seen: set[str] = set()
    for page in batched(client().numbers(), 500):
        infos = {info.number: info for info in page if info.number not in seen}
        seen |= infos.keys()
        booked = {
            number.e164: number
            for number in Number.objects.owned().filter(e164__in=infos).select_related("agent")
        }
        traces = traces_of(list(infos))
        for phone_number, info in infos.items():
            if phone_number not in booked:
                yield not_on_books(phone_number, traces.get(phone_number))
            else:
                yield from compare(booked[phone_number], info, traces.get(phone_number))
    for number in Number.objects.owned().order_by("pk").iterator(chunk_size=1000):
        if number.e164 not in seen and client().find_number(number.e164) is None:
            yield difference("gone", number.e164, "On our books, but Fluents does not list it.")


def compare(number: Number, info: fluents.Number, trace: Attempt | None) -> Iterator[dict]:
    """What differs about a number that both sides know."""
    ours = {number.agent.api_id, number.agent.name} if number.agent else {""}
    if info.inbound_agent not in ours:
        theirs = info.inbound_agent_name or info.inbound_agent or "nobody"
        detail = f"Our books say {number.agent or 'nobody'} answers; Fluents says {theirs}."
        yield difference("agent", number.e164, detail)
    for name in DECIDED:
        if name != "agent" and getattr(number, name) != getattr(info, name):
            ours, theirs = (in_words(getattr(side, name)) for side in (number, info))
            detail = f"Our books say {ours} as its {name.replace('_', ' ')}; Fluents says {theirs}."
            yield difference(name, number.e164, detail)
    if trace and given_up(number, trace):
        detail = (
            f"Line {trace.line.position} of order {trace.line.order_id} asked for it and ended without it; "
            "it is ours all the same."
        )
        yield difference("given_up", number.e164, detail, trace.line)


def in_words(value: str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"“{value}”" if value else "nothing"


def given_up(number: Number, trace: Attempt) -> bool:
    """Whether a line sent a purchase for NUMBER, nobody has it as bought, and no person has seen that."""
    if trace.line.state in OPEN and trace.line.phone_number == number.e164:
        return False  # still being settled
    owners = Line.objects.filter(number=number, state=LineState.BOUGHT)
    return not owners.exists() and not Event.objects.filter(number=number, action=ACKNOWLEDGED).exists()


def not_on_books(phone_number: str, trace: Attempt | None) -> dict:
    if not trace:
        return difference("not_on_books", phone_number, "Paid at Fluents, but not on our books.")
    who = f"line {trace.line.position} of order {trace.line.order_id}"
    detail = f"Paid at Fluents, but not on our books; {who} asked for it."
    return difference("not_on_books", phone_number, detail, trace.line)


def acknowledge(*, number: Number, by: By, reason: str) -> None:
    """A person has seen that NUMBER is ours although its line ended without it."""
    record(action=ACKNOWLEDGED, by=by, number=number, reason=reason)


def traces_of(phone_numbers: list[str]) -> dict[str, Attempt]:
    """The latest attempt to buy each of these numbers, by a line that has not got it."""
    attempts = Attempt.objects.filter(phone_number__in=phone_numbers).exclude(
        line__state=LineState.BOUGHT, line__phone_number=F("phone_number")
    )
    attempts = attempts.select_related("line").order_by("pk")
    return {attempt.phone_number: attempt for attempt in attempts}


def difference(kind: str, phone_number: str, detail: str, line: Line | None = None) -> dict:
    return {
        "kind": kind,
        "phone_number": phone_number,
        "pretty": pretty(phone_number),
        "detail": detail,
        "order": line.order_id if line else None,
        "line": line.pk if line else None,
    }
