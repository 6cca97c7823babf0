from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from .models import Gate, Line, Notice, Number, Order
from .prepared import Prepared, columns_of, read
from .roles import Right, rights_of
from .services import telling
from .statements import CountOf, slot
from .states import OURS, ApprovalState, LineState
from .views.agents import alarming

MANY = 1000  # beyond this the frame does not count on
NOTICES = 3  # shown at once, the newest first


WAITS = Q(approval=ApprovalState.WAITING)
FRAME = Prepared(  # one query for the frame of every page
    lambda: Gate.objects.filter(pk=Gate.SINGLE).values_list(
        *columns_of(Gate),
        CountOf(Line.objects.filter(state=LineState.REVIEW), MANY),
        CountOf(Number.objects.filter(agent=None, status__in=OURS), MANY),
        CountOf(Number.objects.filter(drifted=True), MANY),
        CountOf(Order.objects.filter(WAITS), MANY),
        CountOf(Order.objects.filter(WAITS).exclude(requested_by=slot("user")), MANY),
        CountOf(Notice.objects.filter(user=slot("user"), seen_at=None), 0),
    )
)


def frame(request: HttpRequest) -> dict:
    """What the frame of every page shows: the gate, what waits for a person, and what this one may do."""
    rights = rights_of(request.user) if hasattr(request, "user") else frozenset()
    may = {"may": {right.value: right in rights for right in Right}}
    if Right.VIEW not in rights or request.htmx:
        return may
    [(*gate, review_count, unassigned_count, drift_count, waiting_count, approval_count, unseen_count)] = (
        FRAME.rows(user=request.user.pk)
    )
    return may | {
        "gate": read(Gate, gate),
        "token_missing": not settings.FLUENTS_API_TOKEN,
        "review_count": review_count,
        "unassigned_count": unassigned_count,
        "drift_count": drift_count,
        "waiting_count": waiting_count,
        "approval_count": approval_count if Right.APPROVE in rights else 0,
        "notices": unseen(request) if unseen_count else [],
        "agent_alarms": SimpleLazyObject(alarming),  # the overview alone looks at them
    }


def unseen(request: HttpRequest) -> list[Notice]:
    """What this person was not shown yet. Whoever looks at an order, or at its line, knows of it."""
    notices = list(Notice.objects.filter(user=request.user, seen_at=None)[:NOTICES])
    known = [notice for notice in notices if knows(request, notice)]
    if known and request.method == "GET":
        telling.seen(user_id=request.user.pk, pk__in=[notice.pk for notice in known])
    return [notice for notice in notices if notice not in known]


def knows(request: HttpRequest, notice: Notice) -> bool:
    """Whether the page at hand shows what NOTICE tells, or the one that was left for it has followed it."""
    page = request.resolver_match
    field = {"order": "order_id", "review-line": "line_id"}.get(page.url_name) if page else None
    if field and getattr(notice, field) == page.kwargs["pk"]:
        return True
    left = urlsplit(request.headers.get("Referer", "")).path
    return notice.kind == Notice.Kind.ORDER and left == f"/orders/{notice.order_id}/"
