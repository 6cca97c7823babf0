"""The review desk: lines whose outcome people must decide, with the evidence."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ..fluents import FluentsError
from ..forms import DecisionForm
from ..models import Line
from ..paging import page_of
from ..phone import pretty
from ..services import reviewing
from ..services.history import By
from ..states import LineState
from ..tasks import look_again


@require_safe
def review(request: HttpRequest) -> HttpResponse:
    """Every line that waits for a decision."""
    lines = Line.objects.filter(state=LineState.REVIEW).select_related("order", "connection", "agent")
    return render(request, "numbers/review.html", {"page": page_of(lines, params=request.GET)})


@require_http_methods(["GET", "HEAD", "POST"])
def review_line(request: HttpRequest, pk: int) -> HttpResponse:
    """One line: what was sent, what was seen since, and the three things that may be decided."""
    line = get_object_or_404(Line.objects.select_related("order", "connection", "agent"), pk=pk)
    form = DecisionForm(request.POST or None, initial={"phone_number": pretty(line.phone_number)})
    if request.method == "POST" and form.is_valid():
        try:
            decided = decide(line, form, By.person(request.user, request.id))
        except (reviewing.CannotDecide, FluentsError) as error:
            form.add_error(None, error.user_message if isinstance(error, FluentsError) else str(error))
        else:
            messages.success(request, f"Line {line.position}: {decided.get_state_display().lower()}.")
            return redirect(line.order)
    context = {
        "line": line,
        "form": form,
        "attempts": line.attempts.order_by("n"),
        "looks": line.look_ups.order_by("-id")[:50],
        "candidates": reviewing.candidates(line),
        "events": line.events.select_related("order", "line", "number").order_by("-pk")[:100],
    }
    return render(request, "numbers/review_line.html", context, status=422 if form.errors else 200)


def decide(line: Line, form: DecisionForm, by: By) -> Line:
    """Carry out what FORM says."""
    data = form.cleaned_data
    reason = data["reason"]
    if data["decision"] == form.BOUGHT:
        return reviewing.was_bought(line_id=line.pk, phone_number=data["phone_number"], by=by, reason=reason)
    if data["decision"] == form.AGAIN:
        return reviewing.was_not_bought(line_id=line.pk, by=by, reason=reason)
    return reviewing.close(line_id=line.pk, by=by, reason=reason)


@require_POST
def review_look(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask the worker to look the line up once more."""
    line = get_object_or_404(Line, pk=pk, state=LineState.REVIEW)
    look_again.enqueue(line_id=line.pk)
    messages.info(request, "Looking it up at Fluents. The result stands below in a moment: reload the page.")
    return redirect("review-line", pk=pk)
