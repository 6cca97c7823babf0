"""Writing forgotten sends into the database again, with the orders that they belonged to."""

from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from numbers.db.clock import db_now
from numbers.models import Attempt, Line, Number, Order
from numbers.services.audit.events import record_event
from numbers.services.inventory.holds import area_holders, release
from numbers.services.inventory.upsert import agent_for, connection_for
from numbers.services.spending import gate
from numbers.states import CANCELLABLE, HOLDING, Ending, LineState, Outcome, Standing
from numbers.telephony.phone import pretty

from .clearance import REBUILT
from .transitions import move

KNOWN_FROM = "Known only from the send journal."
SENT = "The send journal shows that a purchase was sent for this line. Checking it."
DISAGREE = "The send journal and the database disagree about what was sent for this line."
TAKEN = "The send journal shows that {number} was sent for this line, but another line has it too."
FORGOTTEN = "This order was missing from the database. Its sent lines were rebuilt from the send journal."


def count_forgotten_orders(sends: list[dict[str, Any]]) -> int:
    tokens = {send["order"] for send in sends}
    return len(tokens) - Order.objects.filter(form_token__in=tokens).count()


def replay(sends: list[dict[str, Any]]) -> None:
    """Write all forgotten `sends` of one line, oldest first, into the books."""
    with transaction.atomic():
        gate.locked()  # one after the other: another process, or another journal, may know the same order
        known = {
            str(key)
            for key in Attempt.objects.filter(key__in=[send["key"] for send in sends]).values_list(
                "key", flat=True
            )
        }
        sends = [send for send in sends if send["key"] not in known]
        if not sends:
            return
        line = _line_of(sends[-1])
        for send in sends:
            _add_attempt(line, send)
        _explain({send["phone_number"] for send in sends})
        bring_back(
            line, phone_number=sends[-1]["phone_number"], sent_at=datetime.fromisoformat(sends[-1]["at"])
        )


def _explain(phone_numbers: set[str]) -> None:
    """Numbers that held lines hold none any more: it is known now which line asked for them."""
    held = list(area_holders().filter(e164__in=phone_numbers))
    for number in held:
        Number.objects.filter(pk=number.pk).update(standing=Standing.UNEXPLAINED)
        release(number)


def bring_back(line: Line, *, phone_number: str, sent_at: datetime, reason: str = SENT) -> Line:
    """Bring `line` to where its last send had left it: unknown, with the number that was asked for."""
    if line.state == LineState.UNKNOWN and line.phone_number != phone_number:
        if (
            line.sent_at is None or line.sent_at < sent_at
        ):  # it took another number once the one before was known not to be bought
            line = move(line, LineState.PLANNED, reason=reason, phone_number="", lease_until=None)
        elif not line.attempts.filter(sent_at__gt=sent_at, detail=KNOWN_FROM).exists():
            return move(line, LineState.REVIEW, reason=DISAGREE)
    if line.state not in CANCELLABLE:
        return line  # it has got further than this send, or a person has it
    free = _make_room(line, phone_number)
    sent: dict[str, Any] = {
        "phone_number": phone_number if free else "",
        "by_area_code": not phone_number,
        "sent_at": sent_at,
        "sends": 1,
        "looks": 0,
        "absences": 0,
        "refusal": "",
        "lease_until": None,
    }
    if line.state == LineState.PLANNED:
        line = move(line, LineState.RESERVED, reason=reason, **sent)
    line = move(line, LineState.SENDING, reason=reason, sent_already=True, **sent)
    fenced: dict[str, Any] = {"generation": line.generation + 1, "due_at": db_now()}
    line = move(line, LineState.UNKNOWN, reason=reason, **fenced, **sent)
    if free:
        return line
    return move(line, LineState.REVIEW, reason=TAKEN.format(number=pretty(phone_number)))


def _make_room(line: Line, phone_number: str) -> bool:
    """Take `phone_number` from a line that has only chosen it; False where another one may have bought it."""
    others = Line.objects.filter(phone_number=phone_number, state__in=HOLDING).exclude(pk=line.pk)
    if not phone_number or not (other := others.first()):
        return True
    if other.state != LineState.RESERVED:
        return False
    fields: dict[str, Any] = {"phone_number": "", "lease_until": None, "generation": other.generation + 1}
    move(other, LineState.PLANNED, reason=f"{pretty(phone_number)} was sent for another line.", **fields)
    return True


def _add_attempt(line: Line, send: dict[str, Any]) -> None:
    """Keep `send` as an attempt of `line`, in its place among the others."""
    sent_at = datetime.fromisoformat(send["at"])
    for later in line.attempts.filter(sent_at__gt=sent_at).order_by("-n"):
        later.n += 1
        later.save(update_fields=["n"])
    Attempt.objects.create(
        key=send["key"],
        line=line,
        n=line.attempts.filter(sent_at__lte=sent_at).count() + 1,
        generation=line.generation,
        phone_number=send["phone_number"],
        area_code=send["area_code"],
        outcome=Outcome.UNKNOWN,
        detail=KNOWN_FROM,
        sent_at=sent_at,
        finished_at=db_now(),
    )
    line.tries += 1
    line.save(update_fields=["tries"])


def _line_of(send: dict[str, Any]) -> Line:
    """The line that `send` was for, made again where the database has forgotten it."""
    order = Order.objects.filter(form_token=send["order"]).first() or _rebuilt(send["order"], send["asked"])
    known = order.lines.select_for_update().filter(position=send["position"]).first()
    return known or _rebuilt_line(order, send)


def _rebuilt(form_token: str, asked: dict[str, Any]) -> Order:
    person = get_user_model().objects.filter(pk=asked["requested_by"], username=asked["requested_by_name"])
    order = Order.objects.create(
        form_token=form_token,
        requested_by=person.first(),  # ids are given out again, so the name must be the same
        requested_by_name=asked["requested_by_name"],
        created_at=datetime.fromisoformat(asked["created_at"]),
        quantity=asked["quantity"],
        approval=asked["approval"],
        cost_once=asked["cost_once"],
        cost_monthly=asked["cost_monthly"],
        currency=asked["currency"],
        prove_from=asked.get("prove_from", ""),  # older journals have none
    )
    record_event(action=REBUILT, order=order, after={"quantity": order.quantity}, reason=FORGOTTEN)
    return order


def _rebuilt_line(order: Order, send: dict[str, Any]) -> Line:
    wanted = send["wanted"]
    Order.objects.filter(pk=order.pk).exclude(ending=Ending.OPEN).update(ending=Ending.OPEN)
    Order.objects.filter(pk=order.pk).exclude(prove_from="").update(proving=True)
    return Line.objects.create(
        order=order,
        position=send["position"],
        telephony_provider=wanted["telephony_provider"],
        connection=connection_for(
            api_id=wanted["connection"], telephony_provider=wanted["telephony_provider"]
        ),
        agent=agent_for(wanted["agent"], wanted["agent_name"]),
        area_code=wanted["area_code"],
        wanted_number=wanted["wanted_number"],
        label=wanted["label"],
        tags=wanted["tags"],
    )
