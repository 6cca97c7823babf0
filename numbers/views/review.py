"""The review desk: lines whose outcome people must decide, with the evidence."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.htmx import Request
from numbers.db.pagination import page_of
from numbers.fluents import FluentsError
from numbers.forms.review import DecisionForm
from numbers.models import Line
from numbers.services.audit.events import Actor
from numbers.services.errors import reason_of
from numbers.services.purchasing.review import (
    CannotDecide,
    ask_to_look,
    candidates,
    close,
    decided,
    was_bought,
    was_not_bought,
)
from numbers.states import LineState


@require_safe
def review(request: Request) -> HttpResponse:
    """Every line that waits for a decision."""
    lines = Line.objects.filter(state=LineState.REVIEW).select_related("order", "connection", "agent")
    return render(request, "numbers/review/list.html", {"page": page_of(lines, params=request.GET)})


@require_http_methods(["GET", "HEAD", "POST"])
def review_line(request: Request, pk: int) -> HttpResponse:
    """One line: what was sent, what was seen since, and the three things that may be decided."""
    line = get_object_or_404(Line.objects.select_related("order", "connection", "agent"), pk=pk)
    form = DecisionForm(request.POST or None, line=line, use=request.GET.get("use", ""))
    if request.method == "POST" and form.is_valid():
        try:
            settled = decide(line, form, Actor.person(request.user, request.id))
        except (CannotDecide, FluentsError) as error:
            form.add_error(None, reason_of(error))
        else:
            messages.success(request, f"Line {line.position}: {settled.get_state_display().lower()}.")
            return redirect(line.order)
    context = {
        "line": line,
        "form": form,
        "attempts": line.attempts.order_by("n"),
        "looks": line.look_ups.order_by("-id")[:50],
        "candidates": candidates(line),
        "decision": decided(line) if line.state != LineState.REVIEW else None,
        "events": line.events.select_related("order", "line", "number").order_by("-pk")[:100],
    }
    return render(request, "numbers/review/detail.html", context, status=422 if form.errors else 200)


def decide(line: Line, form: DecisionForm, by: Actor) -> Line:
    """Carry out what `form` says."""
    data = form.cleaned_data
    reason = data["reason"]
    if data["decision"] == form.BOUGHT:
        return was_bought(line_id=line.pk, phone_number=data["phone_number"], by=by, reason=reason)
    if data["decision"] == form.AGAIN:
        return was_not_bought(line_id=line.pk, by=by, reason=reason)
    return close(line_id=line.pk, by=by, reason=reason)


@require_POST
def review_look(request: Request, pk: int) -> HttpResponse:
    """Ask the worker to look the line up once more."""
    line = get_object_or_404(Line, pk=pk, state=LineState.REVIEW)
    ask_to_look(line)
    messages.info(request, "Checking with Fluents. Reload the page in a moment for the result.")
    return redirect("review-line", pk=pk)
