"""The overview: what needs a person first, then pictures of the whole."""

from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.htmx import Request
from numbers.models import Line, Number, Order, PutAway
from numbers.permissions import Right, rights_of
from numbers.services.monitoring import statistics
from numbers.services.monitoring.ailments import of_buying, of_copy
from numbers.services.monitoring.charts import drawn
from numbers.services.monitoring.first_line import steps
from numbers.services.orders.summary import summaries
from numbers.states import OPEN, PUT_OFF, ApprovalState, LineState

REVIEWS = 5  # lines that need a person, spelled out on the overview


@require_safe
def overview(request: Request) -> HttpResponse:
    """What needs a person first, then what was counted, then what is under way."""
    figures = statistics.figures()
    context = {
        "summaries": summaries(Order.objects.order_by("-pk")[:5]),
        "open_count": Line.objects.filter(state__in=OPEN, due_at__lt=PUT_OFF)
        .exclude(state=LineState.REVIEW)
        .count(),
        "newest": Number.objects.owned()
        .filter(bought_at__isnull=False)
        .select_related("agent")
        .order_by(F("bought_at").desc(nulls_last=True), "-pk")[:5],  # as PostgreSQL's index has them
        "reviews": Line.objects.filter(state=LineState.REVIEW)
        .select_related("order")
        .order_by("pk")[:REVIEWS],
        "approvals": Order.objects.filter(approval=ApprovalState.WAITING).order_by("pk")[:REVIEWS],
        "ailments": [*of_buying(), *of_copy()],
        "first_line": steps(user_id=request.user.pk) if Right.PEOPLE in rights_of(request.user) else [],
        "figures": figures,
        "drawn": drawn(figures.counts),
        "tour": not PutAway.objects.filter(user=request.user, what=PutAway.TOUR).exists(),
    }
    return render(request, "numbers/overview.html", context)
