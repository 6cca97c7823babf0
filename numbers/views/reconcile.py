"""The comparison of our records with Fluents."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from dashboard.htmx import Request
from numbers.models import Number, Reconciliation
from numbers.services.audit.events import Actor
from numbers.services.inventory import reconciliation


@require_safe
def reconcile(request: Request) -> HttpResponse:
    """The latest comparison of our books with Fluents."""
    run = Reconciliation.objects.order_by("-pk").first()
    context = {"run": run, "running": bool(run and not run.finished_at)}
    return render(request, "numbers/reconcile.html", context)


@require_POST
def reconcile_start(request: Request) -> HttpResponse:
    """Ask the worker to compare books and Fluents."""
    reconciliation.ask(by=Actor.person(request.user, request.id))
    return redirect("reconcile")


@require_POST
def acknowledge(request: Request, e164: str) -> HttpResponse:
    """A person has seen that a number is ours although its line ended without it."""
    number = get_object_or_404(Number, e164=e164)
    reconciliation.acknowledge(
        number=number, by=Actor.person(request.user, request.id), reason="Kept as one of our numbers."
    )
    messages.success(request, f"{number} is kept. It won't be reported again.")
    return redirect("reconcile")
