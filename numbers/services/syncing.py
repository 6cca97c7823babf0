"""Pulling connections, agents and numbers from Fluents into the local copy."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import batched

from django.conf import settings

from .. import fluents
from ..models import Agent, Connection, Gate, Number
from ..states import NumberStatus
from .api import client
from .history import SYSTEM, By, db_now, record
from .looking import window

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
    rows = [
        Agent(
            api_id=info.id,
            name=info.name,
            label=info.label,
            language=info.language,
            description=info.description,
            synced_at=started,
        )
        for info in client().agents()
    ]
    return upsert(Agent, rows, ["name", "label", "language", "description"], started, progress)


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
    count = 0
    for page in batched(client().numbers(), 100):
        keep_page(page, started)
        count += len(page)
        progress("numbers", count)
    return count, mark_gone(started)


def keep_page(infos: Iterable[fluents.Number], started: datetime) -> None:
    """Insert or renew the local copies of a page, in a fixed number of queries."""
    by_number = {info.number: info for info in infos}
    connections = known(Connection, {i.telephony_account_connection for i in by_number.values()})
    agents = known(Agent, {i.inbound_agent for i in by_number.values()})
    rows = [
        Number(
            e164=info.number,
            api_id=info.id,
            telephony_provider=info.telephony_provider,
            connection=connections.get(info.telephony_account_connection),
            agent=agents.get(info.inbound_agent),
            label=info.label,
            description=info.description,
            outbound_only=info.outbound_only,
            status=NumberStatus.ACTIVE if info.active else NumberStatus.INACTIVE,
            tags=list(info.tags),
            answer=info.as_json(),
            synced_at=started,
        )
        for info in by_number.values()
    ]
    Number.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["e164"],
        update_fields=[
            "api_id",
            "telephony_provider",
            "connection",
            "agent",
            "label",
            "description",
            "outbound_only",
            "status",
            "tags",
            "answer",
            "synced_at",
        ],
    )


def known(kind: type, references: set[str]) -> dict:
    """The rows for these ids at Fluents; bare ones are made for ids that nothing has listed."""
    references.discard("")
    found = {row.api_id: row for row in kind.objects.filter(api_id__in=references)}
    if missing := references - found.keys():
        kind.objects.bulk_create([kind(api_id=ref) for ref in sorted(missing)], ignore_conflicts=True)
        found |= {row.api_id: row for row in kind.objects.filter(api_id__in=missing)}
    return found


def mark_gone(started: datetime) -> int:
    """Mark numbers that were not listed; each is asked for first, as lists shift between two pages.

    What was bought a moment ago is left alone: Fluents' reads may lag behind its purchases.
    """
    gone = 0
    unseen = Number.objects.owned().filter(synced_at__lt=started).exclude(bought_at__gt=started - window())
    for number in unseen.iterator(chunk_size=500):
        if client().find_number(number.e164) is None:
            number.status = NumberStatus.GONE
            number.save(update_fields=["status"])
            record(action="number.gone", number=number, reason="Fluents does not list it any more.")
            gone += 1
    return gone
