"""One line of an order."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh

from dashboard.htmx import Request
from numbers.models import Line
from numbers.services.audit.events import Actor
from numbers.services.orders.placement import cancel_line


@require_POST
def line_cancel(request: Request, pk: int) -> HttpResponse:
    """Call one line off, if nothing was sent for it yet."""
    line = get_object_or_404(Line, pk=pk)
    if cancel_line(line_id=pk, by=Actor.person(request.user, request.id)):
        messages.success(request, f"Line {line.position} is cancelled. Nothing was sent.")
    else:
        messages.warning(request, f"Line {line.position} was already sent and can't be cancelled.")
    if request.htmx:
        return HttpResponseClientRefresh()
    return redirect(line.order)
