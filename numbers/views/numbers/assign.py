"""Choosing who answers one number, in its row."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from dashboard.htmx import Request, render_partial, tell
from dashboard.redirects import safe_path
from numbers.forms import line_proofs
from numbers.forms.numbers import AssignForm, agent_names
from numbers.listing.filter_options import MOST
from numbers.listing.number import will_answer
from numbers.models import Agent, Number, Plan
from numbers.services.audit.events import Actor
from numbers.services.errors import NotDone
from numbers.services.plans.lifecycle import assign


@require_http_methods(["GET", "HEAD", "POST"])
def number_assign(request: Request, e164: str) -> HttpResponse:
    """Say who answers one number; a worker tells Fluents, and the row follows."""
    number = get_object_or_404(Number.objects.select_related("agent"), e164=e164)
    seen = number.agent.api_id if number.agent else ""
    form = AssignForm(request.POST or None, initial={"seen": seen})
    back = safe_path(
        request.POST.get("next") or request.GET.get("next", ""), otherwise=number.get_absolute_url()
    )
    if request.method == "POST" and form.is_valid():
        try:
            probe = line_proofs.chosen_line(request.POST)
            by = Actor.person(request.user, request.id)
            plan = assign(by=by, number=number, probe=probe, **form.cleaned_data)
        except NotDone as error:
            form.add_error("agent", str(error))
        else:
            return assigned(request, plan, number, back)
        now = Number.objects.select_related("agent").get(pk=number.pk).agent
        shown = request.POST.copy()
        shown["seen"] = now.api_id if now else ""  # what the person sees from here on
        form.data = shown
    context = {"number": number, "form": form, "next": back}
    context["proving"] = line_proofs.offered(request.user, request.POST)
    if not request.htmx:
        context["agent_names"] = agent_names(Agent.objects.filter(gone_at=None)[:MOST])
    status = 422 if form.is_bound else 200
    return render_partial(request, "numbers/numbers/assign.html", context, partial="assign", status=status)


def assigned(request: Request, plan: Plan, number: Number, back: str) -> HttpResponse:
    """Say what will be, with the way back; the list that shows `number` reads its row again."""
    said = will_answer(plan.rows.get())
    if not request.htmx:
        messages.success(request, said, extra_tags=str(plan.pk))
        return redirect(back)
    return trigger_client_event(
        tell(HttpResponse(status=204), said, undo=reverse("plan-take-back", args=[plan.pk])), "changed"
    )
