"""Plans that release or detach numbers, which ask for proof first."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.accounts.views import freshly
from dashboard.htmx import Request
from numbers.db.pagination import Ordering, page_of
from numbers.forms.numbers import CountForm
from numbers.listing.query import Query
from numbers.models import Plan
from numbers.services.audit.events import Actor
from numbers.services.calls.knowledge import knowledge
from numbers.services.plans.lifecycle import apply_plan, plan_change
from numbers.states import Act, PlanState, RowState
from numbers.templatetags.ui import plural

SKIPPED = 20  # numbers that a plan leaves out, spelled out


@require_POST
def plan_give_up(request: Request) -> HttpResponse:
    """Work out what giving up the numbers chosen in the list comes to. `act` is release or detach."""
    query = Query.of(request.POST.get("query", "")[:4000])
    act = Act.DETACH if request.POST.get("act") == Act.DETACH else Act.RELEASE
    numbers = query.chosen(request.POST)
    if numbers is None:
        messages.error(request, "Select numbers first, then choose what to do.")
        return redirect(query)
    by = Actor.person(request.user, request.id)
    count = numbers.count()
    title = f"{act.label} {plural(count, 'number')}"
    plan = plan_change(by=by, numbers=numbers, changes={}, title=title, act=act)
    return redirect("plan-prove", pk=plan.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@freshly
def plan_prove(request: Request, pk: int) -> HttpResponse:
    """Show what is given up by a plan and apply it, once somebody has typed how many that are."""
    plan = get_object_or_404(Plan, pk=pk, act__in=[Act.RELEASE, Act.DETACH])
    if plan.state != PlanState.DRAFT:
        return redirect(plan)
    ready = plan.rows.filter(state=RowState.READY).select_related("number", "number__agent")
    count = ready.count()
    form = CountForm(request.POST if request.method == "POST" else None, count=count)
    if form.is_bound and count and form.is_valid():
        if not apply_plan(plan_id=pk, by=Actor.person(request.user, request.id)):
            messages.info(request, "This change was already started. Nothing was started twice.")
        return redirect(plan)
    context = {
        "plan": plan,
        "act": Act(plan.act),
        "form": form,
        "count": count,
        "total": plan.rows.count(),
        "calls": knowledge(),
        "called": ready.filter(number__calls_30__gt=0).count(),
        "answered": ready.exclude(number__agent=None).count(),
        "page": page_of(ready, params=request.GET, order=Ordering(down=False)),
        "skipped": plan.rows.exclude(state=RowState.READY).select_related("number")[:SKIPPED],
    }
    return render(request, "numbers/plans/release.html", context, status=422 if form.errors else 200)
