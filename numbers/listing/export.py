"""Rows for people's scripts and spreadsheets: names and order are part of the public surface."""

from collections.abc import Iterator

from django.db.models import Count, QuerySet

from numbers.models import Line, Number, Order
from numbers.number_fields import FIELDS, moment
from numbers.services.calls.asked import Told
from numbers.services.calls.knowledge import knowledge
from numbers.services.inventory.plain import PlainNumbers
from numbers.services.inventory.sightings import LAST_SEEN
from numbers.services.orders.line_proofs import Outlook
from numbers.services.orders.prices import price_a_line
from numbers.states import ApprovalState, LineState

NUMBER_COLUMNS = [field.name for field in FIELDS]
RECEIPT_COLUMNS = [
    *("order", "line", "asked_area_code", "asked_number", "asked_agent", "label", "tags", "state"),
    *("number", "agent", "estimate_once", "estimate_monthly", "reason", "settled_at"),
    *("test_call", "test_call_reason"),
]


def line_rows(lines: QuerySet[Line]) -> Iterator[dict]:
    """One dict a line, oldest order first, read in portions."""
    counted = lines.annotate(attempt_count=Count("attempts"))
    counted = counted.select_related("order__question", "number__agent", "proof")
    outlook = Outlook()
    for line in counted.order_by("pk").iterator(chunk_size=1000):
        yield {
            "order": line.order_id,
            "line": line.pk,
            "state": line.state,
            "phone_number": line.phone_number or line.wanted_number or None,
            "area_code": line.area_code or None,
            "attempts": line.attempt_count,
            "error": error_of(line),
            "requested_by": line.order.requested_by_name,
            "created_at": line.created_at.isoformat(),
            "settled_at": line.settled_at.isoformat() if line.settled_at else None,
            **(test_call_of(line, outlook) if line.order.prove_from else {}),
        }


def test_call_of(line: Line, outlook: Outlook) -> dict:
    """How far the test call has come that is part of its order; None where none is, or nothing is bought."""
    return test_call_fields(outlook.of(line))


def test_call_fields(told: Told | None) -> dict:
    return {"test_call": told.word if told else None, "test_call_reason": told.reason if told else None}


def error_of(line: Line) -> str | None:
    """Why `line` is not bought, or not yet; of one that waits for approval also which limit it passes."""
    if line.state == LineState.BOUGHT:
        return None
    if line.order.approval == ApprovalState.WAITING and hasattr(line.order, "question"):
        return f"{line.reason} {line.order.question.why}."
    return line.reason or None


def number_rows(numbers: QuerySet[Number], *, portion: int = 1000) -> Iterator[dict]:
    """One dict a number in the order in which they came, read by key and in portions.

    Where calls are not known, their fields are empty.

    Plain values instead of models, and the tags of a portion in one query: a million takes half a minute.
    """
    plain, last = PlainNumbers(*COLUMNS), 0
    read = {field.name: field.value for field in FIELDS} | {"synced_at": moment("last_seen")}
    unknown = {} if knowledge() else dict.fromkeys(OF_CALLS)
    lean = numbers.order_by("pk").distinct().annotate(last_seen=LAST_SEEN)
    while found := plain.read(lean.filter(pk__gt=last)[:portion]):
        last = found[-1].pk
        for number in found:
            row = {name: value(number) for name, value in read.items()}
            yield row | unknown if unknown else row


COLUMNS = (
    *("e164", "label", "outbound_only", "description", "telephony_provider", "status", "area_code"),
    *("region", "origin", "bought_at", "bought_by", "last_seen", "calls_30", "last_call_at"),
    *("agent", "connection"),
)
OF_CALLS = ("calls_30_days", "last_call_at")


def receipt_rows(order: Order) -> Iterator[dict]:
    """One dict a line of `order`: what was asked for, what was got, and why not."""
    once, monthly = price_a_line(order)
    lines = order.lines.order_by("position").select_related("agent", "number__agent", "order", "proof")
    outlook = Outlook()
    for line in lines.iterator(chunk_size=1000):
        bought = line.state == LineState.BOUGHT
        answers = line.number.agent if line.number else None
        yield {
            "order": order.pk,
            "line": line.position,
            "asked_area_code": line.area_code,
            "asked_number": line.wanted_number,
            "asked_agent": str(line.agent or ""),
            "label": line.label,
            "tags": line.tags,
            "state": line.state,
            "number": line.phone_number if bought else "",
            "agent": str(answers or ""),
            "estimate_once": str(once) if bought and once is not None else "",
            "estimate_monthly": str(monthly) if bought and monthly is not None else "",
            "reason": line.reason,
            "settled_at": line.settled_at.isoformat() if line.settled_at else None,
            **test_call_of(line, outlook),
        }
