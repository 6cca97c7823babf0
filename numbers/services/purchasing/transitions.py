"""How a line is taken, moved on and given back: compare-and-set, always.

A worker owns a line from `claim` until its lease runs out. Every write names the state and
the generation that it believes in; when somebody else was faster it changes
no row and `LeaseLost` ends the attempt to write.

A supervisor starts one process after the other in the same place. Leases carry their holder's
place, so that each process can free at once what the one before it held when it died.
"""

import copy
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from numbers.db.clock import db_now
from numbers.db.commits import atomic, forgettable
from numbers.db.leases import LeaseLost, lease
from numbers.db.wake import stir
from numbers.models import Line
from numbers.services.audit.events import SYSTEM, Actor, record_event
from numbers.services.failpoints import reached
from numbers.services.notifications.notices import tell_review
from numbers.services.spending import gate
from numbers.states import FINAL, MOVES, PUT_OFF, LineState

from .clearance import cleared_orders

log = logging.getLogger(__name__)


class IllegalMove(Exception):
    """A move that `states.MOVES` does not have: a bug, or a person who was too late."""


_place = ""  # a process that nobody succeeds has none: its leases run out


def take_place(place: str) -> None:
    """From now on this process's leases are those of `place`."""
    global _place  # noqa: PLW0603 -- worked out once a process
    _place = place


def claim(*, line_id: int) -> Line | None:
    """Take one line if it is due and free; None when it is not, or somebody was faster."""
    return next(iter(claim_all([line_id])), None)


def claim_all(line_ids: Sequence[int]) -> list[Line]:
    """Take those of these lines that are due and free, in this order.

    A claim need not be on the disk: when a machine loses power and the claim with it, the line is free,
    and no other process has this one's place.
    """
    with forgettable():
        free = (
            Line.objects.claimable().filter(pk__in=line_ids).select_for_update(skip_locked=True, of=("self",))
        )
        cleared = Exists(cleared_orders().filter(pk=OuterRef("order")))
        found = free.select_related("order", "connection", "agent").annotate(cleared=cleared)
        lines = {line.pk: line for line in found}
        until = db_now() + lease()
        Line.objects.filter(pk__in=lines).update(
            lease_until=until, lease_by=_place, generation=F("generation") + 1
        )
    for line in lines.values():
        line.lease_until, line.lease_by, line.generation = until, _place, line.generation + 1
    if lines:
        reached("line.claimed")
    return [lines[key] for key in line_ids if key in lines]


def move(
    line: Line,
    to: str,
    *,
    reason: str,
    by: Actor = SYSTEM,
    about: dict[str, Any] | None = None,
    now: datetime | None = None,
    sent_already: bool = False,
    **fields: Any,
) -> Line:
    """Move `line` to the state `to` and write the event, in one transaction. Returns the line as it is now.

    `fields` are further columns; `about` goes into the event; `now` spares a question to the database. The
    lease is kept, or ended with a final state. Raises IllegalMove, or LeaseLost when the row is no longer
    as `line` says, or is about to be sent although the history does not clear its order. `sent_already`: only
    the books learn of it now.
    """
    if (line.state, to) not in MOVES:
        raise IllegalMove(f"a line cannot go from {line.state} to {to}")
    now = now or db_now()
    fields = {"refusal": "", "raised": 0} | fields | {"state": to, "reason": reason[:500], "changed_at": now}
    if to == LineState.REVIEW:
        fields |= {"lease_until": None, "due_at": PUT_OFF}  # until a person decides, or asks to look again
    if to in FINAL:
        fields |= {"settled_at": now, "lease_until": None}
    elif "lease_until" not in fields:
        fields["lease_until"] = now + lease()
    with atomic():
        _write(line, fields, sends=to == LineState.SENDING and not sent_already)
        event = record_event(
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
    stir("lines")


def hold(line: Line, closed: gate.Closed, *, again: datetime) -> None:
    """Give `line` back until `closed` is over (`again`, where nobody knows when). Raises LeaseLost.

    Under the gate's lock: a person who opens it comes before this, and is noticed, or after it.
    """
    with atomic():
        now = db_now()
        until = closed.until or again
        row = gate.locked()
        if not gate.stops(row, now):
            until = min(until, max(row.next_send_at, now + timedelta(seconds=gate.BUSY_SECONDS)))
        wait(line, until=until, reason=str(closed))


def wait(line: Line, *, until: datetime, **fields: Any) -> None:
    """Give `line` back, due again at `until`. Raises LeaseLost."""
    given_back = {"lease_until": None, "due_at": until, "changed_at": db_now()}
    with atomic():
        _write(line, {"raised": 0} | fields | given_back)


def renew(line: Line) -> None:
    """Keep `line` for another lease, as what it waits for takes long. Raises LeaseLost."""
    until = db_now() + lease()
    with forgettable():
        _write(line, {"lease_until": until})
    line.lease_until = until


def _write(line: Line, fields: dict[str, Any], *, sends: bool = False) -> None:
    """Give `fields` to the row if it still is as `line` says. Raises LeaseLost."""
    as_known = Line.objects.filter(pk=line.pk, state=line.state)
    as_known = as_known.filter(generation=line.generation, lease_by=line.lease_by)
    if sends:  # however it got this far: not without approval
        as_known = as_known.filter(order__in=cleared_orders().filter(pk=line.order_id))
    if as_known.update(**fields) != 1:
        raise LeaseLost(f"line {line.pk} has moved on")


def _changed(line: Line, fields: dict[str, Any]) -> Line:
    line = copy.copy(line)
    for name, value in fields.items():
        setattr(line, name, value)
    return line
