"""Orders and their lines, live.

Each row carries a sum of what it was made of, and an open page sends the sums that it has. So what it lacks
is found by what the lines are now, not by when they were written, and no late commit gets past it.
"""

from collections.abc import Callable, Collection
from zlib import crc32

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from dashboard.accounts.views import confirm_first
from dashboard.htmx import Request
from numbers.db.prepared import Prepared
from numbers.db.sql import slot
from numbers.forms.numbers import AgentField, agent_names
from numbers.forms.review import ReasonForm
from numbers.listing.filter_options import MOST
from numbers.models import Agent, Line, Number, Order
from numbers.permissions import rights_of
from numbers.services.audit.events import Actor
from numbers.services.calls.asked import Told
from numbers.services.monitoring.ailments import of_buying
from numbers.services.orders import placement
from numbers.services.orders.approvals import NotDecided, approve, refuse
from numbers.services.orders.line_proofs import Outlook
from numbers.services.orders.progress import question_of, shares, waiting_of
from numbers.services.orders.summary import summaries
from numbers.services.plans.lifecycle import CannotChange, plan_change
from numbers.services.spending import gate
from numbers.states import CANCELLABLE, ApprovalState, LineState

LINES_A_PAGE = 100
#: What a row is made of. All else of a line that shows comes with a new `changed_at`.
MADE_OF = (
    *("pk", "changed_at", "state", "reason", "phone_number", "due_at", "agent__name", "number"),
    *("number__status", "number__agent", "number__agent__name", "lease_until"),
)
ON_PAGE = Prepared(
    lambda: (
        Line.objects.filter(order=slot("order"), position__gte=slot("start"), position__lt=slot("end"))
        .order_by("position")
        .values_list(*MADE_OF)
    )
)


@require_safe
def order_detail(request: Request, pk: int) -> HttpResponse:
    """One order: its lines with live states."""
    return order_page(request, get_object_or_404(Order, pk=pk))


def order_page(request: Request, order: Order, form: ReasonForm | None = None) -> HttpResponse:
    """The page, or of one that is open somewhere what it lacks, as long as nothing else of it has changed."""
    [summary] = summaries([order])
    waits = order.approval == ApprovalState.WAITING
    stopped = gate.stops(gate.current(), timezone.now())
    held: frozenset[str] = getattr(request, "held", frozenset())
    rights = sorted(rights_of(request.user))
    shape = sum_of((order.approval, summary.moving, summary.agents, bool(stopped), rights))
    partly = shape in held
    context = {
        "order": order,
        "summary": summary,
        "shape": shape,
        **lines_shown(order, request.GET.get("from", "1"), held if partly else ()),
        "stopped": stopped,
        "ailments": of_buying() if summary.moving and not waits else [],
        "left": None if stopped or waits else waiting_of(summary, now=timezone.now()),
        "missing": sum(summary.counts.get(state, 0) for state in (LineState.FAILED, LineState.CANCELLED)),
        "agent_names": () if partly or waits or summary.moving else names_to_choose(),
        "shares": (lacking := [] if waits else shares(order)),
        "again": order.tried_again.first() if lacking else None,
        "waiting": sum(summary.counts.get(state, 0) for state in CANCELLABLE),
        "waits": waits,
        "form": form or ReasonForm(),
        **question_of(order, by=Actor.person(request.user)),
    }
    status = 422 if form and form.errors else 200
    return render(request, f"numbers/orders/{'news' if partly else 'detail'}.html", context, status=status)


def names_to_choose() -> dict[str, str]:
    """The agents that can be typed for all numbers that an order has bought."""
    return agent_names(Agent.objects.filter(gone_at=None)[:MOST])


def lines_shown(order: Order, typed: str, held: Collection[str] = ()) -> dict:
    """The lines from position `typed` on, each with its sum, but those whose sums are `held`."""
    start = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 8 else 1
    end = start + LINES_A_PAGE
    found = ON_PAGE.rows(order=order.pk, start=start, end=end)
    told = test_calls(order, start, end) if order.prove_from else {}
    # Of a lease pages tell only that there is one.
    sums = {row[0]: sum_of((*row[:-1], row[-1] is None, told.get(row[0]))) for row in found}
    lacking = [pk for pk, known in sums.items() if known not in held]
    first = next(iter(sums), None)
    rows = Line.objects.select_related("connection", "agent", "number__agent").in_bulk(
        {*lacking, first} - {None}
    )
    return {
        "first": rows.get(first),
        "lines": [(rows[pk], sums[pk], told.get(pk)) for pk in lacking],
        "start": start,
        "next": end if order.quantity >= end else None,
        "previous": max(1, start - LINES_A_PAGE) if start > 1 else None,
    }


def test_calls(order: Order, start: int, end: int) -> dict[int, Told | None]:
    """How far the test calls of the lines on this page have come."""
    lines = order.lines.filter(position__gte=start, position__lt=end)
    outlook = Outlook()
    return {line.pk: outlook.of(line) for line in lines.select_related("order", "number__agent", "proof")}


def sum_of(values: tuple) -> str:
    """What stands for `values` on an open page."""
    return f"{crc32(repr(values).encode()):x}"


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
