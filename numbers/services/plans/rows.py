"""The rows of a plan: the values that were seen and those that are wanted, or why there is nothing to do.

Reads our books only, in portions with a fixed number of queries each.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db.models import Count, Max

from numbers.db.clock import written
from numbers.models import Agent, Event, Line, Number, Plan, PlanRow
from numbers.number_fields import BY_NAME, PLANNED
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.errors import NotDone
from numbers.services.typed_values import Unreadable, check_tags, read_description, read_label
from numbers.states import AWAY, HOLDING, Act, NumberStatus, RowState
from numbers.telephony.phone import pretty

#: What a plan can change, in the order in which people read it.
NAMES = {
    "agent": "who answers",
    "label": "the label",
    "description": "the description",
    "outbound_only": "“outbound only”",
    "tags": "the tags",
}
PORTION = 1000
ENDS_AS = {Act.RELEASE: NumberStatus.RELEASED, Act.DETACH: NumberStatus.DETACHED}
GONE = "It's gone from Fluents, so it can't be changed there. Use Fluents' instead."
APPEARED = "It appeared in Fluents and is already in our records. Use Fluents' instead."

#: A number, also one of `inventory.plain`, with what is wanted of it and, where it matters, the values that
#: somebody saw.
Wanted = tuple[Any, dict, dict]


class CannotChange(NotDone):
    """A change that makes no sense or came too late; the text says why, for people."""


def right_for(act: str) -> Right:
    """What somebody needs who makes, starts or retries a plan of this `act`."""
    return Right.RELEASE if act in ENDS_AS else Right.ASSIGN


def count_rows(plan: Plan) -> dict[str, int]:
    """How many rows of `plan` are in each state, and the total."""
    return counted(dict(plan.rows.order_by().values_list("state").annotate(Count("pk"))))


def counted(found: dict[str, int]) -> dict[str, int]:
    """`found` with every state, and the total."""
    counts = {str(state): found.get(state, 0) for state in RowState}
    return counts | {"total": sum(counts.values())}


def by_of(plan: Plan) -> Actor:
    """The person who asked for the plan, or who decided to carry it out."""
    return Actor(user=plan.requested_by, name=plan.requested_by_name, request_id=plan.request_id)


def rows_of(wanted: Sequence[Wanted], act: str) -> list[PlanRow]:
    """The rows for a portion of numbers, in a fixed number of queries."""
    known = {
        agent.api_id: agent
        for agent in Agent.objects.filter(api_id__in={after.get("agent") or "" for _, after, _ in wanted})
    }
    held = held_by_lines(number for number, *_ in wanted) if act in ENDS_AS else set()
    rows, moved = [], []
    for number, after, seen in wanted:
        row = PlanRow(number_id=number.pk)
        ours = values_of(number, after)
        row.before, row.after = (ours, after) if act in ENDS_AS else differing(ours, after)
        changed = [key for key in after if key in seen and seen[key] != ours[key]]
        if reason := refusal(number, after, known, held):
            row.state, row.reason = RowState.SKIPPED, reason
        elif changed:
            row.state = RowState.SKIPPED
            moved.append((row, number, changed))
        elif row.before == row.after and act != Act.PUSH:  # there it is Fluents that changes
            row.state, row.reason, row.needless = RowState.SKIPPED, "Nothing to change.", True
        rows.append(row)
    last = last_changes([number.pk for _, number, _ in moved])
    for row, number, changed in moved:
        row.reason = moved_words(number, changed, last.get(number.pk))
    return rows


def push_rows(wanted: Sequence[Wanted], act: str) -> list[PlanRow]:
    """Rows whose `before` is what Fluents says; the books must still say what is to be pushed."""
    rows = rows_of(wanted, act)
    for row, (number, *_) in zip(rows, wanted, strict=True):
        drift = number.drift
        row.before = {name: drift[name]["theirs"] for name in row.after}
        if drift.get("gone"):
            row.state, row.reason = RowState.SKIPPED, GONE
        elif not row.after:
            row.state, row.reason = RowState.SKIPPED, APPEARED
    return rows


def ours(number: Number) -> dict:
    """What our books say wherever Fluents differs."""
    return {name: number.drift[name]["ours"] for name in PLANNED if name in number.drift}


def differing(now: dict, wanted: dict) -> tuple[dict, dict]:
    """`now` and `wanted`, cut down to what differs; all that was asked for where nothing does."""
    keys = [key for key in wanted if now[key] != wanted[key]] or list(wanted)
    return {key: now[key] for key in keys}, {key: wanted[key] for key in keys}


def refusal(number: Number, after: dict, known: dict[str, Agent], held: set[str]) -> str:
    """Why `number` cannot be changed at all, or ""."""
    if reason := away(number):
        return reason
    if number.e164 in held:
        return "An order is buying this number right now."
    if key := after.get("agent"):
        if key not in known:
            return f"No agent has the ID {key}."
        if known[key].gone_at and (not number.agent or number.agent.api_id != key):
            return f"The agent {known[key]} was deleted in Fluents."
    return ""


def away(number: Number) -> str:
    """What is said of a number that is not ours any more, or ""."""
    if number.status not in AWAY:
        return ""
    words = {NumberStatus.GONE: "is gone from Fluents"}
    return f"{pretty(number.e164)} {words.get(NumberStatus(number.status), f'was {number.status}')}."


def held_by_lines(numbers: Iterable[Number]) -> set[str]:
    """Those that an open line of an order holds."""
    phone_numbers = [number.e164 for number in numbers]
    holding = Line.objects.filter(phone_number__in=phone_numbers, state__in=HOLDING)
    return set(holding.values_list("phone_number", flat=True))


def last_changes(number_ids: list[int]) -> dict[int, Event]:
    """The latest event that changed each of these numbers."""
    if not number_ids:
        return {}
    acts = ["number.changed", "number.accepted", "number.pushed"]
    events = Event.objects.filter(number__in=number_ids, action__in=acts)
    latest = events.order_by().values("number").annotate(latest=Max("pk")).values("latest")
    return {event.number_id: event for event in Event.objects.filter(pk__in=latest) if event.number_id}


def moved_words(number: Number, keys: list[str], event: Event | None) -> str:
    """ "Now answered by Reception since 12:03 by anna." """
    values = values_of(number, keys)
    parts = []
    for key in keys:
        if key == "agent":
            parts.append(f"now {f'answered by {number.agent}' if number.agent else 'unassigned'}")
        else:
            parts.append(f"{NAMES[key]} is now {shown(values[key])}")
    since = ""
    if event:
        since = f" since {written(event.at)}"
        since += f" by {event.actor_name}" if event.actor_name else ""
    words = ", ".join(parts)
    return f"{words[0].upper()}{words[1:]}{since}."


def shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        value = ", ".join(value)
    return f"“{value}”" if value else "empty"


def values_of(number: Number, keys: Iterable[str] = PLANNED) -> dict:
    """What our books say of `number`, with the keys of a row."""
    return {key: BY_NAME[key].value(number) for key in keys}


def giving_up(number: Number, act: str) -> dict:
    """What a release or detachment comes to. The agent stays on record, to be seen before and after."""
    return {**values_of(number, ["agent"]), "status": str(ENDS_AS[Act(act)])}


def with_changes(number: Number, changes: dict) -> dict:
    """The values that `changes` come to for `number`."""
    wanted = {key: changes[key] for key in PLANNED if key in changes}
    if "tags_add" in changes or "tags_remove" in changes:
        tags = set(wanted["tags"] if "tags" in wanted else values_of(number, ["tags"])["tags"])
        tags |= set(changes.get("tags_add", ()))
        wanted["tags"] = sorted(tags - set(changes.get("tags_remove", ())))
    return wanted


def checked(changes: dict) -> dict:
    """`changes` with known keys and values that both sides can hold. Raises CannotChange."""
    if unknown := changes.keys() - {*PLANNED, "tags_add", "tags_remove"}:
        raise CannotChange(f"A number has no {', '.join(sorted(unknown))}.")
    readers: dict[str, Callable[[Any], object]] = {"label": read_label, "description": read_description}
    readers |= dict.fromkeys(["tags", "tags_add"], check_tags)
    try:
        return {key: readers[key](value) if key in readers else value for key, value in changes.items()}
    except Unreadable as error:
        raise CannotChange(str(error)) from None


def check_agent(changes: dict) -> None:
    """Raise CannotChange where `changes` name an agent that cannot answer."""
    if not (key := changes.get("agent")):
        return
    agent = Agent.objects.filter(api_id=key).first()
    if not agent or agent.gone_at:
        name = agent or f"with the ID {key}"
        raise CannotChange(f"There's no agent {name} in Fluents. Choose another one, or sync first.")


def in_words(changes: dict) -> str:
    """A title: "Assign to Reception" or "Change the label, the tags"."""
    if "agent" in changes and len(changes) == 1:
        agent = Agent.objects.filter(api_id=changes["agent"]).first()
        return f"Assign to {agent}" if agent else "Unassign"
    names = dict.fromkeys(NAMES[key.removesuffix("_add").removesuffix("_remove")] for key in changes)
    return f"Change {', '.join(names)}"
