"""One number: its facts, what may be changed about it, and all that happened to it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from dashboard.htmx import Request, render_partial
from numbers.forms import line_proofs
from numbers.forms.numbers import NumberForm
from numbers.listing.number import everything, shown, will_answer
from numbers.models import Number, Plan
from numbers.services.audit.events import Actor
from numbers.services.errors import NotDone
from numbers.services.plans.lifecycle import change_now, values_of
from numbers.states import RowState


@require_http_methods(["GET", "HEAD", "POST"])
def number_detail(request: Request, e164: str) -> HttpResponse:
    """One number; a POST changes it."""
    number = get_object_or_404(shown(), e164=e164)
    form = NumberForm(request.POST if request.method == "POST" else None, values=values_of(number))
    if form.is_bound and form.is_valid() and (plan := change(request, number, form)):
        messages.success(request, will_answer(plan.rows.get()), extra_tags=str(plan.pk))
        return redirect(number)
    context = {"number": number, "form": form, **everything(number, params=request.GET)}
    context["proving"] = line_proofs.offered(request.user, request.POST)
    status = 422 if form.errors else 200
    return render_partial(request, "numbers/numbers/detail.html", context, partial="events", status=status)


def change(request: Request, number: Number, form: NumberForm) -> Plan | None:
    """Carry out what `form` says; if that cannot be, `form` says why."""
    if not form.changes:
        form.add_error(None, "No changes to save.")
        return None
    by = Actor.person(request.user, request.id)
    try:
        probe = line_proofs.chosen_line(request.POST)
        plan = change_now(by=by, number=number, changes=form.changes, seen=form.stored, probe=probe)
    except NotDone as error:
        form.add_error(None, str(error))
        return None
    row = plan.rows.get()
    if row.state == RowState.SKIPPED:
        form.add_error(None, f"Nothing was changed. {row.reason}")
        return None
    return plan
