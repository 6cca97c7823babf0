"""An order once it is placed: its receipt, calling off what waits, and trying again what is missing."""

import json

from django.contrib import messages
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from dashboard.htmx import HtmxHttpRequest

from .. import reports
from ..forms import new_form_token
from ..models import Event, Order
from ..services import placing, wants
from ..services.history import By
from ..states import FINAL, LineState
from ..watching import describe, rows_of
from . import exchange
from .basket import address


@require_safe
def receipt(request: HttpRequest, pk: int) -> HttpResponse:
    """What was asked for, what was got and what was not: to print, to keep and to take away as a file."""
    order = get_object_or_404(Order, pk=pk)
    lines = list(order.lines.order_by("position").select_related("connection", "agent", "number__agent"))
    once, monthly = reports.price_a_line(order)
    got = [line for line in lines if line.state == LineState.BOUGHT]
    describe([order])
    context = {
        "order": order,
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
    return render(request, "numbers/receipt.html", context)


def placed_event(order: Order) -> Event | None:
    """The event of the order's placing: who, and in which request."""
    return order.events.filter(action="order.placed").order_by("pk").first()


@require_safe
def receipt_csv(request: HttpRequest, pk: int) -> HttpResponse:
    """The receipt's lines as CSV."""
    order = get_object_or_404(Order, pk=pk)
    rows = reports.receipt_rows(order)
    return exchange.as_csv(rows, reports.RECEIPT_COLUMNS, f"order-{order.pk}.csv")


@require_safe
def receipt_json(request: HttpRequest, pk: int) -> HttpResponse:
    """The whole receipt as one JSON object."""
    order = get_object_or_404(Order, pk=pk)
    rows = list(reports.receipt_rows(order))
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
        "lines": rows,
    }
    text = json.dumps(data, cls=DjangoJSONEncoder, indent=1, ensure_ascii=False)
    return exchange.stream(iter([text]), "application/json", f"order-{order.pk}.json")


@require_POST
def order_cancel(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Call off all lines of an order that nothing was sent for yet."""
    order = get_object_or_404(Order, pk=pk)
    count = placing.cancel_rest(order_id=pk, by=By.person(request.user, request.id))
    if count:
        what = "1 line is" if count == 1 else f"{count:,} lines are"
        messages.success(request, f"{what} cancelled. Nothing was sent for {'it' if count == 1 else 'them'}.")
    else:
        messages.warning(request, "No line could be cancelled: all of them had moved on.")
    return HttpResponseClientRefresh() if request.htmx else redirect(order)


@require_POST
def order_again(request: HttpRequest, pk: int) -> HttpResponse:
    """What an order asked for and did not get, as a new one to look at. Nothing is ordered by this."""
    order = get_object_or_404(Order, pk=pk)
    rows, first = wants.missing_of(order), order.lines.select_related("connection").first()
    if not rows:
        messages.info(request, "Nothing of this order is missing.")
        return redirect(order)
    if order.lines.exclude(state__in=[*FINAL, LineState.REVIEW]).exists():
        messages.info(request, "This order is still under way. Try again what is missing once it is over.")
        return redirect(order)
    draft = wants.keep_draft(
        owner=request.user,
        form_token=new_form_token(request.user.pk),
        telephony_provider=first.telephony_provider,
        telephony_account_connection=first.connection.api_id,
        wants=rows,
        again_of=order,
    )
    return redirect(address(draft))
