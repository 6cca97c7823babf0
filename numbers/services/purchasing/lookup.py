"""Looking up what an unanswered purchase came to. Reads only; `settling` decides.

Times are fractions of SETTLE_WINDOW after the send. With the default of 15 minutes the looks come
after 2, 5, 15, 30 and 60 seconds, then 2, 5, 10 and 15 minutes. The late ones are complete: they
also read the whole list of owned numbers, because a single look-up can lag or ignore its filter.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from .. import fluents
from ..models import Attempt, Line
from ..states import Guarantee, Outcome
from .api import can_look_up, client

STEPS = (1 / 450, 1 / 180, 1 / 60, 1 / 30, 1 / 15, 2 / 15, 1 / 3, 2 / 3, 1)
COMPLETE_FROM = 1 / 3
SHORTEST = 0.2  # seconds between two looks
PAUSE = 5.0  # seconds, where a 429 does not say how long to wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one look saw. `complete`: both endpoints were read, so not seeing it means something."""

    found: tuple[fluents.Number, ...] = ()
    complete: bool = False
    possible: bool = True  # False: this API cannot be asked
    detail: str = ""


def window() -> timedelta:
    return timedelta(seconds=settings.SETTLE_WINDOW)


def first_look(*, outcome: Outcome, now: datetime, retry_after: float | None) -> datetime:
    if outcome == Outcome.OTHER_NUMBER:
        return now
    if outcome == Outcome.RATE_LIMITED:
        return now + timedelta(seconds=1.1 * (retry_after if retry_after is not None else PAUSE))
    return now + max(STEPS[0] * window(), timedelta(seconds=SHORTEST))


def next_look(line: Line, now: datetime) -> datetime:
    """The next step of the schedule; past its end, every third of the window, at most an hour apart."""
    earliest = now + timedelta(seconds=SHORTEST)
    for step in STEPS:
        if (at := line.sent_at + step * window()) > earliest:
            return at
    return now + min(max(window() / 3, timedelta(seconds=SHORTEST)), timedelta(hours=1))


def look(line: Line, attempt: Attempt, now: datetime) -> Sight:
    """Look for what ATTEMPT should have bought. Raises FluentsError."""
    if line.by_area_code:
        return look_for_new(line, attempt)
    found = client().find_number(line.phone_number)
    if found:
        return Sight(found=(found,), complete=True, detail="found by its number")
    if line.guarantee == Guarantee.BLIND and not can_look_up():
        return Sight(possible=False, detail="this API cannot list our numbers")
    limited = attempt.outcome == Outcome.RATE_LIMITED  # never processed, so one full look is enough
    if not limited and now < line.sent_at + COMPLETE_FROM * window():
        return Sight(detail="not found by its number yet")
    listed = tuple(number for number in client().numbers() if number.number == line.phone_number)
    return Sight(
        found=listed, complete=True, detail="found in the list" if listed else "not found, not listed"
    )


def find_anywhere(phone_number: str) -> fluents.Number | None:
    """The number as Fluents shows it, by its own look-up or else in the list. Raises FluentsError."""
    if found := client().find_number(phone_number):
        return found
    return next((number for number in client().numbers() if number.number == phone_number), None)


def look_for_new(line: Line, attempt: Attempt) -> Sight:
    """By area code: what is listed now, was not before the send, and is on nobody's books."""
    if line.guarantee == Guarantee.BLIND:
        return Sight(possible=False, detail="this API cannot list our numbers")
    new = unlisted(line, attempt)
    detail = f"new in the area: {', '.join(n.number for n in new)}" if new else "nothing new in the area"
    return Sight(found=tuple(new), complete=True, detail=detail)


def unlisted(line: Line, attempt: Attempt) -> list[fluents.Number]:
    """Numbers that appeared since ATTEMPT's snapshot on the line's connection. Raises FluentsError."""
    now_owned = owned_in_area(line.area_code)
    fresh = [now_owned[number] for number in now_owned if number not in set(attempt.owned_before or [])]
    # Not the copy of our numbers: a sync may have taken this very purchase in already.
    others = Line.objects.filter(phone_number__in=[n.number for n in fresh]).exclude(pk=line.pk)
    booked = set(others.values_list("phone_number", flat=True))
    return [
        number
        for number in fresh
        if number.number not in booked and number.telephony_account_connection in ("", line.connection.api_id)
    ]


def owned_in_area(area_code: str) -> dict[str, fluents.Number]:
    """Owned numbers of an area code. Read twice: a list that shifts between two pages hides rows."""
    owned: dict[str, fluents.Number] = {}
    for _ in range(2):
        for number in client().numbers():
            if number.number.startswith(f"+1{area_code}"):
                owned[number.number] = number
    return owned
