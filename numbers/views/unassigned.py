"""The queue of numbers that nobody answers: one key assigns the first and moves on."""

from datetime import datetime
from decimal import Decimal
from math import ceil

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from dashboard.htmx import Request, render_partial, tell
from numbers.currencies import priced
from numbers.db.pagination import Ordering, page_of
from numbers.forms.numbers import AssignForm, agent_names
from numbers.listing.filter_options import MOST
from numbers.listing.number import will_answer
from numbers.listing.page import FIELDS, prepared, waiting
from numbers.models import Agent, Number
from numbers.services.audit.events import Actor
from numbers.services.monitoring.statistics import by_agent
from numbers.services.orders.prices import PriceTable, price_table
from numbers.services.plans.lifecycle import CannotChange, assign

OLDEST_FIRST = Ordering(down=False)
MONTH = 30.44  # days
KEYS = 9
SHOWN = 20
CAP = 1000


@require_safe
def unassigned(request: Request) -> HttpResponse:
    """Numbers that nobody answers, oldest first, with what they have cost so far."""
    return render_partial(request, "numbers/unassigned.html", queue(request), partial="queue")


@require_POST
def assign_next(request: Request) -> HttpResponse:
    """Assign the number at hand and show the one after it."""
    number = Number.objects.filter(e164=request.POST.get("number", "")[:20]).first()
    form = AssignForm(request.POST)
    error, plan = "This number isn't in our records.", None
    if number and form.is_valid():
        agent = form.cleaned_data["agent"]
        try:
            plan = assign(by=Actor.person(request.user, request.id), number=number, agent=agent, seen="")
        except CannotChange as refused:
            error = str(refused)
    elif number:
        error = " ".join(map(str, form.errors.get("agent", ["Choose an agent."])))
    said = will_answer(plan.rows.get()) if plan else ""
    if not request.htmx:
        if plan:
            messages.success(request, said, extra_tags=str(plan.pk))
        return redirect(reverse("unassigned") + (f"?at={number.pk}" if number and not plan else ""))
    context = queue(request, at=number.pk if number and not plan else None)
    context |= {"error": "" if plan else error, "done": said}
    status = 200 if plan else 422
    response = render(request, "numbers/unassigned.html#queue", context, status=status)
    return tell(response, said, undo=reverse("plan-take-back", args=[plan.pk])) if plan else response


def queue(request: Request, at: int | None = None) -> dict:
    """What the page shows: from the number with the id `at` on, else from the oldest."""
    numbers = waiting(Number.objects.unassigned())
    asked = request.GET.get("at", "")
    if at is None and asked.isascii() and asked.isdigit() and len(asked) < 19:
        at = int(asked)
    rows = numbers.values(*FIELDS, "created_at", "connection_id")
    begin = rows.filter(pk__gte=at) if at else rows
    page = page_of(begin, params={}, size=SHOWN, order=OLDEST_FIRST)
    prices = price_table()
    now = timezone.now()
    ready = prepared(page.rows, user=request.user)
    agents = list(Agent.objects.filter(gone_at=None)[:MOST])
    count = Number.objects.unassigned().order_by()[: CAP + 1].count()  # as the inbox and the list count
    return {
        "rows": [
            {"row": row, **age_and_cost(values, prices, now)}
            for row, values in zip(ready, page.rows, strict=True)
        ],
        "older": page.older,
        "skipped": at is not None,
        "count": count,
        "changing": max(0, count - numbers.order_by()[: CAP + 1].count()),
        "capped": count > CAP,
        "cap": CAP,
        "monthly": "" if count > CAP else monthly_cost(numbers, prices),
        "favourites": favourites(agents),
        "agents": agents,
        "agent_names": agent_names(agents),
    }


def favourites(agents: list[Agent]) -> list[tuple[int, Agent]]:
    """The agents that answer most numbers, by name, with the key of each."""
    most, _ = by_agent()
    chosen = sorted(agents, key=lambda agent: -most.get(agent.pk, 0))[:KEYS]
    return list(enumerate(sorted(chosen, key=lambda agent: (str(agent).casefold(), agent.pk)), start=1))


def age_and_cost(values: dict, prices: PriceTable, now: datetime) -> dict:
    """Since when a number is ours, and what it has cost so far: each month begun counts."""
    since = values["bought_at"] or values["created_at"]
    price = prices.find(values["telephony_provider"], values["connection_id"])
    months = max(1, ceil((now - since).days / MONTH))
    return {"since": since, "cost": priced(price.monthly * months, price.currency) if price else ""}


def monthly_cost(numbers, prices: PriceTable) -> str:
    """What all of `numbers` cost a month, as far as our prices tell; a sum for each currency."""
    groups = numbers.order_by().values_list("telephony_provider", "connection").annotate(Count("pk"))
    sums: dict[str, Decimal] = {}
    for provider, connection, count in groups:
        if price := prices.find(provider, connection):
            sums[price.currency] = sums.get(price.currency, Decimal(0)) + price.monthly * count
    return " + ".join(priced(amount, currency) for currency, amount in sorted(sums.items()))
