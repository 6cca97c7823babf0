"""Asking for a sync with Fluents."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.htmx import Request
from dashboard.redirects import safe_path
from numbers.services.audit.events import Actor
from numbers.services.calls import reader
from numbers.services.inventory import sync_requests


@require_POST
def sync_start(request: Request) -> HttpResponse:
    """Ask the worker to read everything from Fluents, calls too; the page then follows along."""
    try:
        by = Actor.person(request.user, request.id)
        sync_requests.ask_for_sync(by=by)
        reader.ask(by=by)
    except sync_requests.CannotAsk as error:
        messages.error(request, str(error))
    return redirect(safe_path(request.POST.get("back", ""), otherwise=reverse("drift")))
