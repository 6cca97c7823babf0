"""The numbers that we own, and where each came from."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from dashboard.htmx import HtmxHttpRequest, render_partial

from ..models import Agent, Event, Gate, Line, Number, Order
from ..paging import page_of
from ..states import OPEN, LineState
from ..tasks import sync_all
from .buying import add_counts

REVIEWS = 5  # lines that need a person, spelled out on the overview
NOBODY = "none"  # the value of the agent filter that finds numbers without one


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


@require_safe
def number_list(request: HtmxHttpRequest) -> HttpResponse:
    """Our numbers, newest first; `q` finds digits, `agent` an agent's id or "none"."""
    numbers = Number.objects.select_related("agent", "connection")
    search = request.GET.get("q", "").strip()
    agent = request.GET.get("agent", "")
    if search:
        numbers = numbers.holding_digits(search)
    if agent == NOBODY:
        numbers = numbers.filter(agent=None)
    elif agent:
        numbers = numbers.filter(agent__api_id=agent)
    context = {
        "page": page_of(numbers, params=request.GET),
        "q": search,
        "agent": agent,
        "agents": Agent.objects.filter(gone_at=None),
        "filtered": bool(search or agent),
        "sync": Gate.objects.get(pk=Gate.SINGLE),
    }
    return render_partial(request, "numbers/number_list.html", context, partial="number-rows")


@require_safe
def number_detail(request: HtmxHttpRequest, e164: str) -> HttpResponse:
    """One number: what is known of it and what happened to it."""
    number = get_object_or_404(Number.objects.select_related("agent", "connection"), e164=e164)
    lines = list(number.lines.select_related("order"))
    events = Event.objects.filter(number=number) | Event.objects.filter(line__in=lines)
    events = events.select_related("order", "line", "number").order_by("-pk")[:100]
    context = {"number": number, "lines": lines, "events": events}
    return render(request, "numbers/number.html", context)


@require_safe
def activity(request: HtmxHttpRequest) -> HttpResponse:
    """The history, newest first."""
    page = page_of(Event.objects.select_related("order", "line", "number"), params=request.GET)
    return render_partial(request, "numbers/activity.html", {"page": page}, partial="events")


@require_POST
def sync_start(request: HtmxHttpRequest) -> HttpResponse:
    """Ask the worker to read everything from Fluents."""
    sync_all.enqueue()
    messages.info(request, "Reading connections, agents and numbers from Fluents. Reload in a moment.")
    return redirect("number-list")
