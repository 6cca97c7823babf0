"""The overview: what needs a person first."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.htmx import HtmxHttpRequest

from ..models import Line, Number, Order
from ..states import OPEN, LineState
from .buying import add_counts

REVIEWS = 5  # lines that need a person, spelled out on the overview


@require_safe
def overview(request: HtmxHttpRequest) -> HttpResponse:
    """What needs a person first, then what goes on."""
    orders = list(Order.objects.order_by("-pk")[:5])
    add_counts(orders)
    context = {
        "orders": orders,
        "number_count": Number.objects.owned().count(),
        "open_count": Line.objects.filter(state__in=OPEN).exclude(state=LineState.REVIEW).count(),
        "newest": Number.objects.select_related("agent").order_by("-pk")[:5],
        "reviews": Line.objects.filter(state=LineState.REVIEW)
        .select_related("order")
        .order_by("pk")[:REVIEWS],
    }
    return render(request, "numbers/overview.html", context)
