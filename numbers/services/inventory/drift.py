"""Differences between our records and Fluents: taking over what Fluents says."""

from itertools import batched

from django.db import transaction
from django.db.models import Q, QuerySet

from numbers.models import Agent, Event, Number, PlanRow
from numbers.number_fields import DRIFTING
from numbers.permissions import Right
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import needs
from numbers.states import RowState, Standing

from .upsert import agents_for, refresh_search_text

PORTION = 1000  # numbers of one transaction


@needs(Right.ASSIGN)
def accept_theirs(*, by: Actor, numbers: QuerySet[Number]) -> int:
    """Take what Fluents says into our books, for those of `numbers` that drifted; how many these were.

    A number that is gone stays on the books as gone. What a plan is changing at the moment is left alone, and
    what holds lines: about that a person decides at the gate.
    """
    keys = numbers.filter(drifted=True).order_by("pk").values_list("pk", flat=True).distinct()
    return sum(accept_portion(by, portion) for portion in batched(keys, PORTION))


def accept_portion(by: Actor, keys: tuple[int, ...]) -> int:
    """One transaction of `accept_theirs`, in a fixed number of queries."""
    with transaction.atomic():
        rows = Number.objects.select_for_update(of=("self",)).filter(pk__in=keys, drifted=True)
        changing = PlanRow.objects.filter(number__in=keys, state=RowState.APPLYING)
        numbers = list(
            rows.exclude(Q(pk__in=changing.values("number")) | Q(standing=Standing.HOLDS))
            .select_related("agent")
            .order_by("pk")
            .defer("answer", "search_text")
        )
        agents = agents_for({number.drift.get("agent", {}).get("theirs", "") for number in numbers})
        events = [accept_one(number, agents, by) for number in numbers]
        Number.objects.bulk_update(numbers, [*DRIFTING, "drift", "drifted", "standing"])
        Event.objects.bulk_create(events)
        refresh_search_text(Number.objects.filter(pk__in=[number.pk for number in numbers]))
    return len(numbers)


def accept_one(number: Number, agents: dict[str, Agent], by: Actor) -> Event:
    """Set theirs on `number`; the event that tells it."""
    sides = {name: number.drift[name] for name in DRIFTING if name in number.drift}
    for name, side in sides.items():
        setattr(number, name, agents.get(side["theirs"]) if name == "agent" else side["theirs"])
    reason = "Used Fluents' values."
    if number.drift.get("gone"):
        reason = "Accepted that it's gone from Fluents."
    elif number.drift.get("appeared") and not sides:
        reason = "Accepted as bought or linked elsewhere."
    number.drift, number.drifted, number.standing = {}, False, Standing.EXPLAINED
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


@needs(Right.ASSIGN)
def acknowledge_agent(*, by: Actor, agent: Agent) -> None:
    """A person has seen that `agent` has another name now, or is gone."""
    with transaction.atomic():
        fresh = Agent.objects.select_for_update().get(pk=agent.pk)
        before, fresh.known_as = fresh.known_as, fresh.name
        fresh.save(update_fields=["known_as"])
        record_event(
            action="agent.acknowledged",
            by=by,
            agent=fresh,
            before={"agent": fresh.api_id, "name": before},
            after={"agent": fresh.api_id, "name": fresh.name},
        )
