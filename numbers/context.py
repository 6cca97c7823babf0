from django.conf import settings
from django.db.models import IntegerField, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from .models import Gate, Line, Notice, Number, Order
from .roles import Right, rights_of
from .services import telling
from .states import AWAY, ApprovalState, LineState, NumberStatus
from .views.agents import alarming

MANY = 1000  # beyond this the frame does not count on
OURS = sorted(set(NumberStatus) - AWAY)  # asked for by name: the index knows those, and no "not"
NOTICES = 3  # shown at once, the newest first


class CountOf(Subquery):
    """How many rows a query finds, up to one more than `MANY`."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()

    def __init__(self, rows: QuerySet) -> None:
        super().__init__(rows.order_by().values("pk")[: MANY + 1])


def frame(request: HttpRequest) -> dict:
    """What the frame of every page shows: the gate, what waits for a person, and what this one may do."""
    rights = rights_of(request.user) if hasattr(request, "user") else frozenset()
    may = {"may": {right.value: right in rights for right in Right}}
    if Right.VIEW not in rights or request.htmx:
        return may
    waiting = Order.objects.filter(approval=ApprovalState.WAITING)
    gate = Gate.objects.annotate(
        review_count=CountOf(Line.objects.filter(state=LineState.REVIEW)),
        unassigned_count=CountOf(Number.objects.filter(agent=None, status__in=OURS)),
        drift_count=CountOf(Number.objects.filter(drifted=True)),
        waiting_count=CountOf(waiting),
        approval_count=CountOf(waiting.exclude(requested_by=request.user)),
    ).get(pk=Gate.SINGLE)  # one query for the frame of every page
    return may | {
        "gate": gate,
        "token_missing": not settings.FLUENTS_API_TOKEN,
        "review_count": gate.review_count,
        "unassigned_count": gate.unassigned_count,
        "drift_count": gate.drift_count,
        "waiting_count": gate.waiting_count,
        "approval_count": gate.approval_count if Right.APPROVE in rights else 0,
        "notices": unseen(request),
        "agent_alarms": SimpleLazyObject(alarming),  # the overview alone looks at them
    }


def unseen(request: HttpRequest) -> list[Notice]:
    """What this person was not shown yet. Whoever looks at an order, or at its line, knows of it."""
    notices = list(Notice.objects.filter(user=request.user, seen_at=None)[:NOTICES])
    page = request.resolver_match
    field = {"order": "order_id", "review-line": "line_id"}.get(page.url_name) if page else None
    if not field:
        return notices
    known = [notice for notice in notices if getattr(notice, field) == page.kwargs["pk"]]
    if known and request.method == "GET":
        telling.seen(user_id=request.user.pk, pk__in=[notice.pk for notice in known])
    return [notice for notice in notices if notice not in known]
