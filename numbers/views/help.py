"""The page that explains keys, states, words and roles."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.htmx import Request
from numbers.permissions import RIGHTS, Right, Role, roles_of
from numbers.states import LineState

MEANINGS = {
    LineState.PLANNED: "Nothing has been sent. It starts when its turn comes. You can cancel it until then.",
    LineState.RESERVED: "We found an exact number that's available. Nothing has been sent.",
    LineState.SENDING: "We asked Fluents to buy the number and are waiting for an answer. Money may be"
    " spent now.",
    LineState.BOUGHT: "We own the number.",
    LineState.FAILED: "The line ended without a number and without a charge. The reason is shown with it.",
    LineState.UNKNOWN: "Fluents didn't answer clearly. We keep checking the exact number until we know"
    " whether it was bought. Don't buy it again.",
    LineState.REVIEW: "We couldn't confirm the purchase automatically. Someone must check with the"
    " provider and decide.",
    LineState.CANCELLED: "Cancelled before anything was sent.",
}


@require_safe
def help_page(request: Request) -> HttpResponse:
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
