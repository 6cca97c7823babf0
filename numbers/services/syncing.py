"""Pulling connections, agents and numbers from Fluents into the local copy."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from django.conf import settings
from django.db.models import F

from .. import fluents
from ..models import Agent, Connection, Event, Gate, Number
from .api import client
from .history import SYSTEM, By, db_now, record
from .inventory import refresh_search_text
from .mirroring import keep_page, mark_gone

Progress = Callable[[str, int], None]


@dataclass(slots=True)
class Counts:
    """How many rows a sync saw, and how many numbers are gone at Fluents."""

    connections: int = 0
    agents: int = 0
    numbers: int = 0
    gone: int = 0


def sync(*, by: By = SYSTEM, progress: Progress = lambda what, count: None) -> Counts:
    """Read everything and bring the local copy up to date; rows that are gone are marked, never deleted.

    PROGRESS is called with what is being read and how many rows so far. Raises FluentsError, which is
    also kept for the pages; what was read until then stays.
    """
    started, counts = db_now(), Counts()
    try:
        counts.connections = sync_connections(started, progress)
        counts.agents = sync_agents(started, progress)
        counts.numbers, counts.gone = sync_numbers(started, progress)
    except fluents.FluentsError as error:
        Gate.objects.filter(pk=Gate.SINGLE).update(sync_error=error.user_message[:500])
        raise
    Gate.objects.filter(pk=Gate.SINGLE).update(synced_at=db_now(), sync_error="")
    record(action="sync.finished", by=by, after={"numbers": counts.numbers, "gone": counts.gone})
    return counts


def sync_connections(started: datetime, progress: Progress) -> int:
    telephony = set(settings.TELEPHONY_PROVIDERS)
    rows = [
        Connection(
            api_id=info.id,
            telephony_provider=info.provider,
            label=info.label,
            description=info.description,
            synced_at=started,
        )
        for info in client().connections()
        if info.provider in telephony
    ]
    return upsert(Connection, rows, ["telephony_provider", "label", "description"], started, progress)


def sync_agents(started: datetime, progress: Progress) -> int:
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
        for info in client().agents()
    ]
    count = upsert(Agent, rows, ["name", "label", "language", "description"], started, progress)
    Agent.objects.filter(known_as="").exclude(synced_at=None).update(known_as=F("name"))
    tell_agents(before)
    return count


def tell_agents(before: dict[str, Agent]) -> None:
    """Events for agents that vanished, came back or changed their name, and their new name on numbers."""
    events = []
    for agent in Agent.objects.filter(api_id__in=before):
        old = before[agent.api_id]
        was, now = {"agent": old.api_id, "name": str(old)}, {"agent": agent.api_id, "name": str(agent)}
        if agent.gone_at and not old.gone_at:
            events.append(Event(action="agent.gone", before=was, reason=f"{old} is gone at Fluents."))
        elif old.gone_at and not agent.gone_at:
            events.append(Event(action="agent.back", after=now, reason=f"{agent} is back at Fluents."))
        if str(old) != str(agent):
            refresh_search_text(agent.numbers.all())
            if old.synced_at:
                reason = f"{old} is called {agent} at Fluents now."
                events.append(Event(action="agent.renamed", before=was, after=now, reason=reason))
    Event.objects.bulk_create(events)


def upsert(kind: type, rows: list, fields: list[str], started: datetime, progress: Progress) -> int:
    """Write ROWS by their id at Fluents and mark those that were not listed any more."""
    rows = list({row.api_id: row for row in rows}.values())  # a list that shifts shows a row twice
    kind.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["api_id"],
        update_fields=[*fields, "synced_at", "gone_at"],
    )
    kind.objects.filter(synced_at__lt=started, gone_at=None).update(gone_at=started)
    progress(str(kind._meta.verbose_name_plural), len(rows))
    return len(rows)


def sync_numbers(started: datetime, progress: Progress) -> tuple[int, int]:
    """Every number. The first sync takes all as it is; later ones mark what differs from our books."""
    synced_before = Gate.objects.filter(synced_at__isnull=False).exists()
    first, count = not (synced_before and Number.objects.exists()), 0
    for page in batched(client().numbers(), 100):
        keep_page(page, started, first=first)
        count += len(page)
        progress("numbers", count)
    return count, mark_gone(started)
