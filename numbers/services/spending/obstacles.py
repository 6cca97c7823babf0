"""What a line waits for besides the gate: the look at Fluents, and numbers that nothing explains.

A database and a journal that were restored together bear no sign of it. So a worker looks at Fluents once
before its first purchase, and what it cannot explain there holds the lines that may have bought it.
"""

from datetime import timedelta

from django.db.models import Q, Subquery

from numbers.db.memory import Remembered
from numbers.models import Journal, Line, SyncState
from numbers.services.inventory.holds import area_holders

from . import journal

LOOK_AGAIN = timedelta(seconds=2)  # until a line asks again whether Fluents was looked at
HELD_AGAIN = timedelta(seconds=30)  # until a line asks again whether its area is free
LOOKING = "Reading the numbers in Fluents before the worker's first purchase."
HELD = (
    "Fluents has {count} in area code {area_code} on this connection that we can't explain. Nothing more"
    " is bought there until someone decides about {it} on the Buying page."
)


def stop_of(line: Line) -> tuple[str, timedelta] | None:
    """Why `line` may not be sent now, apart from the gate, and when to ask again."""
    if _must_look_lately():
        return waiting_for_look(), LOOK_AGAIN
    area_code = line.area_code or line.wanted_number[2:5]
    place = (line.connection_id, area_code)
    # Asked again before a line waits for long: a person may have decided a moment ago.
    if _holders_lately(*place) and (count := holders(*place)):
        plural, it = (f"{count} numbers", "them") if count > 1 else ("a number", "it")
        return HELD.format(count=plural, area_code=area_code, it=it), HELD_AGAIN
    return None


def waiting_for_look() -> str:
    """That Fluents is being read, and what kept it from being read the last time."""
    said = SyncState.objects.values_list("error", flat=True).get()
    return f"{said} {LOOKING}".strip()[:500]


def holders(connection_id: int, area_code: str) -> int:
    """How many numbers that nothing explains hold this area on this connection."""
    here = Q(connection=connection_id) | Q(connection=None)
    return area_holders().filter(here, area_code=area_code).count()


def must_look() -> bool:
    """Whether the worker of this machine was started since Fluents' numbers were last read to the end."""
    try:
        mine = journal.identity()
    except OSError:  # nothing is sent without a journal in any case
        return False
    if mine is None:
        return False
    looked = Subquery(SyncState.objects.values("looked_at"))
    row = Journal.objects.filter(pk=mine.journal, started_at__isnull=False).values_list("started_at", looked)
    return any(looked_at is None or looked_at < started_at for started_at, looked_at in row)


# Both change when Fluents was read, which takes longer; a moment later is as good.
_must_look_lately = Remembered(must_look, seconds=1.0)
_holders_lately = Remembered(holders, seconds=5.0)
