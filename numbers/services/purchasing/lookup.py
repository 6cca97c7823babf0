"""Looking up what a purchase came to that got no good answer. Reads only; `settlement` decides.

The late looks are complete: they also read the whole list of owned numbers, because a single look-up can
lag or ignore its filter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from numbers import fluents
from numbers.models import Attempt, Line
from numbers.services.fluents_client import can_look_up, client
from numbers.services.settle_schedule import window_of
from numbers.states import Guarantee

from .readings import readings
from .transitions import renew

COMPLETE_FROM = 1 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one look saw. `complete`: both endpoints were read, so not seeing it means something.

    `at`: all that was read began to be read then or later.
    """

    at: datetime
    found: tuple[fluents.RemoteNumber, ...] = ()
    complete: bool = False
    possible: bool = True  # False: this API cannot be asked
    detail: str = ""


def look(line: Line, attempt: Attempt, now: datetime) -> Sight:
    """Look, from `now` on, for what `attempt` should have bought. The lease of `line` is renewed meanwhile.

    Raises FluentsError, LeaseLost.
    """
    if line.by_area_code:
        return look_for_new(line, attempt, now)
    try:
        found = client().find_number(line.phone_number)
    except fluents.OtherNumber:
        found = None  # a server that ignores the filter: the list decides
    if found:
        return Sight(at=now, found=(found,), complete=True, detail="found by its number")
    if line.guarantee == Guarantee.BLIND and not can_look_up():
        return Sight(at=now, possible=False, detail="this API can't list our numbers")
    if now < line.sent + COMPLETE_FROM * window_of(line.refusal):
        return Sight(at=now, detail="not found by its number yet")
    reading = readings.of(line)
    at = min(now, reading.began)
    if listed := reading.find(line.phone_number):
        return Sight(at=at, found=(listed,), complete=True, detail="found in the list")
    return Sight(at=at, complete=True, detail="not found, not listed")


def look_for_new(line: Line, attempt: Attempt, now: datetime) -> Sight:
    """By area code: what is listed now, was not before the send, and is on nobody's books."""
    if line.guarantee == Guarantee.BLIND:
        return Sight(at=now, possible=False, detail="this API can't list our numbers")
    new = unlisted(line, attempt)
    detail = f"new in the area: {', '.join(n.number for n in new)}" if new else "nothing new in the area"
    return Sight(at=now, found=tuple(new), complete=True, detail=detail)


def unlisted(line: Line, attempt: Attempt) -> list[fluents.RemoteNumber]:
    """Numbers that appeared since `attempt`'s snapshot on the line's connection. Raises FluentsError."""
    now_owned = owned_in_area(line.area_code, keep=partial(renew, line))
    fresh = [now_owned[number] for number in now_owned if number not in set(attempt.owned_before or [])]
    # Not the copy of our numbers: a sync may have taken this very purchase in already.
    others = Line.objects.filter(phone_number__in=[n.number for n in fresh]).exclude(pk=line.pk)
    booked = set(others.values_list("phone_number", flat=True))
    return [
        number
        for number in fresh
        if number.number not in booked and number.telephony_account_connection in ("", line.connection.api_id)
    ]


def owned_in_area(area_code: str, *, keep: Callable[[], None]) -> dict[str, fluents.RemoteNumber]:
    """Owned numbers of an area code. Read twice: a list that shifts between two pages hides rows.

    keep renews the caller's lease, with each page. Raises FluentsError, also where numbers could not be read.
    """
    owned: dict[str, fluents.RemoteNumber] = {}
    for _ in range(2):
        listing = client().numbers(before_page=keep)
        for number in listing:
            if number.number.startswith(f"+1{area_code}"):
                owned[number.number] = number
        listing.require_whole()
    return owned
