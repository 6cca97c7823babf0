"""planned -> reserved: find one exact number for a line, or the right to buy by area code.

A number is reserved only when no other line holds it and neither the books nor Fluents say
that it is ours: that look-up before the first send is what later proves a purchase to be ours.
"""

import random
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError

from numbers import fluents
from numbers.db.clock import db_now
from numbers.db.commits import atomic
from numbers.models import Attempt, Gate, Line
from numbers.services.failpoints import reached
from numbers.services.fluents_client import can_look_up, client
from numbers.services.inventory.account import ask_about
from numbers.services.inventory.holdings import free, owned_among
from numbers.services.spending import gate, obstacles
from numbers.states import Guarantee, LineState, Outcome
from numbers.telephony.phone import pretty

from .searches import Searches
from .transitions import hold, move, wait

MAX_NUMBERS = 5  # numbers that Fluents turned down before a line gives up
MAX_SEARCHES = 3  # searches that found nothing before a line gives up
OFFERS = 100  # that one search asks for
SEARCH_AGAIN = timedelta(seconds=2)
ONE_AT_A_TIME = timedelta(seconds=2)  # until a line by area code asks for its connection again
HELD_AGAIN = timedelta(seconds=15)  # until a line asks again for a number that another one holds
API_AGAIN = (1, 2, 4, 8, 15)  # seconds until Fluents is asked again after reads that failed

searches = Searches()


def choose(line: Line) -> Line | None:
    """planned -> reserved: find a number that nobody holds and that is not ours already."""
    if line.tries and (closed := gate.stops(gate.current(), db_now())):  # by what came of that
        hold(line, closed, again=db_now())
        return None
    if stop := obstacles.stop_of(line):
        reason, pause = stop
        wait(line, until=db_now() + pause, reason=reason)
        return None
    tried = turned_down(line) if line.tries else set()
    if len(tried) >= MAX_NUMBERS:
        return fail(line, f"Tried {MAX_NUMBERS} numbers, but none could be bought.")
    try:
        if line.wanted_number:
            return choose_wanted(line, tried)
        return choose_from_search(line, tried)
    except fluents.FluentsError as error:
        api_trouble(line, error)
        return None


def choose_wanted(line: Line, tried: set[str]) -> Line | None:
    """Reserve the very number that was asked for."""
    if tried:
        return fail(line, f"{pretty(line.wanted_number)} isn't available. It wasn't bought.")
    checkable = can_look_up()
    if owned_among([line.wanted_number]) or is_ours(line.wanted_number):
        return fail(line, f"We already own {pretty(line.wanted_number)}. Nothing was sent.")
    guarantee = Guarantee.EXACT if checkable else Guarantee.BLIND
    if reserved := reserve(line, line.wanted_number, guarantee):
        return reserved
    reason = f"Another line is buying {pretty(line.wanted_number)}; waiting for it."
    wait(line, until=db_now() + HELD_AGAIN, reason=reason)
    return None


def choose_from_search(line: Line, tried: set[str]) -> Line | None:
    """Reserve a number of the area code, or the right to buy by area code where there is no search."""
    try:
        for phone_number in searches.offers(wanted_of(line), lambda: search(line)):
            checkable = can_look_up()
            if phone_number in tried or is_ours(phone_number):
                continue
            if reserved := reserve(line, phone_number, Guarantee.EXACT if checkable else Guarantee.BLIND):
                return reserved
    except fluents.Unsupported:
        return reserve_area_code(line)
    if line.searches + 1 >= MAX_SEARCHES:
        return fail(line, f"Area code {line.area_code} has no numbers available right now.")
    reason = f"Area code {line.area_code} has no numbers available; searching again."
    wait(line, until=db_now() + SEARCH_AGAIN, searches=line.searches + 1, reason=reason)
    return None


def wanted_of(line: Line) -> tuple[str, str, str]:
    """What a search is about: lines that want the same share one."""
    return line.telephony_provider, line.connection.api_id, line.area_code


def turned_down(line: Line) -> set[str]:
    """The numbers that Fluents would not sell us for `line`."""
    noes = Attempt.objects.filter(line=line, outcome__in=[Outcome.REFUSED, Outcome.UNAVAILABLE])
    noes = noes.exclude(status__in=[401, 402, 403])  # those were about the account
    return set(noes.order_by().values_list("phone_number", flat=True))


def search(line: Line) -> list[str]:
    """Numbers for sale in the line's area code that are not ours and that no other line holds.

    Their order is drawn: other lines, and other dashboards of the account, are offered the same ones.
    Raises Unsupported where there is no search, FluentsError.
    """
    if not settings.FLUENTS_SEARCH:
        raise fluents.Unsupported(request="GET /v1/numbers/available")
    provider, connection, area_code = wanted_of(line)
    offers = client().available(
        telephony_provider=provider,
        telephony_account_connection=connection,
        area_code=area_code,
        limit=OFFERS,
    )
    found = free(offer.number for offer in offers)
    return random.sample(found, len(found))


def is_ours(phone_number: str) -> bool:
    """Whether Fluents says that we own it. Raises FluentsError.

    Asked for numbers that were just offered, too: searches list numbers that are sold, or ours, and only a
    number that was not ours before the send is proven to be this line's purchase when it is found later.
    """
    return client().find_number(phone_number) is not None


def reserve(line: Line, phone_number: str, guarantee: Guarantee) -> Line | None:
    """planned -> reserved, unless another line holds the number: then None."""
    reached("number.found")
    now = db_now()
    try:
        with atomic(savepoint=True):
            reserved = move(
                line,
                LineState.RESERVED,
                reason=f"Chose {pretty(phone_number)}.",
                about={"phone_number": phone_number},
                phone_number=phone_number,
                guarantee=guarantee,
                by_area_code=False,
                now=now,
                checked_at=now,
                sends=0,
                retries=0,
            )
    except IntegrityError:
        return None
    reached("number.reserved")
    return reserved


def reserve_area_code(line: Line) -> Line | None:
    """planned -> reserved without a number; only one such line a connection may be under way."""
    guarantee = Guarantee.SNAPSHOT if can_look_up() else Guarantee.BLIND
    remember_guarantee(guarantee)
    try:
        with atomic(savepoint=True):
            return move(
                line,
                LineState.RESERVED,
                reason=f"Next to buy in area code {line.area_code}.",
                phone_number="",
                guarantee=guarantee,
                by_area_code=True,
                checked_at=db_now(),
                sends=0,
                retries=0,
            )
    except IntegrityError:
        reason = "Another line on this connection is being bought. By area code, it's one at a time."
        wait(line, until=db_now() + ONE_AT_A_TIME, reason=reason)
        return None


def remember_guarantee(guarantee: Guarantee) -> None:
    """For the pages: which promise this API allows."""
    Gate.objects.filter(pk=Gate.SINGLE).exclude(guarantee=guarantee).update(guarantee=guarantee)


def api_trouble(line: Line, error: fluents.FluentsError) -> None:
    """A read failed before anything was sent: keep the line where it is and ask again later."""
    ask_about(error)
    pause = getattr(error, "retry_after", None) or API_AGAIN[min(line.retries, len(API_AGAIN) - 1)]
    reason = f"{error.user_message} Trying again."
    wait(line, until=db_now() + timedelta(seconds=pause), reason=reason, retries=line.retries + 1)


def fail(line: Line, reason: str) -> Line:
    return move(line, LineState.FAILED, reason=reason)
