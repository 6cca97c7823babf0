"""When the send journal remembers more than the database.

A database restored from a backup believes that lines are still to be bought which were bought
since. Each forgotten send is written into it again: its line becomes `unknown` with that number,
is looked up, and can not be bought a second time. The gate stays paused until a person has
compared books and Fluents.
"""

from django.db import transaction
from django.utils.dateparse import parse_datetime

from ..models import Attempt, Line
from ..states import CANCELLABLE, LineState, Outcome
from . import gate, journal
from .history import db_now
from .moves import move

GONE = (
    "The database knows purchases, but the send journal is gone. It cannot be told whether the database "
    "is complete. Reconcile with Fluents before you open the gate."
)
FORGOTTEN = (
    "The send journal knows {count} purchases that the database did not: it seems to have been restored "
    "from a backup. {replayed} of them are being looked up for their lines; {orphans} belong to orders that "
    "it does not know. Reconcile with Fluents before you open the gate."
)


def check_journal(*, whole: bool) -> bool:
    """Compare send journal and database, and pause everything where they disagree. True when they agree."""
    try:
        missing = journal.missing(whole=whole)
    except OSError as error:
        gate.pause(reason=f"The send journal cannot be read or begun ({error.strerror or error}).")
        return False
    if missing == []:
        return True
    if missing is None:
        gate.pause(reason=GONE, books_doubted=True)
        return False
    missing = journal.missing(whole=True)  # one forgotten send is seldom the only one
    replayed = sum([replay(entry) for entry in missing])
    counts = {"count": len(missing), "replayed": replayed, "orphans": len(missing) - replayed}
    gate.pause(reason=FORGOTTEN.format(**counts), books_doubted=True)
    return False


def replay(entry: dict) -> bool:
    """Write one forgotten send into the books. False when its line is not known here."""
    with transaction.atomic():
        line = (
            Line.objects.select_for_update()
            .filter(order__form_token=entry["order"], position=entry["position"])
            .first()
        )
        if not line:
            return False
        Attempt.objects.create(
            key=entry["key"],
            line=line,
            n=line.attempts.count() + 1,
            generation=line.generation,
            phone_number=entry["phone_number"],
            area_code=entry["area_code"],
            outcome=Outcome.UNKNOWN,
            detail="Known from the send journal only.",
            sent_at=parse_datetime(entry["at"]),
            finished_at=db_now(),
        )
        forgotten(line, entry)
    return True


def forgotten(line: Line, entry: dict) -> None:
    """Bring LINE to where that send had left it: unknown, with the number that was asked for."""
    sent = {
        "phone_number": entry["phone_number"],
        "by_area_code": not entry["phone_number"],
        "sent_at": parse_datetime(entry["at"]),
        "sends": 1,
        "lease_until": None,
    }
    reason = "The send journal says that a purchase was sent for this line. Looking it up."
    if line.state in CANCELLABLE:
        fenced = {"generation": line.generation + 1}
        if line.state == LineState.PLANNED:
            line = move(line, LineState.RESERVED, reason=reason, **sent)
        line = move(line, LineState.SENDING, reason=reason, **sent)
        line = move(line, LineState.UNKNOWN, reason=reason, due_at=db_now(), **fenced, **sent)
    if line.state == LineState.UNKNOWN and (line.by_area_code or line.phone_number != entry["phone_number"]):
        reason = "The send journal and the database disagree about what was sent for this line."
        move(line, LineState.REVIEW, reason=reason, lease_until=None)
