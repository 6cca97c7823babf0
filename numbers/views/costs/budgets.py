"""The monthly budget of a tag."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dashboard.accounts.views import freshly
from dashboard.htmx import Request
from numbers.forms.costs import BudgetForm
from numbers.services.audit.events import Actor
from numbers.services.orders.budgets import WrongBudget, set_budget


@require_POST
@freshly
def budget_set(request: Request) -> HttpResponse:
    """Set or remove what the lines with a tag may cost a month."""
    form = BudgetForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect("costs")
    tag, amount = form.cleaned_data["tag"], form.cleaned_data["amount"]
    try:
        set_budget(by=Actor.person(request.user, request.id), tag=tag, amount=amount)
    except WrongBudget as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Budget for “{tag}” {'removed' if amount is None else 'saved'}.")
    return redirect("costs")
