from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Subquery
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from dashboard.htmx import Request

from .db import news
from .db.prepared import Prepared, columns_of, read
from .db.sql import CountOf, slot
from .models import Gate, Notice, Snooze, SyncState
from .permissions import Right, rights_of
from .services.monitoring.attention import alarming_agents, open_items
from .services.notifications.notices import seen

MANY = 1000  # beyond this the frame does not count on
Kind = Snooze.Kind
# Approvals are not for everybody, and an idle line costs money but waits for nobody.
APART = (Kind.APPROVALS, Kind.IDLE)
OF_ACCOUNTS = (Notice.Kind.ACCOUNT, Notice.Kind.LOGIN)
FRAME = Prepared(  # one query for the frame of every page
    lambda: Gate.objects.filter(pk=Gate.SINGLE).values_list(
        *columns_of(Gate),
        *[Subquery(SyncState.objects.values(name)) for name in ("synced_at", "error")],
        *[CountOf(open_items(kind).order_by(), MANY) for kind in Kind if kind not in APART],
        CountOf(open_items(Kind.APPROVALS).exclude(requested_by=slot("user")).order_by(), MANY),
        CountOf(Notice.objects.filter(user=slot("user"), seen_at=None), MANY),
        # When the next item comes back that somebody put off
        Subquery(Snooze.objects.filter(until__gt=Now()).order_by("until").values("until")[:1]),
    )
)


def frame(request: Request) -> dict:
    """What the frame of every page shows: the gate, what waits for a person, and what this one may do."""
    rights = rights_of(request.user) if hasattr(request, "user") else frozenset()
    may = {"may": {right.value: right in rights for right in Right}}
    if Right.VIEW not in rights or request.htmx:
        return may
    if getattr(request, "seen", None) == "":
        request.seen, _, request.kept = news.look()  # its polls are about the frame alone, which is read now
    width, row = len(columns_of(Gate)), row_of(request)
    synced_at, sync_error, review, unassigned, agents, drift, changes, approvals, unseen, _ = row[width:]
    approvals = approvals if Right.APPROVE in rights else 0
    return may | {
        "gate": read(Gate, row[:width]),
        "synced_at": synced_at,
        "sync_error": sync_error,
        "token_missing": not settings.FLUENTS_API_TOKEN,
        "review_count": review,
        "unassigned_count": unassigned,
        "drift_count": drift,
        "approval_count": approvals,
        "attention_count": review + unassigned + agents + drift + changes + approvals,
        "unseen_count": unseen - see_what_is_shown(request) if unseen else 0,
        "agent_alarms": SimpleLazyObject(alarming_agents),  # the overview alone looks at them
    }


def row_of(request: Request) -> tuple:
    """What FRAME finds for this person, or found while nothing that it reads has changed since."""
    user, kept = request.user.pk, getattr(request, "kept", None)
    if kept is None or not kept.holds():
        return FRAME.row(user=user)
    row = kept.get(user)
    if row is None or (row[-1] and row[-1] <= timezone.now()):
        row = kept[user] = FRAME.row(user=user)
    return row


def see_what_is_shown(request: Request) -> int:
    """Mark the notices seen that the page at hand is about; how many there were."""
    if request.method != "GET":
        return 0
    notices = Notice.objects.filter(user=request.user, seen_at=None)[:MANY]
    known = [notice.pk for notice in notices if knows(request, notice)]
    return seen(user_id=request.user.pk, pk__in=known) if known else 0


def knows(request: Request, notice: Notice) -> bool:
    """Whether the page at hand shows what `notice` tells, or the one that was left for it has followed it."""
    page = request.resolver_match
    if notice.pk == request.session.get("its_notice"):
        return False  # it warns of this very session: another one has to see it
    if page and page.url_name == "account" and notice.kind in OF_ACCOUNTS:
        return True
    field = {"order": "order_id", "review-line": "line_id"}.get((page and page.url_name) or "")
    if page and field and getattr(notice, field) == page.kwargs["pk"]:
        return True
    left = urlsplit(request.headers.get("Referer", "")).path
    return notice.kind == Notice.Kind.ORDER and left == f"/orders/{notice.order_id}/"
