"""The history of everything: found, read and taken away, never changed."""

from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.utils.timezone import make_aware
from django.views.decorators.http import require_safe

from dashboard.htmx import HtmxHttpRequest, render_partial

from ..forms import ITSELF, ActivityForm
from ..models import Agent, Event, Number, PlanRow
from ..paging import page_of
from ..templatetags.lines import EVENTS, event_sentence
from .exchange import as_csv, as_json

RELATED = ["order", "line", "number", "plan"]
COLUMNS = [
    "at",
    "who",
    "action",
    "what",
    "number",
    "order",
    "line",
    "plan",
    "before",
    "after",
    "reason",
    "request_id",
    "address",
]
GROUPS = {
    "order": "Orders",
    "line": "Lines",
    "number": "Numbers",
    "plan": "Plans",
    "agent": "Agents",
    "gate": "The gate",
    "sync": "Syncs",
    "books": "Comparisons of the books",
    "access": "Log-ins and refusals",
    "account": "Accounts and groups",
    "price": "Prices",
}


@require_safe
def activity(request: HtmxHttpRequest) -> HttpResponse:
    """The history, newest first, as far as the filter lets it through."""
    people = list(get_user_model().objects.order_by("username").values_list("username", flat=True)[:200])
    form = ActivityForm(request.GET, people=people)
    page = page_of(found(form).select_related(*RELATED), params=request.GET)
    context = {
        "form": form,
        "page": page,
        "filtered": form.is_filled,
        "agent_names": agent_names(page),
        "days": {name: (form.cleaned_data.get(name) and form.data[name]) or "" for name in ("from", "to")},
        "event_groups": GROUPS.items(),
        "event_names": [(name, words) for name, (_, _, words) in EVENTS.items()],
    }
    return render_partial(request, "numbers/activity.html", context, partial="events")


@require_safe
def activity_csv(request: HtmxHttpRequest) -> StreamingHttpResponse:
    """The events of the filter as CSV, newest first."""
    return as_csv(event_rows(found(ActivityForm(request.GET))), COLUMNS, "activity.csv")


@require_safe
def activity_json(request: HtmxHttpRequest) -> StreamingHttpResponse:
    """The events of the filter as a JSON list, newest first."""
    return as_json(event_rows(found(ActivityForm(request.GET))), "activity.json")


def found(form: ActivityForm) -> QuerySet[Event]:
    """The events that FORM asks for; what is mistyped there is left out."""
    form.is_valid()
    asked = form.cleaned_data
    events = Event.objects.all()
    if action := asked.get("action"):
        events = (
            events.filter(action=action) if "." in action else events.filter(action__startswith=f"{action}.")
        )
    if person := asked.get("person"):
        events = events.filter(actor_name="" if person == ITSELF else person)
    if digits := asked.get("number"):
        events = events.filter(Q(number__e164__contains=digits) | Q(line__phone_number__contains=digits))
    if order := asked.get("order"):
        events = events.filter(order_id=order)
    if plan := asked.get("plan"):
        events = events.filter(plan_id=plan)
    if day := asked.get("from"):
        events = events.filter(at__gte=midnight(day))
    if day := asked.get("to"):
        events = events.filter(at__lt=midnight(day) + timedelta(days=1))
    if text := asked.get("q"):
        events = events.filter(Q(reason__icontains=text) | Q(request_id=text) | Q(actor_name__icontains=text))
    return events


def midnight(day) -> datetime:
    return make_aware(datetime.combine(day, time.min))


def event_rows(events: QuerySet[Event]) -> Iterator[dict]:
    """One dict an event, read in portions."""
    for event in events.select_related(*RELATED).order_by("-pk").iterator(chunk_size=1000):
        yield {
            "at": event.at.isoformat(),
            "who": event.actor_name or None,
            "action": event.action,
            "what": event_sentence(event),
            "number": event.number.e164 if event.number else None,
            "order": event.order_id,
            "line": event.line.position if event.line else None,
            "plan": event.plan_id,
            "before": event.before or None,
            "after": event.after or None,
            "reason": event.reason or None,
            "request_id": event.request_id or None,
            "address": event.address or None,
        }


def agent_names(*many: Iterable) -> dict[str, str]:
    """The names of all agents that events, rows of plans or differing numbers speak of, by their ids."""
    keys = {key for rows in many for row in rows for key in agents_in(row)}
    if not (keys := {key for key in keys if key and isinstance(key, str)}):
        return {}
    return {agent.api_id: str(agent) for agent in Agent.objects.filter(api_id__in=keys)}


def agents_in(row: Event | PlanRow | Number) -> list:
    """The ids of agents in ROW's values."""
    if isinstance(row, Number):
        return list(row.drift.get("agent", {}).values())
    return [values.get("agent") for values in (row.before, row.after) if isinstance(values, dict)]
