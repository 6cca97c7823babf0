"""All months' costs as a table."""

from django.http import StreamingHttpResponse
from django.views.decorators.http import require_safe

from dashboard.htmx import Request
from numbers.listing.downloads import as_csv
from numbers.models import MonthCost
from numbers.services.costs.months import COST_COLUMNS, cost_rows, refresh


@require_safe
def costs_csv(request: Request) -> StreamingHttpResponse:
    """Every figure that was counted, one a row."""
    refresh()
    return as_csv(cost_rows(MonthCost.objects.all()), COST_COLUMNS, "costs.csv")
