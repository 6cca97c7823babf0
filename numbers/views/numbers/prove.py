"""Test calls to one number, and the check whether they can be made at all."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from dashboard.accounts.views import freshly
from dashboard.htmx import Request
from numbers import fluents
from numbers.forms import line_proofs
from numbers.forms.numbers import NumberForm, ProveForm
from numbers.listing.number import everything, shown
from numbers.models import Number
from numbers.services.audit.events import Actor
from numbers.services.calls.endpoint import ask_endpoint
from numbers.services.calls.proofs import ask_for_call
from numbers.services.errors import NotDone, reason_of
from numbers.services.plans.lifecycle import values_of


@require_POST
def number_prove(request: Request, e164: str) -> HttpResponse:
    """Have the number called once from another one."""
    number = get_object_or_404(shown(), e164=e164)
    form = ProveForm(request.POST, number=number)
    if not form.is_valid():
        forms = {"form": NumberForm(values=values_of(number)), "prove_form": form}
        context = {"number": number, **everything(number, params=request.GET), **forms}
        context["proving"] = line_proofs.offered(request.user, {})
        return render(request, "numbers/numbers/detail.html", context, status=422)
    try:
        ask_for_call(by=Actor.person(request.user, request.id), number=number, **form.cleaned_data)
    except NotDone as error:
        messages.error(request, str(error))
    return redirect(number)


@require_POST
@freshly
def number_prove_check(request: Request, e164: str) -> HttpResponse:
    """Ask Fluents whether it places calls; the answer stands on the number's page."""
    number = get_object_or_404(Number, e164=e164)
    try:
        row = ask_endpoint(by=Actor.person(request.user, request.id))
    except (NotDone, fluents.FluentsError) as error:
        messages.error(request, reason_of(error))
    else:
        (messages.success if row.exists else messages.warning)(request, row.said)
    return redirect(number)
