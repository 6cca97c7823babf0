"""Orders and their lines, live."""

from collections.abc import Callable
from datetime import datetime

from django.contrib import messages
from django.db.models import BigIntegerField, Count, Max, QuerySet, Subquery
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from dashboard.door import confirm_first
from dashboard.htmx import HtmxHttpRequest, render_partial

from ..forms import ReasonForm
from ..models import Gate, Line, Order
from ..paging import page_of
from ..prepared import Prepared
from ..services import gate
from ..services.approving import NotDecided, approve, refuse
from ..services.history import By
from ..services.placing import cancel_line
from ..statements import slot
from ..states import CANCELLABLE, FINAL, ApprovalState, LineState
from ..watching import describe, in_time, question_of, seconds_left, shares

LINES_A_PAGE = 100


@require_safe
def order_list(request: HtmxHttpRequest) -> HttpResponse:
    """All orders, newest first, with how far each one is; or those alone that wait for approval."""
    waiting = request.GET.get("approval") == ApprovalState.WAITING
    orders = Order.objects.filter(approval=ApprovalState.WAITING) if waiting else Order.objects.all()
    page = page_of(orders, params=request.GET)
    lines = Line.objects.filter(order__in=[order.pk for order in page])
    version = version_of(lines, gate.current()) + f".{len(page.rows)}" * waiting
    if request.htmx and request.GET.get("seen") == version:
        return HttpResponse(status=204)
    add_counts(page.rows)
    firsts = lines.filter(position=1).select_related("connection", "agent")
    first_lines = {line.order_id: line for line in firsts}
    describe(page.rows)
    for order in page:
        order.first = first_lines.get(order.pk)
    moving = [order.approval != ApprovalState.WAITING for order in page if order.moving]
    context = {
        "page": page,
        "version": version,
        "moving": bool(moving),
        "pace": 3 if any(moving) else 20,  # seconds until it looks again
        "approvals": waiting,
    }
    return render_partial(request, "numbers/order_list.html", context, partial="orders")


@require_safe
def order_detail(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """One order: its lines with live states. The poll of this page answers 204 while nothing changed."""
    version = glance(pk)
    if version and request.htmx and request.GET.get("seen") == version:
        return HttpResponse(status=204)
    return order_page(request, get_object_or_404(Order, pk=pk), gate.current(), version)


def order_page(
    request: HtmxHttpRequest, order: Order, now: Gate, version: str, form: ReasonForm | None = None
) -> HttpResponse:
    add_counts([order])
    describe([order])
    waits = order.approval == ApprovalState.WAITING
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
        "stopped": (stopped := gate.stops(now, timezone.now())),
        "left": "" if stopped or waits else in_time(seconds_left(order, now=timezone.now())),
        "shares": [] if waits else shares(order),
        "again": None if waits else order.tried_again.first(),
        "waiting": sum(order.counts.get(state, 0) for state in CANCELLABLE),
        "waits": waits,
        "form": form or ReasonForm(),
        **question_of(order, by=By.person(request.user)),
    }
    status = 422 if form and form.errors else 200
    return render_partial(request, "numbers/order.html", context, partial="order-live", status=status)


@require_POST
def order_approve(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Another person lets an order through, exactly as the page has shown it."""
    order = get_object_or_404(Order, pk=pk)
    confirm_first(request)
    return decided(request, order, approve, told=f"{order} is approved. Its lines are bought in turn.")


@require_POST
def order_refuse(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Another person calls an order off, and says why."""
    order = get_object_or_404(Order, pk=pk)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        now = gate.current()
        return order_page(request, order, now, version_of(order.lines.all(), now), form)
    told, reason = f"{order} is refused. Nothing of it is bought.", form.cleaned_data["reason"]
    return decided(request, order, refuse, told=told, reason=reason)


def decided(
    request: HtmxHttpRequest, order: Order, decide: Callable[..., Order], *, told: str, **more: str
) -> HttpResponse:
    """DECIDE about ORDER as its page has shown it, and say what came of that."""
    by, digest = By.person(request.user, request.id), request.POST.get("digest", "")
    try:
        decide(order_id=order.pk, digest=digest, by=by, **more)
    except NotDecided as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, told)
    return redirect(order)


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
    return version(lines.aggregate(newest=Max("changed_at"))["newest"], gate.paused, gate.breaker)


def version(newest: datetime | None, paused: bool, breaker: str) -> str:
    return f"{newest:%Y%m%d%H%M%S%f}.{paused:d}.{breaker}" if newest else ""


def glance(pk: int) -> str:
    """The version of one order, in one query: every open page of an order asks for it once a second."""
    return version(*GLANCE.rows(order=pk)[0]) if pk <= BigIntegerField.MAX_BIGINT else ""


NEWEST = Line.objects.filter(order=slot("order")).order_by().values("order").values(newest=Max("changed_at"))
GLANCE = Prepared(
    lambda: Gate.objects.filter(pk=Gate.SINGLE).values_list(Subquery(NEWEST), "paused", "breaker")
)


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
