"""Everything that needs a person: what each tab of the Attention page lists, and snoozing it."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from numbers.db.clock import db_now
from numbers.models import Agent, Event, Line, Number, Order, Plan, PlanRow, Snooze
from numbers.permissions import Right
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import demand
from numbers.services.calls.idle import idle_lines
from numbers.services.calls.knowledge import Knowledge
from numbers.services.orders.prices import price_table
from numbers.states import ApprovalState, LineState, PlanState, RowState

from .statistics import by_agent

Kind = Snooze.Kind
#: The right that the next step of each tab needs; who has it may snooze there.
NEEDS = {
    Kind.PURCHASES: Right.BUY,
    Kind.APPROVALS: Right.APPROVE,
    Kind.UNASSIGNED: Right.ASSIGN,
    Kind.AGENTS: Right.ASSIGN,
    Kind.DIFFERENCES: Right.ASSIGN,
    Kind.CHANGES: Right.ASSIGN,
    Kind.IDLE: Right.ASSIGN,
}
#: How an event names the item.
ABOUT = {
    Kind.PURCHASES: "line_id",
    Kind.APPROVALS: "order_id",
    Kind.UNASSIGNED: "number_id",
    Kind.DIFFERENCES: "number_id",
    Kind.CHANGES: "plan_id",
    Kind.IDLE: "number_id",
}
#: What the history says when a number became an item of the tab.
SINCE = {
    Kind.UNASSIGNED: Q(after__agent="") & ~Q(action="number.drifted"),
    Kind.DIFFERENCES: Q(action__in=("number.drifted", "number.gone", "number.found")),
}
LONGEST = timedelta(days=90)
ALARMS = 20  # agents on the overview
CHANGED = Q(gone_at__isnull=False) | ~Q(known_as="") & ~Q(known_as=F("name"))


def items(kind: Kind, known: Knowledge | None = None) -> QuerySet:
    """All items of a tab for everyone, snoozed or not. `known`: of calls, for who has read it already."""
    if kind == Kind.PURCHASES:
        return Line.objects.filter(state=LineState.REVIEW)
    if kind == Kind.APPROVALS:
        return Order.objects.filter(approval=ApprovalState.WAITING)
    if kind == Kind.UNASSIGNED:
        return Number.objects.unassigned()
    if kind == Kind.AGENTS:
        pointing = Number.objects.owned().filter(agent=OuterRef("pk"))
        return Agent.objects.filter(CHANGED).filter(Exists(pointing))
    if kind == Kind.DIFFERENCES:
        return Number.objects.filter(drifted=True)
    if kind == Kind.IDLE:
        return idle_lines(known)
    failed = PlanRow.objects.filter(state=RowState.FAILED).values("plan")
    return Plan.objects.filter(pk__in=failed, state=PlanState.DONE, undone_by=None)


def alarming_agents() -> list[tuple[Agent, int]]:
    """Agents that are gone (first) or renamed at Fluents and still have numbers, with how many."""
    odd = list(Agent.objects.filter(CHANGED).order_by(F("gone_at").desc(nulls_last=True), "name", "pk"))
    counts = by_agent()[0] if odd else {}
    return [(agent, counts[agent.pk]) for agent in odd if counts.get(agent.pk)][:ALARMS]


def open_items(kind: Kind, known: Knowledge | None = None) -> QuerySet:
    """The items that nobody snoozed."""
    snoozes = Snooze.objects.filter(kind=kind, item=OuterRef("pk"), until__gt=Now())
    return items(kind, known).filter(~Exists(snoozes))


def snoozed_items(kind: Kind, known: Knowledge | None = None) -> QuerySet:
    """The items that somebody snoozed, beginning with these: they are few."""
    return items(kind, known).filter(pk__in=Snooze.objects.filter(kind=kind, until__gt=Now()).values("item"))


def snoozed(kind: Kind, pks: Iterable[int]) -> dict[int, Snooze]:
    """The snoozes of these items, by the item's id."""
    return {kept.item: kept for kept in Snooze.objects.filter(kind=kind, item__in=list(pks))}


def since(kind: Kind, pks: Iterable[int]) -> dict[int, datetime]:
    """Since when these numbers are items of the tab, by the number's id; those that the history tells of."""
    events = (
        Event.objects.filter(SINCE[kind], number__in=list(pks)) if kind in SINCE else Event.objects.none()
    )
    return dict(events.order_by().values_list("number").annotate(Max("at")))


def for_rights(kind: Kind, found: QuerySet, *, rights: Iterable[Right], user_id: int | None) -> QuerySet:
    """`found` for this person: approvals are for those who may decide, and never one's own."""
    if kind != Kind.APPROVALS:
        return found
    return found.exclude(requested_by=user_id) if Right.APPROVE in rights else found.none()


def snooze(*, by: Actor, kind: Kind, item: int, days: int, reason: str) -> Snooze:
    """Keep an item off the page for `days`, at most 90. Raises LookupError where there is no such item."""
    demand(by, NEEDS[kind])
    if not items(kind).filter(pk=item).exists():
        raise LookupError(item)
    until = db_now() + min(timedelta(days=days), LONGEST)
    with transaction.atomic():
        kept, _ = Snooze.objects.update_or_create(
            kind=kind, item=item, defaults={"until": until, "reason": reason, "by_name": by.name}
        )
        after = {"tab": kind.label, "until": until.isoformat(timespec="minutes")}
        tell("attention.snoozed", by=by, kind=kind, item=item, after=after, reason=reason)
    return kept


def wake(*, by: Actor, kind: Kind, item: int) -> bool:
    """Bring a snoozed item back now; False where it was not snoozed."""
    demand(by, NEEDS[kind])
    with transaction.atomic():
        if not Snooze.objects.filter(kind=kind, item=item).delete()[0]:
            return False
        tell("attention.woken", by=by, kind=kind, item=item, after={"tab": kind.label})
    return True


def tell(action: str, *, by: Actor, kind: Kind, item: int, after: dict, reason: str = "") -> None:
    about: dict[str, Any] = {ABOUT[kind]: item} if kind in ABOUT else {}
    record_event(action=action, by=by, reason=reason, after=after, **about)


def idle_cost(numbers: QuerySet[Number]) -> dict[str, Decimal]:
    """What `numbers` cost a month by our own price table, by currency; those without a price cost nothing."""
    prices, sums = price_table(), defaultdict[str, Decimal](Decimal)
    groups = numbers.order_by().values_list("telephony_provider", "connection").annotate(Count("pk"))
    for provider, connection, count in groups:
        if price := prices.find(provider, connection):
            sums[price.currency] += count * price.monthly
    return sums
