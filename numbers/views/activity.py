"""The history of everything: found, read and taken away, never changed."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.timezone import make_aware
from django.views.decorators.http import require_safe

from dashboard.htmx import Request, render_partial
from numbers.db.pagination import NEWEST_FIRST
from numbers.forms.filters import ITSELF, ActivityForm
from numbers.listing.downloads import as_csv, as_json
from numbers.listing.history import APPLIED, BY_TIME, RELATED, Asked, Entry, about, entries, holding
from numbers.models import Event
from numbers.services.inventory.event_agents import agent_names
from numbers.templatetags.events import EVENTS, event_sentence

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
    "plan": "Changes",
    "agent": "Agents",
    "gate": "Buying",
    "sync": "Syncs",
    "books": "Comparisons with Fluents",
    "access": "Logins and denials",
    "account": "Accounts and roles",
    "price": "Prices",
    "budget": "Budgets",
    "invoice": "Invoices",
    "alarm": "Alarms",
}


@require_safe
def activity(request: Request) -> HttpResponse:
    """The history, newest first, as far as the filter lets it through; a bulk change is one entry."""
    if response := unfolded(request):
        return response
    people = list(get_user_model().objects.order_by("username").values_list("username", flat=True)[:200])
    form = ActivityForm(request.GET, people=people)
    page = found(form).page(request.GET)
    shown = entries(page) if form.is_whole else [Entry(event=event) for event in page]
    context = {
        "form": form,
        "page": page,
        "entries": shown,
        "filtered": form.is_filled,
        "agent_names": agent_names(page, [entry.row for entry in shown if entry.row]),
        "days": form.days,
        "event_groups": GROUPS.items(),
        "event_names": [(name, words) for name, (_, _, words) in EVENTS.items()],
    }
    return render_partial(request, "numbers/activity.html", context, partial="events")


def unfolded(request: Request) -> HttpResponse | None:
    """The entry of a plan that htmx asks for: with a page of what happened to its numbers, or without."""
    key = NEWEST_FIRST.read(request.GET.get("entry"))
    if not key or not request.htmx or request.htmx.target != f"entry-{key[0]}":
        return None
    event = get_object_or_404(Event.objects.select_related("plan"), pk=key[0], action=APPLIED)
    rows = Asked(events=Event.objects.filter(plan=event.plan_id).exclude(pk=event.pk))
    page = rows.page(request.GET) if request.GET.get("plan") else None
    context = {
        "entry": Entry(event=event, plan=event.plan),
        "rows": page,
        "agent_names": agent_names(page or ()),
    }
    return render(request, "numbers/activity.html#entry", context)


@require_safe
def activity_csv(request: Request) -> StreamingHttpResponse:
    """The events of the filter as CSV, newest first."""
    return as_csv(event_rows(found(ActivityForm(request.GET)).all), COLUMNS, "activity.csv")


@require_safe
def activity_json(request: Request) -> StreamingHttpResponse:
    """The events of the filter as a JSON list, newest first."""
    return as_json(event_rows(found(ActivityForm(request.GET)).all), "activity.json")


def found(form: ActivityForm) -> Asked:
    """The events that `form` asks for; what is mistyped there is left out."""
    form.is_valid()
    asked = form.cleaned_data
    events, far, days = Event.objects.all(), False, 0
    for name in ("order", "plan"):
        if key := asked.get(name):
            events = events.filter(**{f"{name}_id": key})
    if person := asked.get("person"):
        events = events.filter(actor_name="" if person == ITSELF else person)
    if digits := asked.get("number"):
        keys = about(digits)
        events, far = events.filter(keys or holding(digits)), keys is None
    for name, later in {"from__gte": 0, "to__lt": 1}.items():
        name, _, side = name.partition("__")
        if day := asked.get(name):
            events = events.filter(**{f"at__{side}": midnight(day) + timedelta(days=later)})
            days += 1
    if text := asked.get("q"):
        held, by_id = told(text)
        events, far = events.filter(held), far or not by_id
    far = far and not (asked.get("order") or asked.get("plan"))
    return Asked(
        events=events,
        actions=actions_of(asked.get("action")),
        order=BY_TIME if days or (person and form.is_whole) else NEWEST_FIRST,
        far=far,
        folded=form.is_whole,
    )


def told(text: str) -> tuple[Q, bool]:
    """Events that hold `text`; and whether it is a request id, to which the index leads."""
    by_id = ~Q(request_id="") & Q(request_id=text)
    if Event.objects.filter(by_id).exists():
        return by_id, True
    return Q(reason__icontains=text) | Q(actor_name__icontains=text), False


def actions_of(action: str | None) -> list[str]:
    """What an `action`, or a group of some, stands for."""
    if not action or "." in action:
        return [action] if action else []
    return [name for name in EVENTS if name.startswith(f"{action}.")] or [action]


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
