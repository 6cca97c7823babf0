"""Asking again for what an order is missing."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from dashboard.htmx import Request
from numbers.forms.orders import new_form_token
from numbers.models import Order
from numbers.services.orders import items
from numbers.states import FINAL, LineState


@require_POST
def order_again(request: Request, pk: int) -> HttpResponse:
    """What an order asked for and did not get, as a new one to look at. Nothing is ordered by this."""
    order = get_object_or_404(Order, pk=pk)
    rows, first = items.missing_of(order), order.lines.select_related("connection").first()
    if not rows or not first:
        messages.info(request, "This order has no missing lines.")
        return redirect(order)
    if order.lines.exclude(state__in=[*FINAL, LineState.REVIEW]).exists():
        messages.info(request, "This order is still in progress. Retry the missing lines when it's finished.")
        return redirect(order)
    draft = items.keep_draft(
        owner=request.user,
        form_token=new_form_token(request.user.pk),
        telephony_provider=first.telephony_provider,
        telephony_account_connection=first.connection.api_id,
        wants=rows,
        again_of=order,
    )
    return redirect(draft)
