"""What a sync makes of the numbers that Fluents lists.

Who answers, label, description and outbound only are for people to decide, and our books hold what was
decided. Where Fluents says something else our values stay and the number is marked as drifted, for a
person to pick a side in `drift`. All other columns follow Fluents.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter

from django.db import transaction
from django.db.models import Q

from numbers import fluents
from numbers.db.sql import Statement, among, texts, texts_slot
from numbers.models import Agent, Connection, Event, Line, Number, PlanRow
from numbers.number_fields import DRIFTING
from numbers.services.audit.events import record_event
from numbers.services.settle_schedule import window
from numbers.states import AWAY, LineState, NumberStatus, Origin, RowState, Standing

from .sightings import LAST_SEEN
from .upsert import NAMES, SAID, agents_for, describe, digest_of, facts_of, known, place_of, tags_for

FACTS = [
    "api_id",
    "telephony_provider",
    "status",
    "answer",
    "digest",
    "connection",
    "synced_at",
    "drift",
    "drifted",
]
ALL = [*FACTS, *DRIFTING, "area_code", "region", "origin", "holding", "search_text", "answerer", "standing"]
PLAIN = ["agent__api_id" if name == "agent" else name for name in DRIFTING]
OURS = Statement(
    lambda: (
        Number.objects.owned()
        .filter(e164__in=texts_slot("numbers"))
        .order_by()
        .values_list("e164", "pk", "digest", "drifted", *PLAIN)
    )
)
NUMBER, AGENT = NAMES.index("number"), NAMES.index("inbound_agent")  # among what Fluents said
THEIRS = itemgetter(*(AGENT if name == "agent" else NAMES.index(name) for name in DRIFTING))
# Not reserved: nothing was sent for that number, unless the database has forgotten it.
BUYING = [LineState.SENDING, LineState.UNKNOWN]


def keep_page(infos: Iterable[fluents.RemoteNumber], started: datetime, *, first: bool = False) -> None:
    """Bring the local copies of a page up to date, in a fixed number of queries.

    `first`: there are no books yet, so everything is taken as it is. Where there are orders already, the
    database may have forgotten more, and a person has to accept these numbers.
    """
    explained = first and not Line.objects.exists()
    listed = {info.number: info for info in infos}
    connections = known(Connection, {info.telephony_account_connection for info in listed.values()})
    agents = agents_for({info.inbound_agent for info in listed.values()})
    with transaction.atomic():
        exact, areas = being_bought(listed)  # before our rows: what is bought in between is among those
        ours = ours_among(listed)
        busy = being_changed(ours, started) | exact
        busy |= {
            e164
            for e164, info in listed.items()
            if e164 not in ours and (info.telephony_account_connection, e164[2:5]) in areas
        }
        busy |= {e164 for e164, number in ours.items() if just_given_up(number, started)}
        kept, fresh, events = [], [], []
        for e164, info in listed.items():
            if e164 in busy:
                continue
            facts = facts_of(info) | {
                "connection": connections.get(info.telephony_account_connection),
                "synced_at": started,
            }
            agent, number = agents.get(info.inbound_agent), ours.get(e164)
            if number and number.status not in AWAY - {NumberStatus.GONE}:
                drift = drift_of(number, info, agent)
                events += told(number, drift)
                # Without its key: our row is found by its number, and only FACTS are written.
                kept.append(Number(e164=e164, **facts, drift=drift, drifted=bool(drift)))
            else:
                fresh.append(taken(info, agent, facts, number, first=first, explained=explained))
        Number.objects.filter(e164__in=busy & ours.keys()).owned().update(synced_at=started)
        write(kept, FACTS)
        write_fresh(fresh, listed, ours)
        if not first:
            reason = "Found in Fluents. It was bought or linked elsewhere."
            events += [Event(action="number.found", number=number, reason=reason) for number in fresh]
        Event.objects.bulk_create(events)


def ours_among(listed: dict[str, fluents.RemoteNumber]) -> dict[str, Number]:
    """Our rows for these numbers, locked: a plan that ends meanwhile writes after us."""
    rows = Number.objects.select_for_update(of=("self",)).select_related("agent").filter(e164__in=listed)
    rows = rows.order_by("pk").defer("answer", "search_text").prefetch_related("tags")
    return {row.e164: row for row in rows}


def being_changed(ours: dict[str, Number], started: datetime) -> set[str]:
    """Numbers that a plan is changing, or has changed since the sync began and so since they were read."""
    rows = PlanRow.objects.filter(
        Q(state=RowState.APPLYING) | Q(state=RowState.DONE, changed_at__gte=started),
        number__in=[number.pk for number in ours.values()],
    )
    return set(rows.values_list("number__e164", flat=True))


def being_bought(listed: dict[str, fluents.RemoteNumber]) -> tuple[set[str], set[tuple[str, str]]]:
    """Numbers that a line is just buying, and connections with area codes where one is bought by its area.

    They come onto the books as bought, not as found.
    """
    lines = Line.objects.filter(state__in=BUYING)
    exact = set(lines.filter(phone_number__in=listed).values_list("phone_number", flat=True))
    return exact, set(lines.filter(by_area_code=True).values_list("connection__api_id", "area_code"))


def just_given_up(number: Number, started: datetime) -> bool:
    """Whether Fluents' list may still lag behind its release."""
    given_up = number.status in AWAY - {NumberStatus.GONE}
    return bool(given_up and number.synced_at and number.synced_at > started - window())


def drift_of(number: Number, info: fluents.RemoteNumber, agent: Agent | None) -> dict:
    """What Fluents says otherwise than our books about a number that both know."""
    ours = {name: getattr(number, name) for name in DRIFTING if name != "agent"}
    ours["agent"] = number.agent.api_id if number.agent else ""
    return differences(ours, theirs_of(SAID(info), agent), number.drift)


