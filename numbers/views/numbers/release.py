"""Numbers that are given up for good, and numbers that a connection holds already."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from dashboard.accounts.views import freshly
from dashboard.htmx import Request
from numbers.forms.numbers import GiveUpForm
from numbers.listing.number import about, under_way
from numbers.models import Number
from numbers.services.audit.events import Actor
from numbers.services.calls.knowledge import knowledge
from numbers.services.plans.lifecycle import CannotChange, apply_plan, plan_change
from numbers.states import Act, RowState
from numbers.telephony.phone import pretty


@require_http_methods(["GET", "HEAD", "POST"])
@freshly
def number_release(request: Request, e164: str) -> HttpResponse:
    """Give the number up: Fluents and the provider drop it."""
    return give_up(request, e164, Act.RELEASE)


@require_http_methods(["GET", "HEAD", "POST"])
@freshly
def number_detach(request: Request, e164: str) -> HttpResponse:
    """Take the number away from Fluents; the connection keeps it."""
    return give_up(request, e164, Act.DETACH)


def give_up(request: Request, e164: str, act: Act) -> HttpResponse:
    number = get_object_or_404(Number.objects.select_related("agent", "connection"), e164=e164)
    form = GiveUpForm(request.POST if request.method == "POST" else None, e164=e164)
    if form.is_bound and form.is_valid() and carry_out(request, number, act, form):
        return redirect(number)
    context = {
        "number": number,
        "act": act,
        "form": form,
        "last": number.events.order_by("-pk").first(),
        **about(number),
        **under_way(number),
        "calls": knowledge(),
    }
    return render(request, "numbers/numbers/release.html", context, status=422 if form.errors else 200)


def carry_out(request: Request, number: Number, act: Act, form: GiveUpForm) -> bool:
    """Make a plan of one row and apply it; where the row cannot be, `form` says why."""
    by = Actor.person(request.user, request.id)
    title = f"{act.label} {pretty(number.e164)}"
    try:
        plan = plan_change(
            by=by, numbers=Number.objects.filter(pk=number.pk), changes={}, title=title, act=act
        )
    except CannotChange as error:
        form.add_error(None, str(error))
        return False
    row = plan.rows.get()
    if row.state == RowState.SKIPPED:
        form.add_error(None, row.reason)
        return False
    apply_plan(plan_id=plan.pk, by=by)
    return True
