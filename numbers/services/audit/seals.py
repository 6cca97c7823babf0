"""Sealing the history: a chain of hashes in which no event can be changed or left out unseen.

Events are sealed a moment after they were written, by the scheduler. Sealing inside the transactions
that write them would make all of them wait for each other, and buying with them.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from datetime import UTC, timedelta

from django.db import IntegrityError, OperationalError, connection, transaction

from numbers.db.append_only import missing_at_end, weak_points
from numbers.db.clock import db_now
from numbers.models import Event, Seal

log = logging.getLogger(__name__)

BATCH = 2000
LOOK_BACK = 2000  # ids behind the newest seal that each round looks at; PostgreSQL may commit out of order
OVERDUE = timedelta(minutes=10)
TRIES = 20
FIELDS = [
    "id", "actor_id", "actor_name", "address", "action", "order_id", "line_id", "number_id", "plan_id",
    "agent_id", "before", "after", "reason", "request_id",
]  # fmt: skip


def digest(event: Event, previous: str) -> str:
    """The hash of `event` as it was read from the database, and of the link before."""
    content = {name: getattr(event, name) for name in FIELDS}
    content["at"] = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def head() -> Seal | None:
    """The newest link. A copy of it kept elsewhere can prove all that came before."""
    return Seal.objects.order_by("-n").first()


def seal(*, whole: bool = False) -> int:
    """Seal what is not sealed yet, oldest first; how many events. `whole` looks at all of them, not the last.

    Two that seal at once take the same N, and the database lets one of them through.
    """
    last = head()
    n, previous = (last.n, last.hash) if last else (0, "")
    events = Event.objects.filter(seal=None).order_by("pk")
    if last and not whole:
        events = events.filter(pk__gt=last.event_id - LOOK_BACK)
    links = []
    for n, event in enumerate(events[:BATCH], start=n + 1):  # noqa: B020 -- counts on from the last link
        previous = digest(event, previous)
        links.append(Seal(n=n, event=event, hash=previous))
    try:
        with transaction.atomic():
            Seal.objects.bulk_create(links)
    except IntegrityError:
        return 0  # somebody else was faster; the next round continues behind them
    return len(links)


def seal_up_to(event: Event) -> None:
    """Seal `event`, of the caller's transaction, and all before it: for what may wait for no later round."""
    for _ in range(TRIES):
        while seal() == BATCH:
            pass
        if Seal.objects.filter(event=event).exists():
            return
    raise OperationalError(f"event {event.pk} couldn't be sealed because other writers kept sealing")


def seal_all() -> None:
    """Seal the whole history, and say in the log how far it reaches: a copy outside the database."""
    while seal(whole=True):
        pass
    if last := head():
        log.info("the history is sealed up to %s", last)


def faults(*, expected: str = "") -> Iterator[str]:
    """What is wrong with the history, for people. `expected` is an earlier head, kept elsewhere."""
    for point in weak_points(connection):
        yield f"The database doesn't protect the history: {point}. Run `manage.py migrate`."
    n, previous = 0, ""
    heads = set()
    for link in Seal.objects.select_related("event").order_by("n").iterator(chunk_size=BATCH):
        if link.n != n + 1:
            yield f"Seal {n + 1} is missing, or its event is gone."
        if link.hash != digest(link.event, previous):
            yield f"Event {link.event_id} ({link.event.action}) doesn't match seal {link.n}."
        n, previous = link.n, link.hash
        if str(link) == expected:
            heads.add(expected)
    if expected and expected not in heads:
        yield f"The history doesn't contain {expected}. It was truncated or recreated."
    if gone := missing_at_end(connection, Event._meta.db_table):
        yield (
            f"Events {gone[0]} to {gone[1]} are missing at the end of the history. They were removed, or"
            f" a write failed just now."
        )
    late = Event.objects.filter(seal=None, at__lt=db_now() - OVERDUE).order_by("pk")
    for event in late[:20]:
        yield f"Event {event.pk} ({event.action}) was never sealed. Check that the worker is running."
