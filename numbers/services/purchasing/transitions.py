"""How a line is taken, moved on and given back: compare-and-set, always.

A worker owns a line from `claim` until its lease runs out. Every write names the state and
the generation that it believes in; when another worker or the sweeper was faster it changes
no row and `LeaseLost` ends the attempt to write.

A supervisor starts one process after the other in the same place. Leases carry their holder's
place, so that each process can free at once what the one before it held when it died.
"""

import copy
import logging
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from ..models import Agent, Connection, Line, Order
from ..models.buying import LineQuerySet
from ..prepared import Change, Prepared, columns_of, read
from ..statements import slot
from ..states import BUYABLE, FINAL, MOVES, LineState
from .failpoints import reached
from .history import SYSTEM, By, db_now, record
from .telling import tell_review

log = logging.getLogger("numbers.moves")


class LeaseLost(Exception):
    """Somebody else has the line now; whatever we know about it is stale."""


class IllegalMove(Exception):
    """A move that `states.MOVES` does not have: a bug, or a person who was too late."""


RELATED = {"order": Order, "connection": Connection, "agent": Agent}
TAKE = Change(
    lambda _: Line.objects.filter(pk=slot("pk")).due(),
    lambda lease: {
        "lease_until": Now() + lease,
        "lease_by": slot("place"),
        "generation": F("generation") + 1,
    },
)
TAKEN = Prepared(
    lambda: (
        Line.objects.filter(pk=slot("pk"))
        .order_by()
        .values_list(
            *(column for name, kind in RELATED.items() for column in columns_of(kind, f"{name}__")),
            *columns_of(Line),
        )
    )
)


def same(approved: bool) -> LineQuerySet:
    """The line as its holder knows it; APPROVED: its order, too, is one that may be bought."""
    lines = Line.objects.filter(pk=slot("pk"), state=slot("state"), generation=slot("generation"))
    if not approved:
        return lines
    return lines.filter(order__in=Order.objects.filter(pk=slot("order"), approval__in=BUYABLE))


SAME = Change(same)
_place = ""  # a process that nobody succeeds has none: its leases run out


def take_place(place: str) -> None:
    """From now on this process's leases are those of PLACE."""
    global _place
    _place = place


def lease() -> timedelta:
    return timedelta(seconds=settings.LEASE_SECONDS)


def claim(*, line_id: int) -> Line | None:
    """Take the line if it is due and free; None when it is not, or somebody was faster."""
    if not TAKE.rows(lease(), pk=line_id, place=_place):
        return None
    reached("line.claimed")
    values, kept = TAKEN.row(pk=line_id), {}
    for name, kind in RELATED.items():
        of_it, values = values[: (width := len(columns_of(kind)))], values[width:]
        kept[name] = None if of_it[0] is None else read(kind, of_it)
    line = read(Line, values)
    line._state.fields_cache |= kept
    return line


def joined() -> AbstractContextManager:
    """The caller's transaction, or one of our own: without a savepoint, as nobody goes on after a failure."""
    return nullcontext() if connection.in_atomic_block else transaction.atomic()


def move(
    line: Line,
    to: str,
    *,
    reason: str,
    by: By = SYSTEM,
    about: dict | None = None,
    now: datetime | None = None,
    **fields,
) -> Line:
    """Move LINE to the state TO and write the event, in one transaction. Returns the line as it is now.

    FIELDS are further columns; ABOUT goes into the event; NOW spares a question to the database. The
    lease is kept, or ended with a final state. Raises IllegalMove, or LeaseLost when the row is no longer
    as LINE says.
    """
    if (line.state, to) not in MOVES:
        raise IllegalMove(f"a line cannot go from {line.state} to {to}")
    now = now or db_now()
    fields |= {"state": to, "reason": reason[:500], "changed_at": now}
    if to in FINAL:
        fields |= {"settled_at": now, "lease_until": None}
    elif "lease_until" not in fields:
        fields["lease_until"] = now + lease()
    with joined():
        _write(line, fields)
        event = record(
            action=f"line.{to}",
            by=by,
            order_id=line.order_id,
            line_id=line.pk,
            number=fields.get("number"),
            before={"state": str(line.state)},
            after={"state": str(to), **(about or {})},
            reason=reason,
        )
        if to == LineState.REVIEW:
            tell_review(line=line, event=event)
        transaction.on_commit(partial(_tell, line, to))
    return _changed(line, fields)


def _tell(line: Line, to: str) -> None:
    ids = {"line_id": line.pk, "order_id": line.order_id}
    log.info("line %s: %s -> %s", line.pk, line.state, to, extra=ids)


def wait(line: Line, *, until: datetime, **fields) -> None:
    """Give LINE back, due again at UNTIL. Raises LeaseLost."""
    _write(line, fields | {"lease_until": None, "due_at": until, "changed_at": db_now()})


def _write(line: Line, fields: dict) -> None:
    as_known = {"pk": line.pk, "state": str(line.state), "generation": line.generation}
    # Whoever got it this far: not without approval.
    approved = fields.get("state") == LineState.SENDING
    if SAME.rows(approved, fields=fields, order=line.order_id, **as_known) != 1:
        raise LeaseLost(f"line {line.pk} has moved on")


def _changed(line: Line, fields: dict) -> Line:
    line = copy.copy(line)
    for name, value in fields.items():
        setattr(line, name, value)
    return line
