"""The gate: what stops buying, who has to report, and what has to be explained before it continues."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from dashboard.accounts.views import confirm_first
from dashboard.htmx import Request
from numbers.forms.gate import AcceptForm, BaselineForm, ExplainForm, RetireForm, SwitchForm
from numbers.listing.history import Asked
from numbers.middleware import demand
from numbers.models import Line, SyncState
from numbers.permissions import Right, roles_in_words
from numbers.services.audit.events import Actor
from numbers.services.inventory import account
from numbers.services.inventory.holds import accept_baseline, area_holders, baseline
from numbers.services.inventory.sync_requests import CannotAsk, ask_for_sync
from numbers.services.purchasing.attribution import CannotAttribute, explain
from numbers.services.spending import registry
from numbers.services.spending.gate import NotOpened, open_gate, pause
from numbers.states import PUT_OFF, LineState
from numbers.templatetags.events import EVENTS
from numbers.templatetags.ui import plural

SHOWN = [name for name in EVENTS if name.startswith(("gate.", "journal.", "baseline."))]
FORMS = {
    "switch": SwitchForm,
    "accept": AcceptForm,
    "retire": RetireForm,
    "explain": ExplainForm,
    "baseline": BaselineForm,
}


@require_safe
def gate(request: Request) -> HttpResponse:
    """Whether lines may be sent now, why not, and the switch."""
    return gate_page(request)


def gate_page(request: Request, **bound) -> HttpResponse:
    """The page with all of its forms, of which `bound` holds the one that was sent and is not right."""
    context = {
        **{name: bound.get(name) or form() for name, form in FORMS.items()},
        "doubt": SyncState.objects.get().doubt,
        "may_stop": roles_in_words(Right.STOP),
        "may_open": roles_in_words(Right.OPEN),
        "sending": Line.objects.filter(state=LineState.SENDING).count(),
        "waiting": Line.objects.filter(
            state__in=[LineState.PLANNED, LineState.RESERVED], due_at__lt=PUT_OFF
        ).count(),
        "journals": registry.in_use(),
        "missing": registry.missing(),
        "held": area_holders().count(),
        "unaccepted": baseline().count(),
        "events": Asked(actions=SHOWN).first(20),
    }
    return render(request, "numbers/gate.html", context, status=422 if bound else 200)


@require_POST
def gate_switch(request: Request) -> HttpResponse:
    """Pause buying, or let it go on; either with a reason."""
    form = SwitchForm(request.POST)
    if not form.is_valid():
        return gate_page(request, switch=form)
    by, reason = Actor.person(request.user, request.id), form.cleaned_data["reason"]
    if request.POST.get("to") != "open":
        pause(by=by, reason=reason)
        messages.success(request, "Buying is paused. Purchases already sent are still checked.")
        return redirect("gate")
    demand(request, Right.OPEN)
    confirm_first(request)
    try:
        open_gate(by=by, reason=reason, without=form.cleaned_data["without"])
    except NotOpened as error:
        form.add_error(None, str(error))
        return gate_page(request, switch=form)
    messages.success(request, "Buying has resumed.")
    return redirect("gate")


@require_POST
def gate_retire(request: Request) -> HttpResponse:
    """End a send journal for good."""
    form = RetireForm(request.POST)
    if not form.is_valid():
        return gate_page(request, retire=form)
    confirm_first(request)
    by, name = Actor.person(request.user, request.id), form.cleaned_data["journal"]
    registry.retire(name=name, by=by, reason=form.cleaned_data["reason"])
    messages.success(request, f"{name} is retired.")
    return redirect("gate")


@require_POST
def gate_explain(request: Request) -> HttpResponse:
    """Say where numbers came from that hold lines."""
    form = ExplainForm(request.POST)
    if not form.is_valid():
        return gate_page(request, explain=form)
    confirm_first(request)
    by, decided = Actor.person(request.user, request.id), list(form.decided())
    try:
        explain(decided=decided, by=by, reason=form.cleaned_data["reason"])
    except CannotAttribute as error:
        form.add_error(None, str(error))
        return gate_page(request, explain=form)
    messages.success(request, f"{plural(len(decided), 'number')} decided. Waiting lines resume.")
    return redirect("gate")


@require_POST
def gate_baseline(request: Request) -> HttpResponse:
    """Accept in one act the numbers that were there at the first reading."""
    form = BaselineForm(request.POST)
    if not form.is_valid():
        return gate_page(request, baseline=form)
    confirm_first(request)
    count = accept_baseline(by=Actor.person(request.user, request.id), reason=form.cleaned_data["reason"])
    messages.success(request, f"{plural(count, 'number')} accepted as existing numbers.")
    return redirect("gate")


@require_POST
def gate_accept(request: Request) -> HttpResponse:
    """Accept what the last sync has asked about: another account, or many numbers that are gone."""
    form = AcceptForm(request.POST)
    if not form.is_valid():
        return gate_page(request, accept=form)
    confirm_first(request)
    by = Actor.person(request.user, request.id)
    try:
        account.accept(by=by, reason=form.cleaned_data["reason"])
        ask_for_sync()  # by the product: people who may accept need not be allowed to sync
    except (account.NothingToAccept, CannotAsk) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Accepted. Syncing with Fluents. Resume buying when it's done.")
    return redirect("gate")
