"""The gate and the books: what stops buying, and whether our records are true."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from dashboard.door import confirm_first
from dashboard.htmx import HtmxHttpRequest, render_partial

from ..forms import ReasonForm
from ..middleware import demand
from ..models import Event, Line, Number, Reconciliation
from ..roles import Right, roles_in_words
from ..services import gate as gates
from ..services import reconciling
from ..services.history import By
from ..states import PUT_OFF, LineState


@require_safe
def gate(request: HttpRequest) -> HttpResponse:
    """Whether lines may be sent now, why not, and the switch."""
    return gate_page(request, ReasonForm())


def gate_page(request: HttpRequest, form: ReasonForm) -> HttpResponse:
    context = {
        "form": form,
        "may_stop": roles_in_words(Right.STOP),
        "may_open": roles_in_words(Right.OPEN),
        "sending": Line.objects.filter(state=LineState.SENDING).count(),
        "waiting": Line.objects.filter(
            state__in=[LineState.PLANNED, LineState.RESERVED], due_at__lt=PUT_OFF
        ).count(),
        "events": Event.objects.filter(action__startswith="gate.").order_by("-pk")[:20],
    }
    return render(request, "numbers/gate.html", context, status=422 if form.errors else 200)


@require_POST
def gate_switch(request: HttpRequest) -> HttpResponse:
    """Pause buying, or let it go on; either with a reason."""
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return gate_page(request, form)
    by, reason = By.person(request.user, request.id), form.cleaned_data["reason"]
    if request.POST.get("to") == "open":
        demand(request, Right.OPEN)
        confirm_first(request)
        gates.open_gate(by=by, reason=reason)
        messages.success(request, "Buying goes on.")
    else:
        gates.pause(by=by, reason=reason)
        messages.success(request, "Buying is paused. What was sent already is still looked up.")
    return redirect("gate")


@require_safe
def reconcile(request: HtmxHttpRequest) -> HttpResponse:
    """The latest comparison of our books with Fluents."""
    run = Reconciliation.objects.order_by("-pk").first()
    context = {"run": run, "running": bool(run and not run.finished_at)}
    return render_partial(request, "numbers/reconcile.html", context, partial="differences")


@require_POST
def reconcile_start(request: HttpRequest) -> HttpResponse:
    """Ask the worker to compare books and Fluents."""
    reconciling.ask(by=By.person(request.user, request.id))
    return redirect("reconcile")


@require_POST
def acknowledge(request: HttpRequest, e164: str) -> HttpResponse:
    """A person has seen that a number is ours although its line ended without it."""
    number = get_object_or_404(Number, e164=e164)
    reconciling.acknowledge(
        number=number, by=By.person(request.user, request.id), reason="Seen, and kept as a number of ours."
    )
    messages.success(request, f"{number} is kept. It is not reported again.")
    return redirect("reconcile")
