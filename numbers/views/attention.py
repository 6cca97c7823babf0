"""Attention: everything that needs a person, in one inbox with a tab for each kind."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.db.models import Model
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from dashboard.htmx import Request
from numbers.currencies import priced
from numbers.db.pagination import NEWEST_FIRST, Ordering, page_of
from numbers.forms.attention import DAYS, SnoozeForm
from numbers.middleware import demand
from numbers.models import Agent, Line, Number, Order, Plan, Snooze
from numbers.permissions import may, rights_of
from numbers.services.audit.events import Actor
from numbers.services.calls.idle import risks, why_none
from numbers.services.calls.knowledge import Knowledge, knowledge
from numbers.services.monitoring import attention as inbox
from numbers.services.monitoring.statistics import by_agent
from numbers.services.orders.prices import PriceTable, price_table
from numbers.telephony.phone import pretty
from numbers.templatetags.ui import plural

MOST = 1000  # items counted for a tab
Kind = Snooze.Kind
ORDERS = {Kind.IDLE: Ordering(field="quiet_since", down=False, time=True, filled=True)}
EMPTY = {
    Kind.PURCHASES: "A purchase whose outcome we can't confirm waits here for your decision.",
    Kind.APPROVALS: "Orders above a limit wait here until another person approves them.",
    Kind.UNASSIGNED: "A number that no agent answers shows up here.",
    Kind.AGENTS: "An agent that was deleted or renamed in Fluents shows up here while numbers use it.",
    Kind.DIFFERENCES: "A number that differs between Fluents and this dashboard shows up here.",
    Kind.CHANGES: "A change that failed for some numbers shows up here.",
    Kind.IDLE: "A line without a call for {days} days shows up here. New lines are exempt for 30 days.",
}


@require_safe
def attention(request: Request) -> HttpResponse:
    """The items of one tab, oldest problems of a page first in the tab that has some."""
    calls = knowledge()
    counts = tab_counts(request, calls)
    asked = request.GET.get("tab", "")
    tab = (
        Kind(asked) if asked in Kind.values else next((kind for kind in Kind if counts[kind]), Kind.PURCHASES)
    )
    snoozed = request.GET.get("snoozed") == "1"
    found = inbox.snoozed_items(tab, calls) if snoozed else inbox.open_items(tab, calls)
    found = inbox.for_rights(tab, found, rights=rights_of(request.user), user_id=request.user.pk)
    page = page_of(RELATED[tab](found), params=request.GET, order=ORDERS.get(tab, NEWEST_FIRST))
    context = {
        "tabs": [(kind, counts[kind], counts[kind] > MOST) for kind in Kind],
        "tab": tab,
        "snoozed": snoozed,
        "snoozed_count": inbox.snoozed_items(tab, calls).order_by()[:MOST].count(),
        "items": described(tab, page.rows, calls),
        "page": page,
        "may_act": may(request.user, inbox.NEEDS[tab]),
        "empty": EMPTY[tab].format(days=settings.IDLE_DAYS),
        **(about_idle(counts[tab], calls) if tab == Kind.IDLE else {}),
        "days": DAYS,
    }
    return render(request, "numbers/attention.html", context)


def about_idle(count: int, calls: Knowledge) -> dict:
    """What stands above idle lines: why they are not known, or what `count` of them cost a month."""
    cost = inbox.idle_cost(inbox.open_items(Kind.IDLE, calls)) if count <= MOST else {}
    return {"unsure": why_none(calls), "cost": " + ".join(priced(cost[name], name) for name in sorted(cost))}


def tab_counts(request: Request, calls: Knowledge) -> dict[Kind, int]:
    rights, user_id = rights_of(request.user), request.user.pk
    return {
        kind: inbox.for_rights(kind, inbox.open_items(kind, calls), rights=rights, user_id=user_id)
        .order_by()[: MOST + 1]
        .count()
        for kind in Kind
    }


RELATED = {
    Kind.PURCHASES: lambda rows: rows.select_related("order", "connection", "agent"),
    Kind.APPROVALS: lambda rows: rows,
    Kind.UNASSIGNED: lambda rows: rows.select_related("connection"),
    Kind.AGENTS: lambda rows: rows,
    Kind.DIFFERENCES: lambda rows: rows.select_related("connection", "agent"),
    Kind.CHANGES: lambda rows: rows,
    Kind.IDLE: lambda rows: rows.select_related("agent"),
}


def described(tab: Kind, rows: list, calls: Knowledge) -> list[dict]:
    """`rows` of `tab` in words: what it is, what is wrong, since when, what it costs and the next step."""
    pks = [row.pk for row in rows]
    prices, snoozes, since = price_table(), inbox.snoozed(tab, pks), inbox.since(tab, pks)
    answers = by_agent()[0] if tab == Kind.AGENTS else {}
    threats = risks(rows, calls) if tab == Kind.IDLE else {}
    found = []
    for row in rows:
        if tab == Kind.AGENTS:
            words = agent(row, answers.get(row.pk, 0))
        else:
            words = idle(row, threats.get(row.pk, "")) if tab == Kind.IDLE else DESCRIBE[tab](row)
        if row.pk in since:
            words["since"] = since[row.pk]
        found.append({"pk": row.pk, "snooze": snoozes.get(row.pk), "cost": monthly(row, prices)} | words)
    return found


def monthly(row: Model, prices: PriceTable) -> str:
    """What a line or number costs a month by our price table, or ""."""
    provider, connection = getattr(row, "telephony_provider", ""), getattr(row, "connection_id", None)
    price = prices.find(provider, connection)
    return priced(price.monthly, price.currency) if price else ""


def purchase(line: Line) -> dict:
    url = reverse("review-line", args=[line.pk])
    what = pretty(line.phone_number) if line.phone_number else f"Any number in {line.area_code}"
    return {
        "url": url,
        "title": f"Order {line.order_id}, line {line.position}: {what}",
        "detail": line.reason,
        "since": line.changed_at,
        "step": "Resolve",
        "step_url": url,
    }


def approval(order: Order) -> dict:
    url = order.get_absolute_url()
    cost = priced(order.cost_monthly, order.currency) if order.cost_monthly is not None else ""
    return {
        "url": url,
        "title": f"Order {order.pk}: {plural(order.quantity, 'line')}",
        "detail": f"{order.requested_by_name or 'A command'} requests approval.",
        "since": order.created_at,
        "cost": cost,
        "step": "Review order",
        "step_url": url,
    }


def unassigned(number: Number) -> dict:
    return {
        "url": number.get_absolute_url(),
        "title": pretty(number.e164),
        "detail": number.label or "Callers get no answer.",
        "since": number.bought_at or number.created_at,
        "step": "Assign",
        "step_url": f"{reverse('unassigned')}?at={number.pk}",
    }


def agent(agent: Agent, answers: int) -> dict:
    url = reverse("agent", args=[agent.pk])
    count = plural(answers, "number")
    gone = f"was deleted in Fluents. {count} still use it, so callers may get no answer."
    renamed = f"is now called {agent.name} in Fluents and answers {count}. Check that it's still right."
    return {
        "url": url,
        "title": agent.known_as or str(agent),
        "detail": f"{agent.known_as or agent} {gone if agent.gone_at else renamed}",
        "since": agent.gone_at,
        "step": "Choose who answers",
        "step_url": url,
    }


def difference(number: Number) -> dict:
    return {
        "url": number.get_absolute_url(),
        "title": pretty(number.e164),
        "detail": f"{number.label or 'This number'} differs between Fluents and this dashboard.",
        "since": number.synced_at,
        "step": "Compare",
        "step_url": reverse("drift"),
    }


def change(plan: Plan) -> dict:
    url = plan.get_absolute_url()
    failed = plan.counts.get("failed", 0)
    return {
        "url": url,
        "title": plan.title,
        "detail": f"{failed:,} of {plural(plan.counts.get('total', failed), 'number')} couldn't be changed.",
        "since": plan.finished_at,
        "step": "See failures",
        "step_url": url,
    }


def idle(number: Number, risk: str) -> dict:
    label = f"{number.label}. " if number.label else ""
    who = f"{number.agent} answers." if number.agent else "Unassigned."
    never = "" if number.last_call_at else " No calls since we got it."
    return {
        "url": number.get_absolute_url(),
        "title": pretty(number.e164),
        "detail": f"{label}{who}{never} {risk}",
        "since": number.quiet_since,
        "step": "Reassign",
        "step_url": reverse("number-assign", args=[number.e164]),
        "release_url": reverse("number-release", args=[number.e164]),
    }


DESCRIBE: dict[Kind, Callable[..., dict]] = {
    Kind.PURCHASES: purchase,
    Kind.APPROVALS: approval,
    Kind.UNASSIGNED: unassigned,
    Kind.DIFFERENCES: difference,
    Kind.CHANGES: change,
}


@require_POST
def attention_snooze(request: Request) -> HttpResponse:
    """Put an item off, with a reason."""
    form = SnoozeForm(request.POST)
    back = f"{reverse('attention')}?tab={form.data.get('kind', '')[:20]}"
    if not form.is_valid():
        messages.error(request, "Not snoozed. Enter a short reason.")
        return redirect(back)
    demand(request, inbox.NEEDS[form.cleaned_data["kind"]])
    try:
        kept = inbox.snooze(by=Actor.person(request.user, request.id), **form.cleaned_data)
    except LookupError:
        messages.info(request, "That's already been handled.")
    else:
        messages.success(request, f"Snoozed until {kept.until:%b} {kept.until.day}.")
    return redirect(back)


@require_POST
def attention_wake(request: Request) -> HttpResponse:
    """Bring a snoozed item back now."""
    kind, item = request.POST.get("kind", ""), request.POST.get("item", "")
    if kind not in Kind.values or not (item.isascii() and item.isdigit() and len(item) < 19):
        raise Http404
    demand(request, inbox.NEEDS[Kind(kind)])
    inbox.wake(by=Actor.person(request.user, request.id), kind=Kind(kind), item=int(item))
    return redirect(f"{reverse('attention')}?tab={kind}")
