"""Orders and their lines, live."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from dashboard.accounts.views import confirm_first
from dashboard.htmx import Request
from numbers.forms.numbers import AgentField, agent_names
from numbers.forms.review import ReasonForm
from numbers.listing.filter_options import MOST
from numbers.models import Agent, Number, Order
from numbers.services.audit.events import Actor
from numbers.services.monitoring.ailments import of_buying
from numbers.services.orders import placement
from numbers.services.orders.approvals import NotDecided, approve, refuse
from numbers.services.orders.progress import question_of, shares, waiting_of
from numbers.services.orders.summary import OrderSummary, summaries
from numbers.services.plans.lifecycle import CannotChange, plan_change
from numbers.services.spending import gate
from numbers.states import CANCELLABLE, ApprovalState, LineState

LINES_A_PAGE = 100


@require_safe
def order_detail(request: Request, pk: int) -> HttpResponse:
    """One order: its lines with live states."""
    return order_page(request, get_object_or_404(Order, pk=pk))


def order_page(request: Request, order: Order, form: ReasonForm | None = None) -> HttpResponse:
    [summary] = summaries([order])
    waits = order.approval == ApprovalState.WAITING
    context = {
        "order": order,
        "summary": summary,
        **lines_shown(request, order),
        "stopped": (stopped := gate.stops(gate.current(), timezone.now())),
        "ailments": of_buying() if summary.moving and not waits else [],
        "left": None if stopped or waits else waiting_of(summary, now=timezone.now()),
        "missing": sum(summary.counts.get(state, 0) for state in (LineState.FAILED, LineState.CANCELLED)),
        **({} if waits else bought_of(order, summary)),
        "shares": (lacking := [] if waits else shares(order)),
        "again": order.tried_again.first() if lacking else None,
        "waiting": sum(summary.counts.get(state, 0) for state in CANCELLABLE),
        "waits": waits,
        "form": form or ReasonForm(),
        **question_of(order, by=Actor.person(request.user)),
    }
    status = 422 if form and form.errors else 200
    return render(request, "numbers/orders/detail.html", context, status=status)


def bought_of(order: Order, summary: OrderSummary) -> dict:
    """The numbers that `order` has bought, and the agents that can be typed for all of them."""
    bought = order.lines.filter(state=LineState.BOUGHT).order_by("position")
    return {
        "numbers": list(bought.values_list("phone_number", flat=True)),
        "agent_names": () if summary.moving else agent_names(Agent.objects.filter(gone_at=None)[:MOST]),
    }


def lines_shown(request: Request, order: Order) -> dict:
    """The lines of this page of the order."""
    typed = request.GET.get("from", "1")
    start = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 8 else 1
    end = start + LINES_A_PAGE
    rows = order.lines.filter(position__gte=start, position__lt=end)
    lines = list(rows.select_related("connection", "agent", "number__agent").order_by("position"))
    return {
        "first": lines[0] if lines else None,
        "lines": lines,
        "start": start,
        "next": end if order.quantity >= end else None,
        "previous": max(1, start - LINES_A_PAGE) if start > 1 else None,
    }


@require_POST
def order_approve(request: Request, pk: int) -> HttpResponse:
    """Another person lets an order through, exactly as the page has shown it."""
    order = get_object_or_404(Order, pk=pk)
    confirm_first(request)
    return decided(request, order, approve, told=f"{order} is approved. Its lines will be bought.")


@require_POST
def order_refuse(request: Request, pk: int) -> HttpResponse:
    """Another person calls an order off, and says why."""
    order = get_object_or_404(Order, pk=pk)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return order_page(request, order, form)
    told, reason = f"{order} is refused. Nothing will be bought.", form.cleaned_data["reason"]
    return decided(request, order, refuse, told=told, reason=reason)


def decided(
    request: Request, order: Order, decide: Callable[..., Order], *, told: str, **more: str
) -> HttpResponse:
    """`decide` about `order` as its page has shown it, and say what came of that."""
    by, digest = Actor.person(request.user, request.id), request.POST.get("digest", "")
    try:
        decide(order_id=order.pk, digest=digest, by=by, **more)
    except NotDecided as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, told)
    return redirect(order)


@require_POST
def order_assign(request: Request, pk: int) -> HttpResponse:
    """Work out that one agent answers all numbers that an order has bought, and show it."""
    order = get_object_or_404(Order, pk=pk)
    bought = Number.objects.owned().filter(lines__order=order, lines__state=LineState.BOUGHT)
    try:
        agent = AgentField().clean(request.POST.get("agent", ""))
        by = Actor.person(request.user, request.id)
        return redirect(plan_change(by=by, numbers=bought, changes={"agent": agent}))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    except CannotChange as error:
        messages.error(request, str(error))
    return redirect(order)


@require_POST
def order_cancel(request: Request, pk: int) -> HttpResponse:
    """Call off all lines of an order that nothing was sent for yet."""
    order = get_object_or_404(Order, pk=pk)
    count = placement.cancel_rest(order_id=pk, by=Actor.person(request.user, request.id))
    if count:
        what = "1 line is" if count == 1 else f"{count:,} lines are"
        messages.success(request, f"{what} cancelled. Nothing was sent.")
    else:
        messages.warning(request, "No lines could be cancelled. All were already sent.")
    return HttpResponseClientRefresh() if request.htmx else redirect(order)
