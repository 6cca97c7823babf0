"""planned -> reserved: find one exact number for a line, or the right to buy by area code.

A number is reserved only when no other line holds it and neither the books nor Fluents say
that it is ours: that look-up before the first send is what later proves a purchase to be ours.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists

from .. import fluents
from ..models import Attempt, Gate, Line, Number
from ..phone import pretty
from ..prepared import Prepared
from ..statements import slot
from ..states import Guarantee, LineState, Outcome
from . import gate
from .api import can_look_up, client
from .failpoints import reached
from .history import db_now
from .moves import move, wait
from .wants import held_among

MAX_NUMBERS = 5  # numbers that Fluents turned down before a line gives up
MAX_SEARCHES = 3  # searches that found nothing before a line gives up
SEARCH_AGAIN = timedelta(seconds=2)
ONE_AT_A_TIME = timedelta(seconds=2)  # until a line by area code asks for its connection again
HELD_AGAIN = timedelta(seconds=15)  # until a line asks again for a number that another one holds
API_AGAIN = (1, 2, 4, 8, 15)  # seconds until Fluents is asked again after reads that failed

NOES = Prepared(
    lambda: (
        Attempt.objects.filter(line=slot("line"), outcome__in=[Outcome.REFUSED, Outcome.UNAVAILABLE])
        .exclude(status__in=[401, 403])  # those were about our token
        .order_by()
        .values_list("phone_number")
    )
)
# Whether a number is on the books as ours, and which promise the pages show.
OWNED = Prepared(
    lambda: Gate.objects.filter(pk=Gate.SINGLE).values_list(
        Exists(Number.objects.owned().filter(e164=slot("phone_number"))), "guarantee"
    )
)

_searches: ContextVar[dict[tuple, list[str]] | None] = ContextVar("searches", default=None)


def choose(line: Line) -> Line | None:
    """planned -> reserved: find a number that nobody holds and that is not ours already."""
    if stop := gate.stops(*gate.seen()):
        return gate.hold(line, stop, again=db_now())
    tried = turned_down(line)
    if len(tried) >= MAX_NUMBERS:
        return fail(line, f"Tried {MAX_NUMBERS} numbers; none could be bought.")
    try:
        if line.wanted_number:
            return choose_wanted(line, tried)
        return choose_from_search(line, tried)
    except fluents.FluentsError as error:
        return api_trouble(line, error)


def choose_wanted(line: Line, tried: set[str]) -> Line | None:
    """Reserve the very number that was asked for."""
    if tried:
        return fail(line, f"{pretty(line.wanted_number)} is not for sale. It was not bought.")
    checkable = can_look_up()
    if is_ours(line.wanted_number):
        return fail(line, f"{pretty(line.wanted_number)} is ours already. Nothing was sent.")
    guarantee = Guarantee.EXACT if checkable else Guarantee.BLIND
    if reserved := reserve(line, line.wanted_number, guarantee):
        return reserved
    reason = f"Another line is about {pretty(line.wanted_number)} at the moment; waiting for it."
    return wait(line, until=db_now() + HELD_AGAIN, reason=reason)


def choose_from_search(line: Line, tried: set[str]) -> Line | None:
    """Reserve a number of the area code, or the right to buy by area code where there is no search."""
    try:
        offers = search(line)
    except fluents.Unsupported:
        return reserve_area_code(line)
    checkable = can_look_up()
    for phone_number in offers:
        if phone_number in tried or is_ours(phone_number):
            continue
        if reserved := reserve(line, phone_number, Guarantee.EXACT if checkable else Guarantee.BLIND):
            return reserved
    if line.searches + 1 >= MAX_SEARCHES:
        return fail(line, f"Area code {line.area_code} has no number for sale at the moment.")
    reason = f"Area code {line.area_code} has no number for sale; searching again."
    return wait(line, until=db_now() + SEARCH_AGAIN, searches=line.searches + 1, reason=reason)


def turned_down(line: Line) -> set[str]:
    """The numbers that Fluents would not sell us for LINE."""
    return {number for (number,) in NOES.rows(line=line.pk)}


def search(line: Line) -> list[str]:
    """Numbers for sale in the line's area code, those that other lines hold left out."""
    if not settings.FLUENTS_SEARCH:
        raise fluents.Unsupported(request="GET /v1/numbers/available")
    key = (line.telephony_provider, line.connection.api_id, line.area_code)
    shared = _searches.get()
    if shared is None:
        return not_held(offered(*key))
    free = not_held(shared.get(key, [])) or not_held(offered(*key))
    shared[key] = free[1:]  # the first is this line's
    return free


