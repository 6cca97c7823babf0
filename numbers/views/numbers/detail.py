"""One number: its facts, what may be changed about it, and all that happened to it."""

from datetime import timedelta

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRefresh

from dashboard.htmx import HtmxHttpRequest, render_partial

from ..areas import area_of
from ..forms import NumberForm
from ..models import Event, Number, PlanRow
from ..paging import page_of
from ..services.changing import CannotChange, change_now, values_of
from ..services.history import By
from ..services.placing import price_of
from ..states import AWAY, OPEN_ROWS, RowState
from .history import agent_names

ROWS = 10  # changes spelled out; the history has the rest
NEWS = timedelta(minutes=2)  # for how long an outcome stands on top of the page


@require_http_methods(["GET", "HEAD", "POST"])
def number_detail(request: HtmxHttpRequest, e164: str) -> HttpResponse:
    """One number; a POST changes it."""
    numbers = Number.objects.select_related("agent", "connection").prefetch_related("tags")
    number = get_object_or_404(numbers, e164=e164)
    form = NumberForm(request.POST if request.method == "POST" else None, values=values_of(number))
    if form.is_bound and form.is_valid() and change(request, number, form):
        return redirect(number)
    context = {"number": number, "form": form, **about(number), **under_way(number)}
    if request.htmx.target == "changing" and not context["moving"]:
        return HttpResponseClientRefresh()  # what was changed stands all over the page
    if request.htmx.target == "changing" and request.GET.get("seen") == context["version"]:
        return HttpResponse(status=204)
    lines = context["lines"]
    events = Event.objects.filter(Q(number=number) | Q(line__in=lines))
    events = events.select_related("order", "line", "number", "plan")
    context["page"] = page_of(events, params=request.GET, size=25)
    context["agent_names"] = agent_names(context["page"], context["rows"])
    status = 422 if form.errors else 200
    return render_partial(request, "numbers/number.html", context, partial="events", status=status)


def change(request: HtmxHttpRequest, number: Number, form: NumberForm) -> bool:
    """Carry out what FORM says; if that cannot be, FORM says why."""
    if not form.changes:
        form.add_error(None, "Nothing is different, so nothing was changed.")
        return False
    by = By.person(request.user, request.id)
    try:
        plan = change_now(by=by, number=number, changes=form.changes, seen=form.seen)
    except CannotChange as error:
        form.add_error(None, str(error))
        return False
    row = plan.rows.get()
    if row.state == RowState.SKIPPED:
        form.add_error(None, f"Nothing was changed. {row.reason}")
    return row.state != RowState.SKIPPED


def about(number: Number) -> dict:
    """What is known of NUMBER beside its own row."""
    connection = number.connection.api_id if number.connection else ""
    price = price_of(telephony_provider=number.telephony_provider, telephony_account_connection=connection)
    return {
        "area": area_of(number.e164),
        "away": number.status in AWAY,
        "agent_dead": number.agent and number.agent.gone_at,
        "lines": list(number.lines.select_related("order")),
        "price": price,
    }


def under_way(number: Number) -> dict:
    """The latest changes by plans; `moving` those that a worker has in hand, `news` what just ended."""
    rows = list(
        PlanRow.objects.filter(number=number, plan__applied_at__isnull=False)
        .select_related("plan")
        .order_by("-pk")[:ROWS]
    )
    moving = [row for row in rows if row.state in OPEN_ROWS]
    last = rows[0] if rows and not moving else None
    return {
        "rows": rows,
        "moving": moving,
        "news": last if last and last.changed_at > timezone.now() - NEWS else None,
        "version": ".".join(f"{row.pk}-{row.state}-{row.waits}" for row in moving),
    }
