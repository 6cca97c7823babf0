"""Plans: a change of many numbers, worked out, looked at, applied and undone."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from dashboard.htmx import HtmxHttpRequest, render_partial

from ..forms import BulkForm
from ..listing import version_of
from ..models import Agent, Number, Plan, PlanRow
from ..paging import Order, page_of
from ..queries import Query
from ..services import changing
from ..services.history import By
from ..states import UNDER_WAY, Act, RowState
from .exchange import placed

ROWS = 100
BY_ROW = Order(down=False)
PROVED = {Act.RELEASE, Act.DETACH}  # these have pages of their own that ask for more


@require_safe
def plan_list(request: HtmxHttpRequest) -> HttpResponse:
    """All plans, newest first, with what came of each."""
    page = page_of(Plan.objects.all(), params=request.GET)
    add_counts(page.rows)
    version = version_of([(plan.pk, plan.state, plan.counts) for plan in page])
    if request.htmx and request.GET.get("seen") == version:
        return HttpResponse(status=204)
    moving = any(plan.state in UNDER_WAY for plan in page)
    context = {"page": page, "version": version, "moving": moving}
    return render_partial(request, "numbers/plan_list.html", context, partial="plans")


def add_counts(plans: list[Plan]) -> None:
    """Count the rows of those PLANS whose counts may change, in one query."""
    counts: dict[int, dict] = {plan.pk: {} for plan in plans if plan.state in UNDER_WAY or not plan.counts}
    found = PlanRow.objects.filter(plan__in=counts).order_by().values_list("plan", "state")
    for plan, state, count in found.annotate(Count("pk")):
        counts[plan][state] = count
    for plan in plans:
        if plan.pk in counts:
            plan.counts = counts[plan.pk] | {"total": sum(counts[plan.pk].values())}


@require_POST
def plan_new(request: HtmxHttpRequest) -> HttpResponse:
    """Work out what a bulk change of the list would do, and show it."""
    query = Query.of(request.POST.get("query", "")[:4000])
    back = f"{reverse('number-list')}?{query}"
    form = BulkForm(request.POST)
    numbers = chosen(request, query)
    if numbers is None:
        messages.error(request, "Tick numbers first, then say what to do with them.")
        return redirect(back)
    if not form.is_valid():
        messages.error(request, " ".join(error for errors in form.errors.values() for error in errors))
        return redirect(back)
    try:
        plan = changing.plan_change(by=who(request), numbers=numbers, changes=form.changes())
    except changing.CannotChange as error:
        messages.error(request, str(error))
        return redirect(back)
    return redirect(plan)


def chosen(request: HtmxHttpRequest, query: Query) -> QuerySet[Number] | None:
    """The numbers that a bulk form is about: all that match, or those ticked here and on other pages."""
    if request.POST.get("all") == "1":
        return query.numbers()
    texts = [*request.POST.getlist("number"), *request.POST.get("ticked", "").split()]
    keys = {int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19}
    return Number.objects.filter(pk__in=keys) if keys else None


@require_safe
def plan_detail(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """One plan: before and after, row by row. The poll of this page answers 204 while nothing changed."""
    plans = Plan.objects.select_related("undo_of", "wish").defer("wish__items", "wish__content")
    plan = get_object_or_404(plans, pk=pk)
    wish = getattr(plan, "wish", None)
    counts = changing.plan_counts(plan)
    state = request.GET.get("state", "") if request.GET.get("state", "") in RowState else ""
    rows = plan.rows.filter(state=state) if state else plan.rows.all()
    page = page_of(rows.select_related("number"), params=request.GET, size=ROWS, order=BY_ROW)
    seen = [(row.pk, row.state, row.reason) for row in page]
    version = version_of([plan.state, counts, wish and (wish.position, wish.total), seen])
    if request.htmx and request.GET.get("seen") == version:
        return HttpResponse(status=204)
    name_agents(page.rows)
    context = {
        "plan": plan,
        "wish": wish,
        "errors": placed(wish.errors) if wish else [],
        "counts": counts,
        "over": counts["total"] - counts[RowState.READY] - counts[RowState.APPLYING],
        "state": state,
        "page": page,
        "version": version,
        "moving": plan.state in UNDER_WAY,
        "proved": plan.act in PROVED,
    }
    return render_partial(request, "numbers/plan.html", context, partial="plan-live")


def name_agents(rows: list[PlanRow]) -> None:
    """Write agents' names where ROWS hold their ids, in one query."""
    keys = {about.get("agent") for row in rows for about in (row.before, row.after)} - {None, ""}
    names = {agent.api_id: str(agent) for agent in Agent.objects.filter(api_id__in=keys)}
    for row in rows:
        row.changes = [
            {
                "key": key,
                "before": worded(key, row.before.get(key), names),
                "after": worded(key, after, names),
            }
            for key, after in row.after.items()
        ]


def worded(key: str, value: object, names: dict[str, str]) -> str:
    """A value of a row as people read it."""
    if key == "agent":
        return names.get(value, value) or "Nobody"
    if key == "outbound_only":
        return "Outbound only" if value else "Inbound and outbound"
    if key == "tags":
        return ", ".join(value or [])
    return str(value or "")


def unproved(pk: int) -> Plan:
    """A plan that may be started by a button alone."""
    plan = get_object_or_404(Plan, pk=pk)
    if plan.act in PROVED:
        raise PermissionDenied("Numbers are given up on a page of their own.")
    return plan


@require_POST
def plan_apply(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Have a draft carried out. Giving numbers up has a page of its own, which asks for more."""
    plan = unproved(pk)
    if not changing.apply_plan(plan_id=pk, by=who(request)):
        messages.info(request, "This plan was no draft any more; nothing was started twice.")
    return redirect(plan)


@require_POST
def plan_discard(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    plan = get_object_or_404(Plan, pk=pk)
    if changing.discard_plan(plan_id=pk, by=who(request)):
        messages.success(request, f"Discarded “{plan}”. Nothing was changed.")
        return redirect("number-list")
    messages.info(request, "This plan was no draft any more, so it could not be discarded.")
    return redirect(plan)


@require_POST
def plan_stop(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    plan = get_object_or_404(Plan, pk=pk)
    count = changing.stop_plan(plan_id=pk, by=who(request))
    messages.info(request, f"Stopped. {count:,} numbers stay as they were.")
    return redirect(plan)


@require_POST
def plan_retry(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Try what failed once more, and only that."""
    plan = unproved(pk)
    if not changing.retry_failed(plan_id=pk, by=who(request)):
        messages.info(request, "Nothing in this plan has failed.")
    return redirect(plan)


@require_POST
def plan_undo(request: HtmxHttpRequest, pk: int) -> HttpResponse:
    """Work out the reverse plan, and show it."""
    plan = get_object_or_404(Plan, pk=pk)
    try:
        return redirect(changing.undo(plan_id=pk, by=who(request)))
    except changing.CannotChange as error:
        messages.error(request, str(error))
        return redirect(plan)


def who(request: HtmxHttpRequest) -> By:
    return By.person(request.user, request.id)
