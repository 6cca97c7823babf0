"""The numbers of the list as a file."""

from django.http import StreamingHttpResponse
from django.views.decorators.http import require_safe

from dashboard.htmx import Request
from numbers.listing import export
from numbers.listing.downloads import as_csv, as_json
from numbers.listing.query import Query


@require_safe
def numbers_csv(request: Request) -> StreamingHttpResponse:
    """The numbers that the address asks for, as CSV."""
    rows = export.number_rows(Query.read(request.GET).numbers())
    return as_csv(rows, export.NUMBER_COLUMNS, "numbers.csv")


@require_safe
def numbers_json(request: Request) -> StreamingHttpResponse:
    """The numbers that the address asks for, as a JSON list."""
    return as_json(export.number_rows(Query.read(request.GET).numbers()), "numbers.json")
