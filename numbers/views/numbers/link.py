"""Using a number that a connection holds already."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from dashboard.htmx import Request
from numbers.fluents import FluentsError
from numbers.forms.numbers import LinkForm
from numbers.services.audit.events import Actor
from numbers.services.errors import reason_of
from numbers.services.plans.lifecycle import CannotChange
from numbers.services.plans.release import link_number


@require_http_methods(["GET", "HEAD", "POST"])
def number_link(request: Request) -> HttpResponse:
    """Start using a number that a connection already has."""
    sent = request.POST if request.method == "POST" else None
    form = LinkForm(sent, initial={"phone_number": request.GET.get("phone_number", "")[:40]})
    if form.is_bound and form.is_valid():
        data = form.cleaned_data
        try:
            number = link_number(
                by=Actor.person(request.user, request.id),
                phone_number=data["phone_number"],
                connection=data["telephony_account_connection"],
                agent=data["inbound_agent"],
            )
        except (CannotChange, FluentsError) as error:
            form.add_error(None, reason_of(error))
        else:
            who = f"{number.agent} answers it." if number.agent else "It's unassigned."
            messages.success(request, f"Linked {number}. {who}")
            return redirect(number)
    return render(request, "numbers/numbers/link.html", {"form": form}, status=422 if form.errors else 200)
