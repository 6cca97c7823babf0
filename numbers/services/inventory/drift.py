"""Differences between our books and Fluents: accept theirs, or push ours."""

from itertools import batched

from django.db import transaction
from django.db.models import QuerySet

from ..models import Agent, Event, Number, Plan, PlanRow
from ..states import Act, RowState
from .drafting import PORTION
from .history import By, record
from .inventory import agents_for, refresh_search_text
from .mirroring import DECIDED
from .proposing import keys_of, propose


def accept_theirs(*, by: By, numbers: QuerySet[Number]) -> int:
    """Take what Fluents says into our books, for those of NUMBERS that drifted; how many these were.

    A number that is gone stays on the books as gone. What a plan is changing at the moment is left alone.
    """
    keys = keys_of(numbers.filter(drifted=True))
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
    """A plan that makes Fluents say what our books say, for those of NUMBERS that drifted."""
    keys = keys_of(numbers.filter(drifted=True))
    title = f"Push ours to Fluents for {len(keys)} number{'' if len(keys) == 1 else 's'}"
    return propose(by=by, act=Act.PUSH, title=title, items=keys)


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
