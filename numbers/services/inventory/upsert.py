"""Writing what Fluents tells us about numbers, agents and connections into the local copy."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from hashlib import blake2b
from itertools import batched
from operator import attrgetter

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet, prefetch_related_objects

from numbers import fluents
from numbers.db.clock import db_now
from numbers.models import Agent, Connection, Number, Tag
from numbers.states import AWAY, NumberStatus, Origin, Standing
from numbers.telephony.area_codes import area_code_of, area_of, region_of
from numbers.telephony.characters import folded

PORTION = 1000
#: What Fluents says of a number, as plain values: very many of them take Python much longer as objects.
NAMES = tuple(field.name for field in fields(fluents.RemoteNumber) if field.compare)
SAID = attrgetter(*NAMES)
DESCRIBED = ("search_text", "answerer")


def connection_for(*, api_id: str, telephony_provider: str = "") -> Connection:
    """The connection with that id; a bare row is made for one that no sync has shown yet."""
    row, _ = Connection.objects.get_or_create(
        api_id=api_id, defaults={"telephony_provider": telephony_provider}
    )
    return row


def agent_for(reference: str, name: str = "") -> Agent | None:
    """The agent that `reference` means: an id, or the name of just one agent. None for ""."""
    if not reference:
        return None
    named = list(Agent.objects.filter(Q(api_id=reference) | Q(name=reference), gone_at=None)[:2])
    exact = [agent for agent in named if agent.api_id == reference]
    if exact or len(named) == 1:
        return (exact or named)[0]
    row, _ = Agent.objects.get_or_create(api_id=reference, defaults={"name": name})
    return row


def agents_for(references: set[str]) -> dict[str, Agent]:
    """The agents that these ids, or names of just one agent, mean; bare rows are made for new ids."""
    references = references - {""}
    rows = list(Agent.objects.filter(Q(api_id__in=references) | Q(name__in=references)))
    found = {row.api_id: row for row in rows if row.api_id in references}
    for name in references - found.keys():
        named = [row for row in rows if row.name == name and not row.gone_at]
        if len(named) == 1:
            found[name] = named[0]
    return found | known(Agent, references - found.keys())


def known[M: (Agent, Connection)](kind: type[M], references: set[str]) -> dict[str, M]:
    """The rows for these ids at Fluents; bare ones are made for ids that nothing has listed."""
    references = references - {""}
    found = {row.api_id: row for row in kind.objects.filter(api_id__in=references)}
    if missing := references - found.keys():
        kind.objects.bulk_create([kind(api_id=ref) for ref in sorted(missing)], ignore_conflicts=True)
        found |= {row.api_id: row for row in kind.objects.filter(api_id__in=missing)}
    return found


def tags_for(names: Iterable[str]) -> dict[str, Tag]:
    """The tags of these names, made where there are none yet."""
    names = {name for name in names if name}
    found = {tag.name: tag for tag in Tag.objects.filter(name__in=names)}
    if missing := names - found.keys():
        Tag.objects.bulk_create([Tag(name=name) for name in sorted(missing)], ignore_conflicts=True)
        found |= {tag.name: tag for tag in Tag.objects.filter(name__in=missing)}
    return found


def search_text_of(number: Number, tags: Iterable[str]) -> str:
    """What the search looks through; one field a line, so that nothing is found across two of them."""
    area = area_of(number.e164)
    place = [str(area), area.region_name] if area else []
    parts = [number.e164, number.label, str(number.agent or ""), *sorted(tags), *place]
    return "\n".join(folded(part) for part in parts if part)


def describe(number: Number, tags: Iterable[str]) -> None:
    """Set what the search looks through and what the list sorts by (DESCRIBED) by what `number` says else."""
    number.search_text = search_text_of(number, tags)
    number.answerer = str(number.agent or "").lower()[:200]


def refresh_search_text(numbers: QuerySet[Number]) -> int:
    """Work out the search text of `numbers` anew, in portions; how many there were."""
    keys = list(numbers.order_by("pk").values_list("pk", flat=True))
    for portion in batched(keys, PORTION):
        rows = list(Number.objects.filter(pk__in=portion).only("e164", "label", "agent"))
        prefetch_related_objects(rows, "agent", "tags")
        for row in rows:
            describe(row, [tag.name for tag in row.tags.all()])
        Number.objects.bulk_update(rows, DESCRIBED)
    return len(keys)


def facts_of(info: fluents.RemoteNumber) -> dict:
    """The columns that Fluents alone decides about."""
    return {
        "api_id": info.id,
        "telephony_provider": info.telephony_provider,
        "status": NumberStatus.ACTIVE if info.active else NumberStatus.INACTIVE,
        **answer_of(info),
    }


def answer_of(info: fluents.RemoteNumber) -> dict:
    """The columns that keep what Fluents has said: a sync leaves alone what it says in the same words."""
    return {"answer": info.as_json(), "digest": digest_of(SAID(info))}


def digest_of(said: tuple) -> str:
    return blake2b(repr(said).encode(), digest_size=8).hexdigest()


def number_of(said: tuple) -> fluents.RemoteNumber:
    """The number of which Fluents `said` this."""
    return fluents.RemoteNumber(**dict(zip(NAMES, said, strict=True)))


def place_of(e164: str) -> dict:
    """The columns that follow from the number itself."""
    return {"area_code": area_code_of(e164), "region": region_of(e164)}


def keep_number(
    info: fluents.RemoteNumber,
    *,
    connection: Connection | None = None,
    agent: Agent | None = None,
    bought_by: str | None = None,
    origin: Origin | None = None,
    now: datetime | None = None,
) -> Number:
    """Insert or renew the local copy of a number that has just become ours, as Fluents describes it.

    `connection` and `agent` stand in where the answer names none. `bought_by` marks a fresh purchase.
    Tags of Fluents become ours on first sight only.
    """
    now = now or db_now()
    if bought_by is not None:
        origin = Origin.BOUGHT
    values = {
        **facts_of(info),
        **place_of(info.number),
        "label": info.label,
        "description": info.description,
        "outbound_only": info.outbound_only,
        "agent": agent_for(info.inbound_agent, info.inbound_agent_name) or agent,
        "drift": {},
        "drifted": False,
        "standing": Standing.EXPLAINED,
        "synced_at": now,
    }
    named = info.telephony_account_connection
    if named and not (connection and connection.api_id == named):
        connection = connection_for(api_id=named, telephony_provider=info.telephony_provider)
    if connection:
        values["connection"] = connection
    if bought_by is not None:
        values |= {"bought_at": now, "bought_by": bought_by}
    if origin:
        values["origin"] = origin
    if number := first_sight(Number(e164=info.number, **values), info.tags):
        return number
    with transaction.atomic():
        number = Number.objects.select_for_update().get(e164=info.number)
        number.holding += number.status in AWAY
        for name, value in values.items():
            setattr(number, name, value)
        describe(number, number.tags.values_list("name", flat=True))
        number.save(update_fields=[*values, "holding", *DESCRIBED])
    return number


def first_sight(number: Number, tags: Iterable[str]) -> Number | None:
    """Insert a number that the books do not have yet, as nearly all that are bought; else None."""
    describe(number, tags)
    try:
        with transaction.atomic():
            number.save(force_insert=True)
    except IntegrityError:
        return None
    if tags:
        number.tags.set(tags_for(tags).values())
    return number


def write_on(number: Number, *, label: str = "", tags: Iterable[str] = ()) -> None:
    """Put a label and tags on `number` in our books. What is empty here stays there as it was."""
    if not (label or tags):
        return
    number.label = label or number.label
    number.tags.add(*tags_for(tags).values())
    describe(number, number.tags.values_list("name", flat=True))
    number.save(update_fields=["label", *DESCRIBED])
