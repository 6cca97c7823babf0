"""A plan made of what was chosen in the list of numbers."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dashboard.htmx import Request
from numbers.forms.numbers import BulkForm
from numbers.listing.query import Query
from numbers.services.audit.events import Actor
from numbers.services.plans import lifecycle


@require_POST
def plan_new(request: Request) -> HttpResponse:
    """Work out what a bulk change of the list would do, and show it."""
    query = Query.of(request.POST.get("query", "")[:4000])
    form = BulkForm(request.POST)
    numbers = query.chosen(request.POST)
    if numbers is None:
        messages.error(request, "Select numbers first, then choose what to do.")
        return redirect(query)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect(query)
    try:
        plan = lifecycle.plan_change(
            by=Actor.person(request.user, request.id),
            numbers=numbers,
            changes=form.changes(),
            reason=form.cleaned_data["reason"],
        )
    except lifecycle.CannotChange as error:
        messages.error(request, str(error))
        return redirect(query)
    return redirect(plan)
