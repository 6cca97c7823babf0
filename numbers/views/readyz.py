"""For machines that watch over this one: whether pages can be served, and how the buying goes."""

from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from django.views.decorators.http import require_safe

from dashboard.htmx import Request
from numbers.services.monitoring.health import readiness


@require_safe
@login_not_required
def readyz(request: Request) -> JsonResponse:
    """200 while pages can be served: the database answers and is migrated. Else 503."""
    ready, told = readiness()
    return JsonResponse(told, status=200 if ready else 503)
