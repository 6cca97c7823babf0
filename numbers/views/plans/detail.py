"""Plans: a change of many numbers, worked out, looked at, applied and undone."""

from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from dashboard.accounts.views import confirm_first
from dashboard.htmx import Request
from numbers.db.pagination import Ordering, page_of
from numbers.forms import line_proofs
from numbers.models import Plan
from numbers.services.audit.events import Actor
from numbers.services.calls import row_proofs
from numbers.services.errors import NotDone
from numbers.services.inventory.event_agents import agent_names
from numbers.services.plans import lifecycle
from numbers.states import UNDER_WAY, Act, PlanState, RowState

ROWS = 100
BY_ROW = Ordering(down=False)
PROVED = {Act.RELEASE, Act.DETACH}  # these have pages of their own that ask for more


@require_safe
def plan_detail(request: Request, pk: int) -> HttpResponse:
    """One plan: before and after, row by row."""
    plans = Plan.objects.select_related("undo_of", "source").defer("source__items", "source__content")
    plan = get_object_or_404(plans, pk=pk)
    source = getattr(plan, "source", None)
    counts = lifecycle.plan_counts(plan)
    state = request.GET.get("state", "") if request.GET.get("state", "") in RowState else ""
    rows = plan.rows.filter(state=state) if state else plan.rows.all()
    rows = row_proofs.with_calls(rows) if plan.prove_from else rows.select_related("number")
    page = page_of(rows, params=request.GET, size=ROWS, order=BY_ROW)
    context = {
        "plan": plan,
        "source": source,
        "mistakes": source.errors if source else [],
        "counts": counts,
        "over": counts["total"] - counts[RowState.READY] - counts[RowState.APPLYING],
        "state": state,
        "page": page,
        "agent_names": agent_names(page),
        "moving": plan.state in UNDER_WAY,
        "proved": plan.act in PROVED,
        "undone": plan.undone_by.exclude(state=PlanState.DISCARDED).first(),
    }
    return render(request, "numbers/plans/detail.html", context | test_calls(request, plan))


def test_calls(request: Request, plan: Plan) -> dict:
    """The choice to have lines called that a draft assigns, or how far their calls have come."""
    if plan.prove_from:
        return {"outlook": row_proofs.Outlook(), "tested": row_proofs.tally(plan)}
    if plan.state != PlanState.DRAFT or plan.act != Act.CHANGE:
        return {}
    proving = line_proofs.offered(request.user, request.GET)
    count = row_proofs.to_call(plan).count() if proving else 0
    return {"proving": proving, "to_call": count} if count else {}


def unproved(pk: int) -> Plan:
    """A plan that may be started by a button alone."""
    plan = get_object_or_404(Plan, pk=pk)
    if plan.act in PROVED:
        raise PermissionDenied("Release and detach numbers on their own page.")
    return plan


@require_POST
def plan_apply(request: Request, pk: int) -> HttpResponse:
    """Have a draft carried out. Giving numbers up has a page of its own, which asks for more."""
    plan = unproved(pk)
    if plan.rows.filter(state=RowState.READY).count() > settings.REAUTH_LINES:
        confirm_first(request)
    try:
        probe = line_proofs.chosen_line(request.POST)
        if not lifecycle.apply_plan(plan_id=pk, by=who(request), probe=probe):
            messages.info(request, "This change was already started. Nothing was started twice.")
    except NotDone as error:
        messages.warning(request, f"{error} Nothing was changed.")
        return redirect(f"{plan.get_absolute_url()}?{urlencode(line_proofs.kept(request.POST))}")
    return redirect(plan)


@require_POST
def plan_discard(request: Request, pk: int) -> HttpResponse:
    plan = get_object_or_404(Plan, pk=pk)
    if lifecycle.discard_plan(plan_id=pk, by=who(request)):
        messages.success(request, f"Discarded “{plan}”. Nothing was changed.")
        return redirect("number-list")
    messages.info(request, "This change was already started, so it can't be discarded.")
    return redirect(plan)


@require_POST
def plan_stop(request: Request, pk: int) -> HttpResponse:
    plan = get_object_or_404(Plan, pk=pk)
    count = lifecycle.stop_plan(plan_id=pk, by=who(request))
    stay = f" {count:,} numbers stay as they were." if count or not plan.proving else ""
    calls = " No more test calls are made." if plan.proving else ""
    messages.info(request, f"Stopped.{stay}{calls}")
    return redirect(plan)


@require_POST
def plan_retry(request: Request, pk: int) -> HttpResponse:
    """Try what failed once more, and only that."""
    plan = unproved(pk)
    if plan.rows.filter(state=RowState.FAILED).count() > settings.REAUTH_LINES:
        confirm_first(request)
    if not lifecycle.retry_failed(plan_id=pk, by=who(request)):
        messages.info(request, "Nothing in this change failed.")
    return redirect(plan)


@require_POST
def plan_undo(request: Request, pk: int) -> HttpResponse:
    """Work out the reverse plan, and show it."""
    plan = get_object_or_404(Plan, pk=pk)
    try:
        return redirect(lifecycle.undo(plan_id=pk, by=who(request)))
    except lifecycle.CannotChange as error:
        messages.error(request, str(error))
        return redirect(plan)


def who(request: Request) -> Actor:
    return Actor.person(request.user, request.id)
