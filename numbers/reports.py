"""Rows for people's scripts: names and order are part of the public surface."""

from collections.abc import Iterator

from django.db.models import Count, QuerySet

from .models import Line
from .states import LineState

SAYS_WHY = {LineState.FAILED, LineState.REVIEW, LineState.UNKNOWN}


def line_rows(lines: QuerySet[Line]) -> Iterator[dict]:
    """One dict a line, oldest order first, read in portions."""
    counted = lines.annotate(attempt_count=Count("attempts")).select_related("order")
    for line in counted.order_by("pk").iterator(chunk_size=1000):
        yield {
            "order": line.order_id,
            "line": line.pk,
            "state": line.state,
            "phone_number": line.phone_number or line.wanted_number or None,
            "area_code": line.area_code or None,
            "attempts": line.attempt_count,
            "error": line.reason if line.state in SAYS_WHY else None,
            "requested_by": line.order.requested_by_name,
            "created_at": line.created_at.isoformat(),
            "settled_at": line.settled_at.isoformat() if line.settled_at else None,
        }
