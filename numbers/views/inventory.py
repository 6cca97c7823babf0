"""The overview: what needs a person first, then pictures of the whole."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from dashboard.htmx import HtmxHttpRequest

from ..charts import drawn
from ..models import Line, Number, Order, PutAway
from ..roles import RIGHTS, Right, Role, roles_of
from ..services import counting, telling
from ..states import OPEN, PUT_OFF, ApprovalState, LineState
from .buying import add_counts

REVIEWS = 5  # lines that need a person, spelled out on the overview
TOUR = "tour"
MEANINGS = {
    LineState.PLANNED: "Nothing was sent yet. It starts when its turn comes; until then it can be cancelled.",
    LineState.RESERVED: "One exact number was found that is for sale and not ours. Nothing was sent yet.",
    LineState.SENDING: "Fluents was asked to buy the number and has not answered. Money may be spent now.",
    LineState.BOUGHT: "The number is ours. The end.",
    LineState.FAILED: "It ended without a number and without a charge. Its reason stands beside it.",
    LineState.UNKNOWN: "No clear answer came. The exact number is looked up until it is certain whether"
    " it was bought. Do not buy it again.",
    LineState.REVIEW: "Looking it up could not settle it. A person looks at the provider, then decides.",
    LineState.CANCELLED: "Somebody called it off before anything was sent.",
}


@require_safe
def overview(request: HtmxHttpRequest) -> HttpResponse:
    """What needs a person first, then what was counted, then what goes on."""
    orders = list(Order.objects.order_by("-pk")[:5])
    add_counts(orders)
    figures = counting.figures()
    context = {
        "orders": orders,
        "open_count": Line.objects.filter(state__in=OPEN, due_at__lt=PUT_OFF)
        .exclude(state=LineState.REVIEW)
        .count(),
        "newest": Number.objects.filter(bought_at__isnull=False)
        .select_related("agent")
        .order_by("-bought_at", "-pk")[:5],
        "reviews": Line.objects.filter(state=LineState.REVIEW)
        .select_related("order")
        .order_by("pk")[:REVIEWS],
        "approvals": Order.objects.filter(approval=ApprovalState.WAITING).order_by("pk")[:REVIEWS],
        "figures": figures,
        "drawn": drawn(figures.counts),
        "tour": not PutAway.objects.filter(user=request.user, what=TOUR).exists(),
    }
    return render(request, "numbers/overview.html", context)


@require_POST
def tour_end(request: HttpRequest) -> HttpResponse:
    """This person does not want to see the tour any more."""
    telling.put_away(user_id=request.user.pk, what=TOUR)
    return redirect("overview")


@require_POST
def notice_seen(request: HttpRequest, pk: int) -> HttpResponse:
    """This person has seen a notice of theirs; back to where they were."""
    telling.seen(user_id=request.user.pk, pk=pk)
    path = request.POST.get("next", "")
    inside = url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return redirect(path if inside else "overview")


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """The keys, the states and the words, on a page of their own."""
    mine = roles_of(request.user)
    roles = [
        {
            "label": role.label,
            "rights": [right.label for right in Right if right in RIGHTS[role]],
            "yours": role in mine,
        }
        for role in Role
    ]
    return render(request, "numbers/help.html", {"meanings": MEANINGS.items(), "roles": roles})
