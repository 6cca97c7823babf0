"""Plans: a change of many numbers, worked out, looked at, applied and undone."""

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from dashboard.accounts.views import confirm_first
from dashboard.htmx import Request
from numbers.db.pagination import Ordering, page_of
from numbers.models import Plan
from numbers.services.audit.events import Actor
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
    page = page_of(rows.select_related("number"), params=request.GET, size=ROWS, order=BY_ROW)
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
    return render(request, "numbers/plans/detail.html", context)


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
    if not lifecycle.apply_plan(plan_id=pk, by=who(request)):
        messages.info(request, "This change was already started. Nothing was started twice.")
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
    messages.info(request, f"Stopped. {count:,} numbers stay as they were.")
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
