"""Pulling connections, agents and numbers from Fluents into the local copy."""

import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from tempfile import TemporaryFile
from typing import BinaryIO

from django.conf import settings
from django.db.models import F

from numbers import fluents
from numbers.db.clock import db_now
from numbers.db.sql import among
from numbers.models import Agent, Connection, Event, Number, SyncState
from numbers.services.audit.events import SYSTEM, Actor, record_event
from numbers.services.fluents_client import client

from . import account
from .holds import hold_areas
from .merge import NUMBER, call_gone, keep_page, missing, unchanged, unlisted
from .sightings import can_share
from .upsert import SAID, number_of, refresh_search_text

PORTION, PAGE = 1000, 100  # numbers that are compared together, and written together

Progress = Callable[[str, int], None]


@dataclass(slots=True)
class Counts:
    """How many rows a sync saw, how many could not be read, and how many numbers are gone at Fluents."""

    connections: int = 0
    agents: int = 0
    numbers: int = 0
    gone: int = 0
    unreadable: int = 0


def sync(*, by: Actor = SYSTEM, progress: Progress = lambda what, count: None) -> Counts:
    """Read everything and bring the local copy up to date; rows that are gone are marked, never deleted.

    Everything is read before anything is written. Nothing is marked as gone where a row could not be read,
    since that row may be the one that is missing; and nothing is written at all, and buying is paused, where
    the account is another one or suspiciously much is gone. `progress` is called with what is being read and
    how many rows so far. Raises FluentsError, which is also kept for the pages.
    """
    started, counts = db_now(), Counts()
    try:
        api = client()
        listings = (api.connections(), api.agents(), api.numbers())
        connections, agents = list(listings[0]), list(listings[1])
        with TemporaryFile() as file:
            listed = kept(listings[2], file)
            counts.unreadable = sum(listing.unreadable for listing in listings)
            unseen = unlisted(listed, started)
            gone = [] if counts.unreadable else account.believable(missing(unseen, started))
            together = not unseen and can_share()
            counts.connections = sync_connections(connections, started, progress)
            counts.agents = sync_agents(agents, started, progress)
            counts.numbers = sync_numbers(again(file), started, progress, mark=not together)
        if not counts.unreadable:
            if not any(listing.hidden for listing in listings[:2]):  # of these there is no look-up
                mark_missing(started)
            counts.gone = sum(call_gone(key, started) for key in gone)
        account.claim(api)
    except fluents.FluentsError as error:
        not_read(error)
        raise
    account.no_doubt()
    unread = ", ".join(listing.unread for listing in listings if listing.unreadable)
    said = f"{unread}, so nothing was marked as gone."[:500] if unread else ""
    SyncState.objects.update(synced_at=db_now(), error=said, seen_at=started if together else F("seen_at"))
    after = {"numbers": counts.numbers, "gone": counts.gone}
    if counts.unreadable:
        after["unreadable"] = counts.unreadable
    record_event(action="sync.finished", by=by, after=after)
    return counts


def not_read(error: fluents.FluentsError) -> None:
    """Keep for the pages, and for lines that wait for it, why Fluents could not be read."""
    account.ask_about(error)
    said = error.user_message[:500]
    SyncState.objects.exclude(error=said).update(error=said)  # the same once more is no news for open pages


def kept(listing: Iterable[fluents.RemoteNumber], file: BinaryIO) -> set[str]:
    """Put all numbers of `listing` into `file`, as there may be millions; the numbers alone."""
    listed: set[str] = set()
    for page in batched(listing, 100):
        pickle.dump([SAID(number) for number in page], file)
        listed |= {number.number for number in page}
    return listed


def again(file: BinaryIO) -> Iterator[tuple]:
    """What `kept` put into `file`: what Fluents said of each number."""
    file.seek(0)
    with suppress(EOFError):
        while True:
            yield from pickle.load(file)  # noqa: S301 -- a file without a name, of this process alone


def sync_connections(listing: Iterable[fluents.Connection], started: datetime, progress: Progress) -> int:
    telephony = set(settings.TELEPHONY_PROVIDERS)
    rows = [
        Connection(
            api_id=info.id,
            telephony_provider=info.provider,
            label=info.label,
            description=info.description,
            synced_at=started,
        )
        for info in listing
        if info.provider in telephony
    ]
    return upsert(Connection, rows, ["telephony_provider", "label", "description"], progress)


