"""The queue of numbers that nobody answers: one key assigns the first and moves on."""

from datetime import datetime
from decimal import Decimal
from math import ceil

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from dashboard.htmx import HtmxHttpRequest, render_partial

from ..amounts import priced
from ..choices import MOST
from ..forms import AssignForm, agent_names
from ..listing import FIELDS, prepared, waiting
from ..models import Agent, Number, Price
from ..paging import Order, page_of
from ..services.counting import by_agent, price_table
from .listing import assign

OLDEST_FIRST = Order(down=False)
MONTH = 30.44  # days
KEYS = 9
SHOWN = 20
CAP = 1000


@require_safe
def unassigned(request: HtmxHttpRequest) -> HttpResponse:
    """Numbers that nobody answers, oldest first, with what they have cost so far."""
    return render_partial(request, "numbers/unassigned.html", queue(request), partial="queue")


@require_POST
def assign_next(request: HtmxHttpRequest) -> HttpResponse:
    """Assign the number at hand and show the one after it."""
    number = Number.objects.filter(e164=request.POST.get("number", "")[:20]).first()
    form = AssignForm(request.POST)
    error, done = "This number is not on our books.", ""
    if number and form.is_valid():
        agent = form.cleaned_data["agent"]
        error = assign(request, number, agent, seen="")
        done = "" if error else number.e164
    elif number:
        error = " ".join(form.errors.get("agent", ["Choose who shall answer."]))
    if not request.htmx:
        at = f"?at={number.pk}" if error and number else ""
        return redirect(reverse("unassigned") + at)
    context = queue(request, at=number.pk if error and number else None)
    context |= {"error": error, "done": done}
    status = 422 if error else 200
    return render(request, "numbers/unassigned.html#queue", context, status=status)


def queue(request: HtmxHttpRequest, at: int | None = None) -> dict:
    """What the page shows: from the number with the id AT on, else from the oldest."""
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
    count = numbers.order_by()[: CAP + 1].count()
    return {
        "rows": [
            {"row": row, **age_and_cost(values, prices, now)}
            for row, values in zip(ready, page.rows, strict=True)
        ],
        "older": page.older,
        "skipped": at is not None,
        "count": count,
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


def price_of(provider: str, connection: int | None, prices: dict) -> Price | None:
    return prices.get((provider, connection), prices.get((provider, None)))


def age_and_cost(values: dict, prices: dict, now: datetime) -> dict:
    """Since when a number is ours, and what it has cost so far: each month begun counts."""
    since = values["bought_at"] or values["created_at"]
    price = price_of(values["telephony_provider"], values["connection_id"], prices)
    months = max(1, ceil((now - since).days / MONTH))
    return {"since": since, "cost": priced(price.monthly * months, price.currency) if price else ""}


def monthly_cost(numbers, prices: dict) -> str:
    """What all of NUMBERS cost a month, as far as our prices tell; a sum for each currency."""
    groups = numbers.order_by().values_list("telephony_provider", "connection").annotate(Count("pk"))
    sums: dict[str, Decimal] = {}
    for provider, connection, count in groups:
        if price := price_of(provider, connection, prices):
            sums[price.currency] = sums.get(price.currency, Decimal(0)) + price.monthly * count
    return " + ".join(priced(amount, currency) for currency, amount in sorted(sums.items()))
