"""Counting calls: by number, day and agent, and on the number itself what the list shows of them.

A day is one of UTC, as everywhere else in the records: weeks and months of other figures, and sums over
lines in six time zones, would not add up otherwise.
"""

from collections.abc import Collection, Hashable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

from django.db.models import F, Sum

from numbers import fluents
from numbers.models import Agent, AgentDay, Event, Number, NumberDay
from numbers.services.inventory.upsert import agents_for

from .rules import LASTING

DAYS = 30  # that the figures on a number are about
COUNTED = ("incoming", "outgoing", "answered", "wrong", "failed", "lasting", "seconds", "last_at")
SHOWN = ("calls_30", "wrong_agent", "last_call_at")  # of them, on the number itself
NEAR = timedelta(minutes=10)  # of a change of agent: either of the two may answer
REASSIGNED = ("number.changed", "number.accepted")


def first_day(now: datetime) -> date:
    """The first of the days that `Number.calls_30` is about; today is the last."""
    return now.astimezone(UTC).date() - timedelta(days=DAYS - 1)


def count(calls: Sequence[fluents.Call], *, since: date) -> dict[str, Number]:
    """Add `calls`, none of which was counted before, to the records; within a transaction.

    `since` is the first day of the 30. The numbers of those that were counted, by the ids of the calls: one
    of a number that is not in our records is not, until it is.
    """
    numbers = ours_among({call.number for call in calls})
    ours = [call for call in calls if call.number in numbers]
    agents = agents_for({call.agent for call in ours})
    wrong = answered_wrongly(ours, numbers, agents)
    days, later = {call.start.date() for call in ours}, set[int]()
    lines = Rows(
        NumberDay, NumberDay.objects.filter(number__in=[row.pk for row in numbers.values()], day__in=days)
    )
    totals = Rows(AgentDay, AgentDay.objects.filter(day__in=days))
    for call in ours:
        number, agent = numbers[call.number], agents.get(call.agent)
        about = {"day": call.start.date(), "agent_id": agent.pk if agent else None}
        for row in (lines.row(number_id=number.pk, **about), totals.row(**about)):
            add(row, call, wrong=call.id in wrong)
        if not number.last_call_at or number.last_call_at < call.start:
            number.last_call_at = call.start
            later.add(number.pk)
    lines.write()
    totals.write()
    renew(numbers.values(), since=since, later=later)
    return {call.id: numbers[call.number] for call in ours}


def ours_among(e164s: Collection[str]) -> dict[str, Number]:
    """Our rows for these numbers, locked in the order in which a sync locks them."""
    rows = Number.objects.select_for_update(of=("self",)).filter(e164__in=e164s).select_related("agent")
    rows = rows.order_by("pk").only("e164", *SHOWN, "agent__api_id")
    return {row.e164: row for row in rows}


class Rows[Day: (NumberDay, AgentDay)]:
    """The rows of a kind that calls are added to: those that are `found`, and new ones."""

    def __init__(self, kind: type[Day], found: Iterable[Day]) -> None:
        self.kind: type[Day] = kind
        self.rows: dict[Hashable, Day] = {}
        for row in found:
            self.rows[key_of(vars(row))] = row

    def row(self, **about: object) -> Day:
        key = key_of(about)
        if key not in self.rows:
            self.rows[key] = self.kind(**about)
        return self.rows[key]

    def write(self) -> None:
        self.kind.objects.bulk_create([row for row in self.rows.values() if not row.pk])
        self.kind.objects.bulk_create(
            [row for row in self.rows.values() if row.pk],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=COUNTED,
        )


def key_of(about: dict) -> Hashable:
    return about.get("number_id"), about["day"], about["agent_id"]


def add(row: NumberDay | AgentDay, call: fluents.Call, *, wrong: bool) -> None:
    row.outgoing += call.outgoing
    row.incoming += not call.outgoing
    row.answered += call.answered and not call.outgoing
    row.failed += not call.answered
    row.wrong += wrong
    row.lasting += call.seconds >= LASTING
    row.seconds += call.seconds
    row.last_at = max(row.last_at or call.start, call.start)


def renew(numbers: Collection[Number], *, since: date, later: Collection[int] = ()) -> None:
    """Count the last 30 days of `numbers` anew: done twice, it comes to the same.

    `later` are the keys of those that have a later call. What has not changed is not written.
    """
    sums = {
        number: (calls, bool(wrong))
        for number, calls, wrong in NumberDay.objects.filter(
            number__in=[row.pk for row in numbers], day__gte=since
        )
        .order_by()
        .values_list("number")
        .annotate(calls=Sum(F("incoming") + F("outgoing")), odd=Sum("wrong"))
    }
    changed = []
    for row in numbers:
        before, now = (row.calls_30, row.wrong_agent), sums.get(row.pk, (0, False))
        row.calls_30, row.wrong_agent = now
        if before != now or row.pk in later:
            changed.append(row)
    Number.objects.bulk_update(changed, SHOWN)


def answered_wrongly(
    calls: Iterable[fluents.Call], numbers: dict[str, Number], agents: dict[str, Agent]
) -> set[str]:
    """The ids of incoming calls that another agent has answered than the one that should have, then."""
    odd = [
        (call, numbers[call.number])
        for call in calls
        if call.answered and not call.outgoing and call.agent
        if agents[call.agent] != numbers[call.number].agent
    ]
    if not odd:
        return set()
    earliest = min(call.start for call, _ in odd) - NEAR
    changes = Event.objects.filter(
        number__in={number.pk for _, number in odd}, action__in=REASSIGNED, at__gte=earliest
    ).order_by("at", "pk")
    told = list(changes.values_list("number", "at", "before__agent", "after__agent"))
    return {
        call.id
        for call, number in odd
        if agents[call.agent].api_id not in should_answer(number, call.start, told)
    }


def should_answer(number: Number, at: datetime, changes: Iterable[tuple]) -> set[str]:
    """The ids of the agents that may have answered `number` at that time, "" for nobody.

    `changes` are (number, when, agent before, agent after), in the order of time.
    """
    mine = [change[1:] for change in changes if change[0] == number.pk and change[2] != change[3]]
    near = {agent for when, *both in mine if abs(when - at) <= NEAR for agent in both}
    later = [before for when, before, _ in mine if when > at]
    now = number.agent.api_id if number.agent else ""
    return near | {later[0] if later else now}
