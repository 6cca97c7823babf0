"""Rows for people's scripts and spreadsheets: names and order are part of the public surface."""

import csv
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from django.db.models import Count, QuerySet, prefetch_related_objects

from .models import Line, Number, Order
from .services.importing import as_cell
from .states import LineState

SAYS_WHY = {LineState.FAILED, LineState.REVIEW, LineState.UNKNOWN}
#: The first six can be changed in a spreadsheet and read in again; the others are for information.
NUMBER_COLUMNS = [
    *("number", "label", "agent", "tags", "outbound_only", "description"),
    *("agent_name", "provider", "connection", "status", "area_code", "region", "origin"),
    *("bought_at", "bought_by", "synced_at"),
]
RECEIPT_COLUMNS = [
    *("order", "line", "asked_area_code", "asked_number", "asked_agent", "label", "tags", "state"),
    *("number", "agent", "estimate_once", "estimate_monthly", "reason", "settled_at"),
]
CENT = Decimal("0.01")
# What a spreadsheet takes for a formula, and what only looks as if it had been guarded already.
FORMULA = re.compile(r"'*[=+\-@\t\r]")


def line_rows(lines: QuerySet[Line]) -> Iterator[dict]:
    """One dict a line, oldest order first, read in portions."""
    counted = lines.annotate(attempt_count=Count("attempts")).select_related("order")
    for line in counted.order_by("pk").iterator(chunk_size=1000):
        yield {
            "order": line.order_id,
            "line": line.pk,
            "state": line.state,
            "phone_number": line.phone_number or line.wanted_number or None,
            "area_code": line.area_code or None,
            "attempts": line.attempt_count,
            "error": line.reason if line.state in SAYS_WHY else None,
            "requested_by": line.order.requested_by_name,
            "created_at": line.created_at.isoformat(),
            "settled_at": line.settled_at.isoformat() if line.settled_at else None,
        }


def number_rows(numbers: QuerySet[Number], *, portion: int = 1000) -> Iterator[dict]:
    """One dict a number in the order in which they came, read by key and in portions."""
    last = 0
    lean = numbers.order_by("pk").defer("answer", "search_text", "drift").distinct()
    while rows := list(lean.filter(pk__gt=last)[:portion]):
        last = rows[-1].pk
        prefetch_related_objects(rows, "agent", "connection", "tags")
        for number in rows:
            yield number_row(number)


def number_row(number: Number) -> dict:
    agent, connection = number.agent, number.connection
    return {
        "number": number.e164,
        "label": number.label,
        "agent": agent.api_id if agent else "",
        "tags": sorted(tag.name for tag in number.tags.all()),
        "outbound_only": number.outbound_only,
        "description": number.description,
        "agent_name": str(agent or ""),
        "provider": number.telephony_provider,
        "connection": str(connection or ""),
        "status": number.status,
        "area_code": number.area_code,
        "region": number.region,
        "origin": number.origin,
        "bought_at": number.bought_at.isoformat() if number.bought_at else None,
        "bought_by": number.bought_by,
        "synced_at": number.synced_at.isoformat() if number.synced_at else None,
    }


def receipt_rows(order: Order) -> Iterator[dict]:
    """One dict a line of ORDER: what was asked for, what was got, and why not."""
    once, monthly = price_a_line(order)
    lines = order.lines.order_by("position").select_related("agent", "number__agent")
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
        }


def price_a_line(order: Order) -> tuple[Decimal | None, Decimal | None]:
    """The estimate for each line of ORDER: all of them are on one connection."""
    if order.cost_once is None:
        return None, None
    return tuple((cost / order.quantity).quantize(CENT) for cost in (order.cost_once, order.cost_monthly))


def csv_lines(rows: Iterable[dict]) -> Iterator[str]:
    """ROWS of `number_rows` as the lines of a CSV file, header first; safe to open in a spreadsheet."""
    writer = csv.writer(Echo())
    yield writer.writerow(NUMBER_COLUMNS)
    for row in rows:
        yield writer.writerow([csv_cell(row[name]) for name in NUMBER_COLUMNS])


def csv_cell(value: object) -> str:
    return csv_safe("" if value is None else as_cell(value))


def csv_safe(value: str) -> str:
    """VALUE with an apostrophe before it where a spreadsheet would take it for a formula.

    A value that has such apostrophes of its own gets one more, so that taking one away always
    brings back what was there.
    """
    return f"'{value}" if FORMULA.match(value) else value


class Echo:
    """A file that gives back what is written to it: a csv writer then returns its lines."""

    def write(self, text: str) -> str:
        return text
