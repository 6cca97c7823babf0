"""The tour of the overview, which each person can put away."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dashboard.htmx import Request
from numbers.models import PutAway
from numbers.services.notifications import notices


@require_POST
def tour_end(request: Request) -> HttpResponse:
    """This person does not want to see the tour any more."""
    notices.put_away(user_id=request.user.pk, what=PutAway.TOUR)
    return redirect("overview")
