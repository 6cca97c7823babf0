"""What a person was told: a list, what needs them first."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.htmx import Request
from numbers.models import Notice
from numbers.services.notifications import notices

SHOWN = 50
#: They ask for something.
NEEDING = (
    Notice.Kind.REVIEW,
    Notice.Kind.APPROVAL,
    Notice.Kind.GATE,
    Notice.Kind.LOGIN,
    Notice.Kind.ALARM,
    Notice.Kind.CALLS,
)


@require_safe
def notice_list(request: Request) -> HttpResponse:
    """The latest notices of this person; opening the page counts as seeing them."""
    told = Notice.objects.filter(user=request.user).exclude(pk=request.session.get("its_notice") or 0)
    latest = list(told[:SHOWN])
    unseen = {notice.pk for notice in latest if not notice.seen_at}
    latest.sort(key=lambda notice: (notice.pk not in unseen or notice.kind not in NEEDING, -notice.pk))
    response = render(request, "numbers/notices.html", {"latest": latest, "unseen": unseen})
    if unseen and request.method == "GET":
        notices.seen(user_id=request.user.pk, pk__in=list(unseen))
    return response
