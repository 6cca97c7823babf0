"""Putting a change of one number back at once."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from dashboard.htmx import Request, tell
from dashboard.redirects import safe_path
from numbers.services.audit.events import Actor
from numbers.services.plans.lifecycle import CannotChange, take_back
from numbers.telephony.phone import pretty


@require_POST
def plan_take_back(request: Request, pk: int) -> HttpResponse:
    """Undo a change of one number, without a preview: it was made without one."""
    try:
        row = take_back(plan_id=pk, by=Actor.person(request.user, request.id))
        text = f"Undone: {pretty(row.number.e164)} goes back to what it was."
    except CannotChange as error:
        text = str(error)
    if request.htmx:
        return trigger_client_event(tell(HttpResponse(status=204), text), "changed")
    messages.info(request, text)
    return redirect(safe_path(request.POST.get("next", ""), otherwise=reverse("number-list")))
