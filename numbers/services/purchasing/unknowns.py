"""Lines that may have been bought, as work for a worker: what was sent is looked up.

In threads of their own: a list of owned numbers may take minutes, and lines that are still to be bought must
not wait for it.
"""

from collections.abc import Sequence
from datetime import datetime

from numbers.models import Line
from numbers.states import LineState

from . import worker
from .transitions import claim_all

NAME = "unknown lines"
run, defer = worker.run, worker.defer


def claim(*, limit: int) -> Sequence[Line]:
    """At most `limit` lines that are due to be looked up, whatever the gate says."""
    free = Line.objects.claimable().filter(state__in=[LineState.UNKNOWN, LineState.REVIEW])
    keys = list(free.order_by("due_at").values_list("pk", flat=True)[:limit])
    return claim_all(keys) if keys else []


def next_due(after: datetime) -> datetime | None:
    """When a line becomes due, later than `after`, or may be free again; None where nobody knows."""
    return worker.due_or_free([LineState.UNKNOWN], after)
