"""The send journals that the database knows: whose they are, who is alive, and who owes a report.

Where a journal shows that the database is older than it should be, each other journal may know purchases
that the database has forgotten, too. Buying stays paused until all of them have been compared with it.
"""

import socket
import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from numbers.db.clock import JUMP, db_now
from numbers.db.memory import Remembered
from numbers.models import Attempt, Journal
from numbers.permissions import Right
from numbers.services.audit.events import SYSTEM, Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.errors import NotDone

from . import gate, journal

LIVE = timedelta(minutes=3)  # a journal seen this lately is in use
GONE = (
    "The send journal {path} on {machine} is gone, so we can't tell whether the database is complete."
    " Compare with Fluents before you resume buying."
)
STRANGER = (
    "The worker on {machine} has no send journal yet, and no other worker can confirm the database is"
    " complete. Compare with Fluents before you resume buying."
)
DAMAGED = "The send journal {path} on {machine} can't be read. Compare with Fluents before you resume buying."


class UnknownJournal(NotDone):
    """No journal in use has that name; the text says so, for people."""


def own() -> Journal | None:
    """The journal of this machine as the database knows it, begun where there is none.

    None where it has just been begun although there should be one: then buying is paused. Raises OSError.
    """
    with suppress(journal.Damaged):
        mine = journal.identity()
        if mine and (row := in_use().filter(pk=mine.journal).first()):
            return row
    with journal.beginning():
        return _own_or_begun()


def _own_or_begun() -> Journal | None:
    try:
        mine = journal.identity()
    except journal.Damaged:
        journal.set_aside("damaged")
        return _begin(DAMAGED)
    if mine is None:
        return _begin("")
    row = Journal.objects.filter(pk=mine.journal).first()
    if row is None:  # the database is older than the journal; comparing will say so
        return _register(mine)
    if row.retired_at:
        journal.set_aside("retired")
        return _begin("")
    return row


def here() -> str:
    """This machine's journal, in words for a pause that ends once it can be written again."""
    return f"{socket.gethostname()}:{journal.path()}"


def in_use() -> QuerySet[Journal]:
    return Journal.objects.filter(retired_at=None).order_by("name")


def live() -> QuerySet[Journal]:
    """Journals whose worker is at work."""
    return in_use().filter(seen_at__gt=db_now() - LIVE)


def missing() -> QuerySet[Journal]:
    """Journals that have not reported since the database was doubted."""
    return in_use().filter(awaited=True)


def named(name: str) -> Journal:
    """The journal in use that `name` means. Raises UnknownJournal."""
    if row := in_use().filter(name=name).first():
        return row
    names = ", ".join(in_use().values_list("name", flat=True)) or "none"
    raise UnknownJournal(f"No journal in use is named {name}. In use: {names}.")


def doubt(
    reason: str, *, reporter: Journal | None, since: datetime | None = None, heard_of: Iterable[dict] = ()
) -> None:
    """Pause buying until each journal in use has reported, but for `reporter`, which is about to.

    `since` is a time at which the database was still complete: who was last seen well before, and is not
    among `heard_of` (entries of `names_of_live`), was not at work after it and owes nothing.
    """
    with transaction.atomic():
        gate.locked()
        heard = {uuid.UUID(info["id"]) for info in heard_of}
        for info in heard_of:
            _know(uuid.UUID(info["id"]), info["name"], info["machine"], info["path"], seen_at=since)
        owing = in_use() if since is None else in_use().filter(Q(seen_at__gt=since - LIVE) | Q(pk__in=heard))
        for row in owing:
            if row != reporter:
                in_use().filter(pk=row.pk).update(awaited=True)
        gate.pause(reason=reason, books_doubted=True)


def reported(row: Journal, *, words: str = "") -> None:
    """`row` was compared with the database from its end back. `words` say what it knew."""
    with transaction.atomic():
        gate.locked()
        owed = in_use().filter(pk=row.pk, awaited=True).update(awaited=False)
        Journal.objects.filter(pk=row.pk).update(reported_at=db_now(), seen_at=db_now())
        if owed or words:
            words = words or "It has nothing that the database doesn't have."
            record_event(
                action="journal.reported", after={"journal": row.name}, reason=f"{row.name}: {words}"
            )


@needs(Right.OPEN)
def retire(*, name: str, by: Actor, reason: str) -> Journal:
    """End a journal for good: it owes no report any more, and its file is not used again."""
    with transaction.atomic():
        gate.locked()
        row = named(name)
        row.retired_at, row.awaited = db_now(), False
        row.save(update_fields=["retired_at", "awaited"])
        record_event(
            action="journal.retired", by=by, after={"journal": row.name}, reason=f"{row.name}: {reason}"
        )
    return row


def seen(row: Journal) -> None:
    Journal.objects.filter(pk=row.pk).update(seen_at=db_now())


def mend_times() -> int:
    """No worker began, or was seen, later than now, whatever a clock said that was ahead; how many rows."""
    now = db_now()
    names = ("begun_at", "seen_at", "started_at", "reported_at")
    return sum(Journal.objects.filter(**{f"{name}__gt": now + JUMP}).update(**{name: now}) for name in names)


def names_of_live() -> list[dict]:
    """What a journal keeps of the others, so that a restored database can learn of them again."""
    rows = live().values("id", "name", "machine", "path")
    return [{**row, "id": str(row["id"])} for row in rows]


lately_live = Remembered(names_of_live, seconds=5.0)
lately_own = Remembered(own, seconds=2.0)  # a report that is awaited keeps buying paused in any case


def _begin(why: str) -> Journal | None:
    """Begin a journal. None, and buying is paused, where there should be one already, or `why` says so."""
    machine, path = socket.gethostname(), str(journal.path())
    fresh = Journal(name=_free_name(machine), machine=machine, path=path)
    before = list(in_use())
    if any((row.machine, row.path) == (machine, path) for row in before):
        why = why or GONE
    elif Attempt.objects.exists() and not any(row.seen_at > db_now() - LIVE for row in before):
        why = why or STRANGER
    with transaction.atomic():  # before the file: with one, nothing asks whether there was another
        fresh.save(force_insert=True)
        if why:
            doubt(why.format(path=path, machine=machine), reporter=fresh)
    journal.begin(journal.Identity(journal=str(fresh.pk), name=fresh.name))
    record_event(action="journal.begun", by=SYSTEM, after={"journal": fresh.name}, reason=f"{machine}:{path}")
    return None if why else fresh


def _register(mine: journal.Identity) -> Journal:
    return _know(uuid.UUID(mine.journal), mine.name, socket.gethostname(), str(journal.path()))


def _know(pk: uuid.UUID, name: str, machine: str, path: str, *, seen_at: datetime | None = None) -> Journal:
    fields = {"name": _free_name(name), "machine": machine, "path": path, "seen_at": seen_at or db_now()}
    return Journal.objects.get_or_create(pk=pk, defaults=fields)[0]


def _free_name(wanted: str) -> str:
    """`wanted`, or with the lowest number behind it that makes it a name of its own."""
    taken = set(Journal.objects.values_list("name", flat=True))
    n, name = 1, wanted
    while name in taken:
        n += 1
        name = f"{wanted}-{n}"
    return name
