"""What our lines cost month by month, by agent and by tag."""

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.htmx import Request
from numbers.forms.costs import BudgetForm
from numbers.models import CountedMonth, MonthCost
from numbers.permissions import Right, may
from numbers.services.costs import months
from numbers.services.monitoring.charts import Chart, cost_chart
from numbers.services.monitoring.statistics import figures
from numbers.services.orders.budgets import standings_at

Kind = MonthCost.Kind
MOST = 200  # rows of each table; the file has all


@require_safe
def costs(request: Request) -> HttpResponse:
    """One month's costs, the present one unless another is asked for, and all months as charts."""
    months.refresh()
    counted = list(CountedMonth.objects.filter(counted_at__isnull=False)[: months.BACK])
    asked = [row for row in counted if str(row) == request.GET.get("month")]
    shown = next(iter(asked or counted), None)
    context = {
        "budgets": standings_at(figures().counts.get("budgets", {})),
        "budget_form": BudgetForm() if may(request.user, Right.PRICES) else None,
        "currency": settings.LIMIT_CURRENCY,
        "counted": counted,
        "shown": shown,
        "charts": charts([str(row) for row in reversed(counted)]),
        "totals": months.costs_of(shown.month, Kind.ALL) if shown else [],
        "groups": [(kind, months.costs_of(shown.month, kind)[:MOST]) for kind in (Kind.AGENT, Kind.TAG)]
        if shown
        else [],
    }
    return render(request, "numbers/costs.html", context)


def charts(names: list[str]) -> list[Chart]:
    """All lines' costs in these months, a chart for each currency."""
    amounts: dict[str, dict[str, str]] = {}
    for row in months.totals():
        if row.currency:
            amounts.setdefault(row.currency, {})[str(row.month)] = str(row.cost)
    return [
        cost_chart(names, [by_month.get(name, "0") for name in names], currency)
        for currency, by_month in sorted(amounts.items())
    ]
