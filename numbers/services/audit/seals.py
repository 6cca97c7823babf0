"""Sealing the history: a chain of hashes in which no event can be changed or left out unseen.

Events are sealed a moment after they were written, by the sweeper. Sealing inside the transactions
that write them would make all of them wait for each other, and buying with them.
"""

import hashlib
import json
import logging
from collections.abc import Iterator
from datetime import UTC, timedelta

from django.db import IntegrityError, connection, transaction

from ..append_only import missing
from ..models import Event, Seal
from .history import db_now

log = logging.getLogger("numbers.sealing")

BATCH = 2000
LOOK_BACK = 2000  # ids behind the newest seal that each round looks at; PostgreSQL may commit out of order
OVERDUE = timedelta(minutes=10)
FIELDS = [
    "id", "actor_id", "actor_name", "address", "action", "order_id", "line_id", "number_id", "plan_id",
    "before", "after", "reason", "request_id",
]  # fmt: skip


def digest(event: Event, previous: str) -> str:
    """The hash of EVENT as it was read from the database, and of the link before."""
    content = {name: getattr(event, name) for name in FIELDS}
    content["at"] = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def head() -> Seal | None:
    """The newest link. Whoever keeps a copy of it elsewhere can prove all that came before."""
    return Seal.objects.order_by("-n").first()


def seal(*, whole: bool = False) -> int:
    """Seal what is not sealed yet, oldest first; how many events. WHOLE looks at all of them, not the last.

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
        return 0  # somebody else was faster; the next round goes on behind them
    return len(links)


def seal_all() -> None:
    """Seal the whole history, and say in the log how far it reaches: a copy outside the database."""
    while seal(whole=True):
        pass
    if last := head():
        log.info("the history is sealed up to %s", last)


def faults(*, expected: str = "") -> Iterator[str]:
    """What is wrong with the history, for people. EXPECTED is an earlier head, kept elsewhere."""
    for name in missing(connection):
        yield f"The database does not guard the history: {name} is missing. `manage.py migrate` puts it up."
    n, previous = 0, ""
    heads = set()
    for link in Seal.objects.select_related("event").order_by("n").iterator(chunk_size=BATCH):
        if link.n != n + 1:
            yield f"Seal {n + 1} is missing, or its event is gone."
        if link.hash != digest(link.event, previous):
            yield f"Event {link.event_id} ({link.event.action}) is not what seal {link.n} was made of."
        n, previous = link.n, link.hash
        if str(link) == expected:
            heads.add(expected)
    if expected and expected not in heads:
        yield f"The history does not contain {expected}: it was cut off or made anew."
    late = Event.objects.filter(seal=None, at__lt=db_now() - OVERDUE).order_by("pk")
    for event in late[:20]:
        yield f"Event {event.pk} ({event.action}) was never sealed. Does the worker run?"