def differences(ours: dict, theirs: dict, before: dict) -> dict:
    """Where `ours` and `theirs` differ; and what stays of the differences `before`."""
    drift = {
        name: {"ours": ours[name], "theirs": theirs[name]} for name in DRIFTING if ours[name] != theirs[name]
    }
    return drift | ({"appeared": True} if before.get("appeared") else {})


def theirs_of(said: tuple, agent: Agent | None) -> dict:
    """What Fluents says where our books may say otherwise."""
    theirs = dict(zip(DRIFTING, THEIRS(said), strict=True))
    theirs["agent"] = agent.api_id if agent else ""  # which Fluents may have called by its name
    return theirs


def unchanged(listed: Sequence[tuple]) -> dict[str, int]:
    """The keys of our numbers, by e164, that say what is `listed`, which is what Fluents said last time."""
    agents = agents_for({said[AGENT] for said in listed})
    rows = OURS.rows(numbers=texts(said[NUMBER] for said in listed))
    ours = {row[0]: row[1:] for row in rows}
    differing = Number.objects.filter(pk__in=among(row[1] for row in rows if row[3]))
    drifts = dict(differing.values_list("pk", "drift"))
    same = {}
    for said in listed:
        pk, digest, _, *values = ours.get(said[NUMBER], (0, "", False))
        if pk and digest == digest_of(said):
            mine = dict(zip(DRIFTING, values, strict=True))
            mine["agent"] = mine["agent"] or ""
            before = drifts.get(pk, {})
            if differences(mine, theirs_of(said, agents.get(said[AGENT])), before) == before:
                same[said[NUMBER]] = pk
    return same


def told(number: Number, drift: dict) -> list[Event]:
    """Events for what is new about the differences of `number`."""
    events = []
    if number.status == NumberStatus.GONE:
        events.append(Event(action="number.back", number=number, reason="Fluents lists it again."))
    new = {name: drift[name] for name in DRIFTING if name in drift}
    old = {name: number.drift[name] for name in DRIFTING if name in number.drift}
    if new and new != old:
        before = {name: sides["ours"] for name, sides in new.items()}
        after = {name: sides["theirs"] for name, sides in new.items()}
        reason = "Changed in Fluents. Our records stay the same until someone decides."
        events.append(
            Event(action="number.drifted", number=number, before=before, after=after, reason=reason)
        )
    if old and not new:
        events.append(
            Event(action="number.agreed", number=number, reason="Fluents matches our records again.")
        )
    return events


def taken(
    info: fluents.RemoteNumber,
    agent: Agent | None,
    facts: dict,
    number: Number | None,
    *,
    first: bool,
    explained: bool,
) -> Number:
    """A number as Fluents has it: new to us, or one that we gave up and that is there again."""
    drift = {} if first else {"appeared": True}
    fresh = Number(
        e164=info.number,
        **facts,
        **place_of(info.number),
        agent=agent,
        label=info.label,
        description=info.description,
        outbound_only=info.outbound_only,
        origin=Origin.FOUND,
        holding=number.holding + 1 if number else 1,
        drift=drift,
        drifted=bool(drift),
        standing=Standing.EXPLAINED if explained else Standing.UNEXPLAINED,
    )
    tags = [tag.name for tag in number.tags.all()] if number else info.tags
    describe(fresh, tags)
    return fresh


def write(rows: list[Number], names: list[str]) -> None:
    Number.objects.bulk_create(rows, update_conflicts=True, unique_fields=["e164"], update_fields=names)


def write_fresh(
    fresh: list[Number], listed: dict[str, fluents.RemoteNumber], ours: dict[str, Number]
) -> None:
    """Insert numbers; tags that Fluents has for one become ours when it is new to us."""
    write(fresh, ALL)
    if not fresh:
        return
    keys = dict(Number.objects.filter(e164__in=[row.e164 for row in fresh]).values_list("e164", "pk"))
    for row in fresh:
        row.pk = keys[row.e164]
    wanted = {row.pk: set(listed[row.e164].tags) - {""} for row in fresh if row.e164 not in ours}
    tags = tags_for(name for names in wanted.values() for name in names)
    through = Number.tags.through
    through.objects.bulk_create(
        [through(number_id=pk, tag_id=tags[name].pk) for pk, names in wanted.items() for name in names],
        ignore_conflicts=True,
    )


def unlisted(listed: set[str], started: datetime) -> list[int]:
    """The keys of our numbers that are not `listed`."""
    ours = Number.objects.owned().filter(synced_at__lt=started).order_by()
    rows = ours.values_list("pk", "e164").iterator(chunk_size=1000)
    return [key for key, e164 in rows if e164 not in listed]


def missing(keys: list[int], started: datetime) -> list[tuple[int, str]]:
    """Key and e164 of the numbers with these `keys`, which are not listed, that should have been.

    What was bought a moment ago is left alone: Fluents' reads may lag behind its purchases. So is
    what a plan is giving up.
    """
    unseen = (
        Number.objects.filter(pk__in=among(keys))
        .exclude(bought_at__gt=started - window())
        .exclude(plan_rows__state=RowState.APPLYING)
    )
    return list(unseen.values_list("pk", "e164"))


def call_gone(key: int, started: datetime) -> bool:
    """Mark one number, unless somebody has released or renewed it meanwhile."""
    with transaction.atomic():
        still = Number.objects.owned().filter(pk=key, synced_at__lt=started)
        if not still.update(
            status=NumberStatus.GONE, synced_at=LAST_SEEN, drift={"gone": True}, drifted=True
        ):
            return False
        reason = "Fluents no longer lists it."
        record_event(action="number.gone", number_id=key, reason=reason)
    return True
