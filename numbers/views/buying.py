"""From the purchase form to the order's page."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from dashboard.door import confirm_first
from dashboard.htmx import HtmxHttpRequest, render_partial

from ..forms import PurchaseForm, thaw
from ..models import Agent, Connection, Gate, Line, Order
from ..paging import page_of
from ..services import gate
from ..services.history import By
from ..services.placing import OverLimit, cancel_line, check_limits, estimate, place_order
from ..states import FINAL, LineState

LINES_A_PAGE = 100


@require_http_methods(["GET", "HEAD", "POST"])
def order_new(request: HtmxHttpRequest) -> HttpResponse:
    """The purchase form; a valid one leads to the confirming step, and that one to the order."""
    if request.method != "POST":
        if "review" in request.GET:
            return confirm(request)
        return empty_form(request, thaw(request.GET.get("change", "")) or request.GET.dict())
    if "providers" in request.POST:
        return empty_form(request, request.POST.dict())
    form = PurchaseForm(request.POST, user=request.user)
    if form.is_valid() and "confirmed" in request.POST:
        return buy(request, form)
    if form.is_valid() and within_limits(request, form):
        # The confirming step is a page of its own, so that reloading and going back are harmless.
        return redirect(f"{reverse('order-new')}?{urlencode({'review': form.freeze()})}")
    return render(request, "numbers/purchase_form.html", {"form": form}, status=422)


def empty_form(request: HtmxHttpRequest, initial: dict) -> HttpResponse:
    """A new form with what INITIAL has for its fields, and the connections of the provider there."""
    initial.pop("form_token", None)
    form = PurchaseForm(initial=initial, user=request.user, provider=initial.get("telephony_provider", ""))
    return render_partial(request, "numbers/purchase_form.html", {"form": form}, partial="connection-field")


def within_limits(request: HttpRequest, form: PurchaseForm) -> bool:
    """Whether the order may be placed at the moment; if not, FORM says why."""
    wanted = form.wanted()
    once, monthly = estimate(**wanted)
    cost = None if once is None else once + monthly
    try:
        check_limits(by=By.person(request.user), quantity=wanted["quantity"], cost=cost)
    except OverLimit as error:
        form.add_error("quantity", str(error))
        return False
    return True


def confirm(request: HttpRequest) -> HttpResponse:
    """Show exactly what will be bought and what it will cost, before anything is written."""
    form = PurchaseForm(thaw(request.GET["review"]), user=request.user)
    if not form.is_valid():
        return render(request, "numbers/purchase_form.html", {"form": form}, status=422)
    wanted = form.wanted()
    once, monthly = estimate(**wanted)
    context = {
        "form": form,
        "wanted": wanted,
        "review": request.GET["review"],
        "connection": Connection.objects.filter(api_id=wanted["telephony_account_connection"]).first(),
        "agent": Agent.objects.filter(api_id=wanted["inbound_agent"]).first(),
        "cost_once": once,
        "cost_monthly": monthly,
    }
    return render(request, "numbers/purchase_confirm.html", context)


def buy(request: HttpRequest, form: PurchaseForm) -> HttpResponse:
    """Place the order. The same form sent twice leads to the order that it made the first time."""
    if form.wanted()["quantity"] > settings.REAUTH_LINES:
        confirm_first(request)
    try:
        order, created = place_order(by=By.person(request.user, request.id), **form.wanted())
    except OverLimit as error:
        form.add_error("quantity", str(error))
        return render(request, "numbers/purchase_form.html", {"form": form}, status=422)
    if not created:
        messages.info(request, "This form was sent before. Here is its order; nothing was ordered again.")
    return redirect(order)


@require_safe
def order_list(request: HtmxHttpRequest) -> HttpResponse:
    """All orders, newest first, with how far each one is."""
    page = page_of(Order.objects.all(), params=request.GET)
    lines = Line.objects.filter(order__in=[order.pk for order in page])
    version = version_of(lines, gate.current())
    if request.htmx and request.GET.get("seen") == version:
        return HttpResponse(status=204)
    add_counts(page.rows)
    firsts = lines.filter(position=1).select_related("connection", "agent")
    first_lines = {line.order_id: line for line in firsts}
    for order in page:
        order.first = first_lines.get(order.pk)
    context = {"page": page, "version": version, "moving": any(order.moving for order in page)}
    return render_partial(request, "numbers/order_list.html", context, partial="orders")


@require_safe
def order_detail(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """One order: its lines with live states. The poll of this page answers 204 while nothing changed."""
    order = get_object_or_404(Order, pk=pk)
    now = gate.current()
    version = version_of(order.lines.all(), now)
    if request.htmx and request.GET.get("seen") == version:
        return HttpResponse(status=204)
    add_counts([order])
    start = request.GET.get("from", "1")
    start = int(start) if start.isascii() and start.isdigit() and len(start) < 8 else 1
    rows = order.lines.filter(position__gte=start).select_related("connection", "agent", "number__agent")
    lines = list(rows.order_by("position")[: LINES_A_PAGE + 1])
    context = {
        "order": order,
        "lines": lines[:LINES_A_PAGE],
        "start": start,
        "next": start + LINES_A_PAGE if len(lines) > LINES_A_PAGE else None,
        "previous": max(1, start - LINES_A_PAGE) if start > 1 else None,
        "version": version,
        "stopped": gate.stops(now, timezone.now()),
    }
    return render_partial(request, "numbers/order.html", context, partial="order-live")


@require_POST
def line_cancel(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Call one line off, if nothing was sent for it yet."""
    line = get_object_or_404(Line, pk=pk)
    if cancel_line(line_id=pk, by=By.person(request.user, request.id)):
        messages.success(request, f"Line {line.position} is cancelled. Nothing was sent for it.")
    else:
        messages.warning(request, f"Line {line.position} had moved on and could not be cancelled.")
    if request.htmx:
        return HttpResponseClientRefresh()
    return redirect(line.order)


def version_of(lines: QuerySet[Line], gate: Gate) -> str:
    """Changes whenever one of LINES does, and when GATE opens or closes."""
    newest = lines.aggregate(newest=Max("changed_at"))["newest"]
    return f"{newest:%Y%m%d%H%M%S%f}.{gate.paused:d}.{gate.breaker}" if newest else ""


def add_counts(orders: list[Order]) -> None:
    """Give each order `counts` (lines by state) and `moving`, in one query for all."""
    rows = Line.objects.filter(order__in=[order.pk for order in orders]).values_list("order", "state")
    by_order: dict[int, dict[str, int]] = {}
    for order_id, state, count in rows.annotate(count=Count("pk")).order_by():
        by_order.setdefault(order_id, {})[state] = count
    for order in orders:
        found = by_order.get(order.pk, {})
        order.counts = {state: found[state] for state in LineState if state in found}
        order.moving = any(state not in FINAL and state != LineState.REVIEW for state in found)
        order.bought = found.get(LineState.BOUGHT, 0)
