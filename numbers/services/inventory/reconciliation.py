"""Books against Fluents, both ways."""

from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import batched

from django.db import transaction
from django.db.models import F, Min

from numbers import fluents
from numbers.db.clock import db_now
from numbers.db.leases import LeaseLost, lease, nobody_holds
from numbers.db.wake import announce
from numbers.models import Attempt, Event, Line, Number, Reconciliation
from numbers.number_fields import DRIFTING
from numbers.permissions import Right
from numbers.services.audit.events import SYSTEM, Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.fluents_client import client
from numbers.states import OPEN, LineState, Standing
from numbers.telephony.phone import pretty

NAME = "comparisons"
MOST = 1000  # differences kept of one run
ACKNOWLEDGED = "number.acknowledged"


@needs(Right.BUY)
def ask(*, by: Actor) -> Reconciliation:
    """Have a worker compare. The row shows at once that it is under way."""
    with transaction.atomic():
        asked = Reconciliation.objects.create(requested_by=by.name, started_at=db_now())
        announce()
    return asked


@needs(Right.BUY)
def reconcile(*, by: Actor = SYSTEM) -> Reconciliation:
    """Compare everything and keep the result. Changes nothing else. Raises FluentsError."""
    now = db_now()
    mine = Reconciliation.objects.create(requested_by=by.name, started_at=now, lease_until=now + lease())
    run(mine)
    return mine


def claim(*, limit: int) -> list[Reconciliation]:
    """Comparisons that were asked for, or that a worker has died with."""
    until = db_now() + lease()
    free = Reconciliation.objects.filter(nobody_holds(), finished_at=None)
    keys = [
        key
        for key in free.values_list("pk", flat=True)[:limit]
        if free.filter(pk=key).update(lease_until=until)
    ]
    return list(Reconciliation.objects.filter(pk__in=keys))


def run(mine: Reconciliation) -> None:
    """Carry out a comparison that we have the lease of. Raises LeaseLost, FluentsError."""
    try:
        found = differences(keep=lambda: keep(mine))
        mine.differences = [difference for _, difference in zip(range(MOST), found, strict=False)]
    except fluents.FluentsError as error:
        end(mine, error=error.user_message[:500])
        raise
    end(mine)
    after = {"differences": len(mine.differences)}
    record_event(action="books.reconciled", by=Actor(name=mine.requested_by), after=after)


def end(mine: Reconciliation, *, error: str = "") -> None:
    mine.error, mine.finished_at, mine.lease_until = error, db_now(), None
    mine.save()


def keep(mine: Reconciliation) -> None:
    """Renew our lease once a third of it is over. Raises LeaseLost."""
    now = db_now()
    if mine.lease_until and mine.lease_until - now > lease() * 2 / 3:
        return
    held = Reconciliation.objects.filter(pk=mine.pk, lease_until=mine.lease_until, finished_at=None)
    if not held.update(lease_until=now + lease()):
        raise LeaseLost("another worker is comparing now")
    mine.lease_until = now + lease()


def defer(mine: Reconciliation, error: Exception) -> None:
    """Nothing to do: `run` has ended it with the reason, or its lease runs out."""


def next_due(_after: datetime) -> datetime | None:
    return Reconciliation.objects.filter(finished_at=None).aggregate(at=Min("lease_until"))["at"]


def differences(keep: Callable[[], None] = lambda: None) -> Iterator[dict]:
    """Every difference as a dict of kind, phone_number, detail, order and line. keep is called on the way."""
    seen: set[str] = set()
    listing = client().numbers()
    for page in batched(listing, 100):
        keep()
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
    if listing.unreadable:  # what is missing may be among them
        yield difference("unreadable", "", f"{listing.unread}.")
        return
    for e164 in unlisted(seen):
        keep()
        if client().find_number(e164) is None:
            yield difference("gone", e164, "In our records, but not listed in Fluents.")


def unlisted(seen: set[str]) -> list[str]:
    """Numbers on our books that are not among `seen`."""
    owned = Number.objects.owned().order_by("pk").values_list("e164", flat=True)
    return [e164 for e164 in owned.iterator(chunk_size=5000) if e164 not in seen]


def compare(number: Number, info: fluents.RemoteNumber, trace: Attempt | None) -> Iterator[dict]:
    """What differs about a number that both sides know."""
    ours = {number.agent.api_id, number.agent.name} if number.agent else {""}
    if info.inbound_agent not in ours:
        theirs = info.inbound_agent_name or info.inbound_agent or "no agent"
        detail = f"Our records say {number.agent or 'no agent'} answers; Fluents says {theirs}."
        yield difference("agent", number.e164, detail)
    for name in DRIFTING:
        if name != "agent" and getattr(number, name) != getattr(info, name):
            mine, other = (in_words(getattr(side, name)) for side in (number, info))
            detail = f"Our records say its {name.replace('_', ' ')} is {mine}; Fluents says {other}."
            yield difference(name, number.e164, detail)
    if trace and given_up(number, trace):
        detail = (
            f"Line {trace.line.position} of order {trace.line.order_id} requested it and ended without"
            f" it, but we own it."
        )
        yield difference("given_up", number.e164, detail, trace.line)
    elif number.standing != Standing.EXPLAINED and not (trace and is_asked_for(number, trace)):
        detail = "Paid for in Fluents but unexplained. It wasn't bought, linked, or accepted here."
        yield difference("unexplained", number.e164, detail)


def in_words(value: str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"“{value}”" if value else "nothing"


def is_asked_for(number: Number, trace: Attempt) -> bool:
    """Whether a line is still finding out if it bought `number`."""
    return trace.line.state in OPEN and trace.line.phone_number == number.e164


def given_up(number: Number, trace: Attempt) -> bool:
    """Whether a line sent a purchase for `number`, nobody has it as bought, and no person has seen that."""
    if is_asked_for(number, trace):
        return False
    owners = Line.objects.filter(number=number, holding=number.holding, state=LineState.BOUGHT)
    return not owners.exists() and not Event.objects.filter(number=number, action=ACKNOWLEDGED).exists()


def not_on_books(phone_number: str, trace: Attempt | None) -> dict:
    if not trace:
        return difference("not_on_books", phone_number, "Paid for in Fluents, but not in our records.")
    who = f"line {trace.line.position} of order {trace.line.order_id}"
    detail = f"Paid for in Fluents, but not in our records; {who} requested it."
    return difference("not_on_books", phone_number, detail, trace.line)


@needs(Right.BUY)
def acknowledge(*, number: Number, by: Actor, reason: str) -> None:
    """A person has seen that `number` is ours although its line ended without it, or nothing explains it."""
    Number.objects.filter(pk=number.pk).exclude(standing=Standing.HOLDS).update(standing=Standing.EXPLAINED)
    record_event(action=ACKNOWLEDGED, by=by, number=number, reason=reason)


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