def offered(telephony_provider: str, telephony_account_connection: str, area_code: str) -> list[str]:
    """Ask Fluents. Lines that share an answer take it in an order of their own: others have it, too."""
    offers = client().available(
        telephony_provider=telephony_provider,
        telephony_account_connection=telephony_account_connection,
        area_code=area_code,
    )
    found = [offer.number for offer in offers]
    return found if _searches.get() is None else random.sample(found, len(found))


def not_held(phone_numbers: list[str]) -> list[str]:
    held = held_among(phone_numbers) if phone_numbers else set()
    return [number for number in phone_numbers if number not in held]


@contextmanager
def sharing_searches() -> Iterator[None]:
    """Lines that are driven meanwhile, all within a moment, make do with one search of their area."""
    before = _searches.set({})
    try:
        yield
    finally:
        _searches.reset(before)


def is_ours(phone_number: str) -> bool:
    """Whether the books or Fluents say that we own it. Raises FluentsError."""
    owned = OWNED.row(phone_number=phone_number)[0]
    return owned or client().find_number(phone_number) is not None


def reserve(line: Line, phone_number: str, guarantee: Guarantee) -> Line | None:
    """planned -> reserved, unless another line holds the number: then None."""
    reached("number.found")
    now = db_now()
    try:
        with transaction.atomic():
            reserved = move(
                line,
                LineState.RESERVED,
                reason=f"Chose {pretty(phone_number)}. Nothing was sent yet.",
                about={"phone_number": phone_number},
                phone_number=phone_number,
                guarantee=guarantee,
                by_area_code=False,
                now=now,
                checked_at=now,
                sends=0,
                retries=0,
            )
            # After the row is ours alone: a line that held the number until now may have bought it.
            owned, told = OWNED.row(phone_number=phone_number)
            if owned:
                raise IntegrityError
    except IntegrityError:
        return None
    reached("number.reserved")
    if told != guarantee:
        remember_guarantee(guarantee)
    return reserved


def reserve_area_code(line: Line) -> Line | None:
    """planned -> reserved without a number; only one such line a connection may be under way."""
    guarantee = Guarantee.SNAPSHOT if can_look_up() else Guarantee.BLIND
    remember_guarantee(guarantee)
    try:
        with transaction.atomic():
            return move(
                line,
                LineState.RESERVED,
                reason=f"Next to be bought by area code {line.area_code}. Nothing was sent yet.",
                phone_number="",
                guarantee=guarantee,
                by_area_code=True,
                checked_at=db_now(),
                sends=0,
                retries=0,
            )
    except IntegrityError:
        reason = "Another line of this connection is being bought; by area code only one can be at a time."
        return wait(line, until=db_now() + ONE_AT_A_TIME, reason=reason)


def remember_guarantee(guarantee: Guarantee) -> None:
    """For the pages: which promise this API allows."""
    Gate.objects.filter(pk=Gate.SINGLE).exclude(guarantee=guarantee).update(guarantee=guarantee)


def api_trouble(line: Line, error: fluents.FluentsError) -> None:
    """A read failed before anything was sent: keep the line where it is and ask again later."""
    pause = getattr(error, "retry_after", None) or API_AGAIN[min(line.retries, len(API_AGAIN) - 1)]
    reason = f"{error.user_message} Nothing was sent for this line; trying again."
    wait(line, until=db_now() + timedelta(seconds=pause), reason=reason, retries=line.retries + 1)


def fail(line: Line, reason: str) -> Line:
    return move(line, LineState.FAILED, reason=reason)
