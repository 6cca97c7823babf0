"""Differences between our books and Fluents: accept theirs, or push ours."""

from collections.abc import Iterator, Sequence
from itertools import batched

from django.db import transaction
from django.db.models import QuerySet

from ..models import Agent, Event, Number, Plan, PlanRow
from ..states import Act, RowState
from .drafting import PORTION, SAME, Wanted, draft, rows_of
from .history import By, record
from .inventory import agents_for, refresh_search_text
from .mirroring import DECIDED

GONE = "It is gone at Fluents, where nothing can be written to it. Accept that."
APPEARED = "It appeared at Fluents and our books have taken it in: there is nothing to push. Accept that."


def accept_theirs(*, by: By, numbers: QuerySet[Number]) -> int:
    """Take what Fluents says into our books, for those of NUMBERS that drifted; how many these were.

    A number that is gone stays on the books as gone. What a plan is changing at the moment is left alone.
    """
    keys = list(numbers.filter(drifted=True).order_by("pk").values_list("pk", flat=True).distinct())
    return sum(accept_portion(by, portion) for portion in batched(keys, PORTION))


def accept_portion(by: By, keys: tuple[int, ...]) -> int:
    """One transaction of `accept_theirs`, in a fixed number of queries."""
    with transaction.atomic():
        rows = Number.objects.select_for_update(of=("self",)).filter(pk__in=keys, drifted=True)
        changing = PlanRow.objects.filter(number__in=keys, state=RowState.APPLYING)
        numbers = list(
            rows.exclude(pk__in=changing.values("number"))
            .select_related("agent")
            .order_by("pk")
            .defer("answer", "search_text")
        )
        agents = agents_for({number.drift.get("agent", {}).get("theirs", "") for number in numbers})
        events = [accept_one(number, agents, by) for number in numbers]
        Number.objects.bulk_update(numbers, [*DECIDED, "drift", "drifted"])
        Event.objects.bulk_create(events)
        refresh_search_text(Number.objects.filter(pk__in=[number.pk for number in numbers]))
    return len(numbers)


def accept_one(number: Number, agents: dict[str, Agent], by: By) -> Event:
    """Set theirs on NUMBER; the event that tells it."""
    sides = {name: number.drift[name] for name in DECIDED if name in number.drift}
    for name, side in sides.items():
        setattr(number, name, agents.get(side["theirs"]) if name == "agent" else side["theirs"])
    reason = "Took over what Fluents says."
    if number.drift.get("gone"):
        reason = "Accepted that it is gone at Fluents."
    elif number.drift.get("appeared") and not sides:
        reason = "Accepted that it was bought or linked elsewhere."
    number.drift, number.drifted = {}, False
    return Event(
        action="number.accepted",
        actor=by.user,
        actor_name=by.name,
        request_id=by.request_id,
        address=by.address,
        number=number,
        before={name: side["ours"] for name, side in sides.items()},
        after={name: side["theirs"] for name, side in sides.items()},
        reason=reason,
    )


def plan_push_ours(*, by: By, numbers: QuerySet[Number]) -> Plan:
    """A draft that makes Fluents say what our books say, for those of NUMBERS that drifted."""
    drifted = numbers.filter(drifted=True)
    count = drifted.values("pk").distinct().count()
    title = f"Push ours to Fluents for {count} number{'' if count == 1 else 's'}"
    return draft(by=by, act=Act.PUSH, title=title, wanted=wanted_of(drifted), work_out=push_rows)


def wanted_of(numbers: QuerySet[Number]) -> Iterator[Wanted]:
    """What our books say wherever Fluents differs."""
    keys = list(numbers.order_by("pk").values_list("pk", flat=True).distinct())
    for portion in batched(keys, PORTION):
        rows = Number.objects.filter(pk__in=portion).order_by("pk").defer("answer", "search_text")
        for number in rows:
            ours = {name: number.drift[name]["ours"] for name in DECIDED if name in number.drift}
            yield number, ours, ours


def push_rows(wanted: Sequence[Wanted], act: str) -> list[PlanRow]:
    """Rows whose `before` is what Fluents says; the books must still say what is to be pushed."""
    rows = rows_of(wanted, act)
    for row in rows:
        drift = row.number.drift
        row.before = {name: drift[name]["theirs"] for name in row.after}
        if drift.get("gone"):
            row.state, row.reason = RowState.SKIPPED, GONE
        elif not row.after:
            row.state, row.reason = RowState.SKIPPED, APPEARED
        elif row.reason == SAME:  # as it should be: it is Fluents that changes
            row.state, row.reason = RowState.READY, ""
    return rows


def acknowledge_agent(*, by: By, agent: Agent) -> None:
    """A person has seen that AGENT has another name now, or is gone."""
    with transaction.atomic():
        fresh = Agent.objects.select_for_update().get(pk=agent.pk)
        before, fresh.known_as = fresh.known_as, fresh.name
        fresh.save(update_fields=["known_as"])
        record(
            action="agent.acknowledged",
            by=by,
            before={"agent": fresh.api_id, "name": before},
            after={"agent": fresh.api_id, "name": fresh.name},
        )
