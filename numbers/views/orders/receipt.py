"""An order once it is placed: its receipt, calling off what waits, and trying again what is missing."""

import json

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.htmx import Request
from numbers.listing import export
from numbers.listing.downloads import as_csv, stream
from numbers.models import Event, Order
from numbers.services.orders.line_proofs import Outlook
from numbers.services.orders.prices import price_a_line
from numbers.services.orders.progress import rows_of
from numbers.services.orders.summary import summaries
from numbers.states import FINAL, LineState


@require_safe
def receipt(request: Request, pk: int) -> HttpResponse:
    """What was asked for, what was got and what was not: to print, to keep and to take away as a file."""
    order = get_object_or_404(Order, pk=pk)
    related = ("order", "connection", "agent", "number__agent", "proof")
    lines = list(order.lines.order_by("position").select_related(*related))
    once, monthly = price_a_line(order)
    outlook = Outlook()
    got = [(line, outlook.of(line)) for line in lines if line.state == LineState.BOUGHT]
    context = {
        "order": order,
        "summary": summaries([order])[0],
        "first": lines[0] if lines else None,
        "asked": rows_of(lines),
        "got": got,
        "missing": [line for line in lines if line.state in FINAL and line.state != LineState.BOUGHT],
        "open": [line for line in lines if line.state not in FINAL],
        "once": once,
        "monthly": monthly,
        "got_once": once and once * len(got),
        "got_monthly": monthly and monthly * len(got),
        "ended_at": max((line.settled_at for line in lines if line.settled_at), default=None),
        "placed": placed_event(order),
        "now": timezone.now(),
    }
    return render(request, "numbers/orders/receipt.html", context)


def placed_event(order: Order) -> Event | None:
    """The event of the order's placing: who, and in which request."""
    return order.events.filter(action="order.placed").order_by("pk").first()


@require_safe
def receipt_csv(request: Request, pk: int) -> StreamingHttpResponse:
    """The receipt's lines as CSV."""
    order = get_object_or_404(Order, pk=pk)
    rows = export.receipt_rows(order)
    return as_csv(rows, export.RECEIPT_COLUMNS, f"order-{order.pk}.csv")


@require_safe
def receipt_json(request: Request, pk: int) -> StreamingHttpResponse:
    """The whole receipt as one JSON object."""
    order = get_object_or_404(Order, pk=pk)
    rows = list(export.receipt_rows(order))
    first = order.lines.select_related("connection").order_by("position").first()
    placed = placed_event(order)
    data = {
        "order": order.pk,
        "as_of": timezone.now(),
        "ordered_at": order.created_at,
        "requested_by": order.requested_by_name,
        "request_id": placed.request_id if placed else "",
        "telephony_provider": first.telephony_provider if first else "",
        "telephony_account_connection": first.connection.api_id if first else "",
        "asked": order.quantity,
        "bought": sum(row["state"] == LineState.BOUGHT for row in rows),
        "open": sum(row["state"] not in FINAL for row in rows),
        "estimate": {"once": order.cost_once, "monthly": order.cost_monthly, "currency": order.currency},
        "prove_from": order.prove_from,
        "lines": rows,
    }
    text = json.dumps(data, cls=DjangoJSONEncoder, indent=1, ensure_ascii=False)
    return stream(iter([text]), "application/json", f"order-{order.pk}.json")