def sync_agents(listing: Iterable[fluents.Agent], started: datetime, progress: Progress) -> int:
    before = {agent.api_id: agent for agent in Agent.objects.all()}
    rows = [
        Agent(
            api_id=info.id,
            name=info.name,
            known_as=info.name,  # on first sight; later the name that a person acknowledged stays
            label=info.label,
            language=info.language,
            description=info.description,
            synced_at=started,
        )
        for info in listing
    ]
    count = upsert(Agent, rows, ["name", "label", "language", "description"], progress)
    Agent.objects.filter(known_as="").exclude(synced_at=None).update(known_as=F("name"))
    tell_agents(before)
    return count


def tell_agents(before: dict[str, Agent]) -> None:
    """Events for agents that came back or changed their name, and their new name on numbers."""
    events = []
    for agent in Agent.objects.filter(api_id__in=before):
        old = before[agent.api_id]
        was, now = {"agent": old.api_id, "name": str(old)}, {"agent": agent.api_id, "name": str(agent)}
        if old.gone_at and not agent.gone_at:
            reason = f"{agent} is back in Fluents."
            events.append(Event(action="agent.back", agent=agent, after=now, reason=reason))
        if str(old) != str(agent):
            refresh_search_text(agent.numbers.all())
            if old.synced_at:
                reason = f"{old} is now called {agent} in Fluents."
                events.append(
                    Event(action="agent.renamed", agent=agent, before=was, after=now, reason=reason)
                )
    Event.objects.bulk_create(events)


def upsert[M: (Agent, Connection)](
    kind: type[M], rows: list[M], fields: list[str], progress: Progress
) -> int:
    """Write `rows` by their id at Fluents."""
    rows = list({row.api_id: row for row in rows}.values())  # a list that shifts shows a row twice
    kind.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["api_id"],
        update_fields=[*fields, "synced_at", "gone_at"],
    )
    progress(str(kind._meta.verbose_name_plural), len(rows))
    return len(rows)


def mark_missing(started: datetime) -> None:
    """Mark connections and agents that were not listed any more."""
    Connection.objects.filter(synced_at__lt=started, gone_at=None).update(gone_at=started)
    agents = Agent.objects.filter(synced_at__lt=started, gone_at=None)
    events = [
        Event(
            action="agent.gone",
            agent=agent,
            before={"agent": agent.api_id, "name": str(agent)},
            reason=f"{agent} was deleted in Fluents.",
        )
        for agent in agents
    ]
    agents.update(gone_at=started)
    Event.objects.bulk_create(events)


def sync_numbers(
    listing: Iterable[tuple], started: datetime, progress: Progress, *, mark: bool = False
) -> int:
    """Every number that Fluents lists, as plain values. The first sync takes all as it is; later ones mark
    what differs from our books.

    Of what does not differ nothing is written, or where `mark`, that it was seen; and nothing is locked.
    """
    first, count = SyncState.objects.filter(looked_at=None, synced_at=None).exists(), 0
    for portion in batched(listing, PORTION):
        same = {} if first else unchanged(portion)
        if mark:
            Number.objects.owned().filter(pk__in=among(same.values())).update(synced_at=started)
        news = (number_of(said) for said in portion if said[NUMBER] not in same)
        for page in batched(news, PAGE):
            keep_page(page, started, first=first)
        count += len(portion)
        progress("numbers", count)
    return count


def look() -> int:
    """Read every number, as a worker does before its first purchase; how many hold lines.

    Raises FluentsError.
    """
    started = db_now()
    try:
        api = client()
        listing = api.numbers()
        sync_numbers(map(SAID, listing), started, lambda what, count: None)
        listing.require_still()
        account.claim(api)
    except fluents.Unsupported:
        pass  # this API cannot be asked, and the pages say so
    except fluents.FluentsError as error:
        not_read(error)
        raise
    held = hold_areas()
    SyncState.objects.update(looked_at=started)
    return held
