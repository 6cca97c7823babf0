"""When the send journal remembers more than the database.

A database restored from a backup believes that lines are still to be bought which were bought since. Each
forgotten send is written into it again, with its order where that is forgotten, too: its line becomes
`unknown` with that number, is looked up, and cannot be bought a second time. Buying stays paused until every
journal has reported and a person has compared books and Fluents.
"""

from typing import Any

from numbers.db.clock import db_now
from numbers.models import Journal, Seal
from numbers.services.audit import seals
from numbers.services.spending import comparison, gate, journal, registry

from .replay import count_forgotten_orders, replay

FORGOTTEN = (
    "The send journal {name} has {sends} that the database doesn't{orders}. The database seems to have"
    " been restored from a backup. Each purchase is being checked. Compare with Fluents before you resume"
    " buying."
)
OLDER = (
    "The send journal {name} has a later history than the database, which seems to have been restored"
    " from a backup. Compare with Fluents before you resume buying."
)
UNREADABLE = (
    "The end of the send journal {name} can't be read. It may contain a purchase missing from our"
    " records. Compare with Fluents before you resume buying."
)
UNUSABLE = "The send journal can't be read or created ({error})."


def check_journal(*, whole: bool) -> bool:
    """Compare send journal and database, and pause buying where they disagree. True when they agree.

    `whole` goes back as far as they can differ; otherwise the last entries alone are asked for, and the rest
    only where those disagree or a report is awaited.
    """
    try:
        row = registry.own() if whole else registry.lately_own()
        if row is None:
            return False
        if not whole and not row.awaited and comparison.agrees_lately():
            return True
        return report(row)
    except OSError as error:
        gate.pause(reason=UNUSABLE.format(error=error.strerror or error), heals_with=registry.here())
        return False


def start_journal() -> bool:
    """`check_journal` for a worker that starts: Fluents is looked at before it buys."""
    agrees = check_journal(whole=True)
    try:
        if row := registry.own():
            Journal.objects.filter(pk=row.pk).update(started_at=db_now(), seen_at=db_now())
            keep_seal()
    except OSError as error:
        gate.pause(reason=UNUSABLE.format(error=error.strerror or error), heals_with=registry.here())
        return False
    return agrees


def keep_journal() -> None:
    """What a worker does every few seconds: be seen, report where that is awaited, keep the minute's seal."""
    due, head = comparison.seal_is_due(registry.names_of_live()), seals.head()
    if not check_journal(whole=False):
        return
    if row := registry.own():
        # A database that did not know this journal has forgotten when its worker began, too.
        now = db_now()
        Journal.objects.filter(pk=row.pk).update(seen_at=now, started_at=row.started_at or now)
    if due or gate.current().heals_with == registry.here():
        keep_seal(head)
        gate.heal(registry.here())


def keep_seal(head: Seal | None = None) -> None:
    """Write the newest seal of the history, or `head`, into the journal. Raises OSError."""
    entry = journal.head_entry(head or seals.head(), live=registry.names_of_live(), at=db_now())
    journal.append(entry)


def report(row: Journal) -> bool:
    """Compare from the journal's end back, and write into the database what it has forgotten.

    True when they agree. Raises OSError.
    """
    found = comparison.compare()
    if found.agrees:
        registry.reported(row)
        return True
    words = _in_words(row, found)
    heard_of = found.heard_of.values()
    registry.doubt(words, reporter=row, since=found.complete_at, heard_of=heard_of)  # before anything else
    for sends in _by_line(found.forgotten):
        replay(sends)
    registry.reported(row, words=words)
    Journal.objects.filter(pk=row.pk, started_at__isnull=False).update(started_at=db_now())  # look again
    keep_seal()  # from here on the journal knows this database
    return False


def _in_words(row: Journal, found: comparison.Comparison) -> str:
    if found.forgotten:
        count, orders = len(found.forgotten), count_forgotten_orders(found.forgotten)
        return FORGOTTEN.format(
            name=row.name,
            sends="a purchase" if count == 1 else f"{count} purchases",
            orders=f", and {orders} whole order{'s' * (orders > 1)}" if orders else "",
        )
    return (OLDER if found.older else UNREADABLE).format(name=row.name)


def _by_line(sends: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    lines: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for send in sends:
        lines.setdefault((send["order"], send["position"]), []).append(send)
    return list(lines.values())
