"""All plans, newest first."""

from django.db.models import Count
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from dashboard.htmx import Request, render_partial
from numbers.db.pagination import page_of
from numbers.models import Plan, PlanRow
from numbers.states import UNDER_WAY


@require_safe
def plan_list(request: Request) -> HttpResponse:
    """All plans, newest first, with what came of each."""
    page = page_of(Plan.objects.prefetch_related("undone_by"), params=request.GET)
    add_counts(page.rows)
    return render_partial(request, "numbers/plans/list.html", {"page": page}, partial="plans")


def add_counts(plans: list[Plan]) -> None:
    """Count the rows of those `plans` whose counts may change, in one query."""
    counts: dict[int, dict] = {plan.pk: {} for plan in plans if plan.state in UNDER_WAY or not plan.counts}
    found = PlanRow.objects.filter(plan__in=counts).order_by().values_list("plan", "state")
    for plan, state, count in found.annotate(Count("pk")):
        counts[plan][state] = count
    for plan in plans:
        if plan.pk in counts:
            plan.counts = counts[plan.pk] | {"total": sum(counts[plan.pk].values())}
