"""What is for sale, asked by a page while somebody waits: candidates that nothing holds for us.

Never in the way of the page: few calls, a short time for each, and what was not heard of is called unknown.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import Count

from numbers import fluents
from numbers.models import Number
from numbers.services.fluents_client import hasty_client
from numbers.services.inventory.holdings import free
from numbers.telephony.area_codes import Area, areas, nearest

SHOWN = 8  # numbers of one area
MOST_ASKED = 100  # numbers of one area that are counted
ASKED_NEAR = 4  # areas that are asked after where one has nothing
PATIENCE = 4.0  # seconds in all; the last call may take longer
NO_SEARCH = "This Fluents API has no number search, so availability shows only when you buy."
NO_TOKEN = "FLUENTS_API_TOKEN isn't set, so availability can't be checked."  # noqa: S105 -- a message


@dataclass(kw_only=True)
class ForSale:
    """What Fluents offered in an area a moment ago. Nothing of it is held.

    `unknown` says why it is not known. `near` are areas that have something where this one has nothing.
    """

    area: Area
    numbers: list[str] = field(default_factory=list)
    unknown: str = ""
    near: list[Area] = field(default_factory=list)
    near_asked: int = 0


def for_sale(
    *, area_code: str, telephony_provider: str, telephony_account_connection: str, digits: str = ""
) -> ForSale:
    """Ask for numbers in an area, with `digits` in them; where it has none, ask the nearest few."""
    found = ForSale(area=areas()[area_code])
    if not settings.FLUENTS_SEARCH:
        found.unknown = NO_SEARCH
        return found
    end = time.monotonic() + PATIENCE
    ask = asker(telephony_provider, telephony_account_connection)
    try:
        found.numbers = free(ask(area_code, digits))[:SHOWN]
        if not found.numbers and not (digits and free(ask(area_code))):
            for area in nearest(area_code)[:ASKED_NEAR]:
                if time.monotonic() > end:
                    break
                found.near_asked += 1
                found.near += [area] if free(ask(area.code)) else []
    except fluents.FluentsError as error:
        found.unknown = why_unknown(error)
    return found


@dataclass(kw_only=True)
class Stock:
    """How many numbers an area had for sale a moment ago; `more` where there may be more than `count`.

    `unknown` says why it is not known. `instead` is the nearest area that has some of what is `missing`.
    """

    count: int = 0
    more: bool = False
    missing: int = 0
    unknown: str = ""
    instead: Area | None = None


def stock_of(
    *, area_code: str, quantity: int, telephony_provider: str, telephony_account_connection: str
) -> Stock:
    """Count what an area has for sale, as far as it matters for `quantity` lines; nothing of it is held."""
    if not settings.FLUENTS_SEARCH:
        return Stock(unknown=NO_SEARCH)
    limit, end = min(2 * max(quantity, SHOWN), MOST_ASKED), time.monotonic() + PATIENCE
    ask = asker(telephony_provider, telephony_account_connection, limit=limit)
    try:
        offers = ask(area_code)
        count = len(free(offers))
        found = Stock(count=count, more=len(offers) >= limit)
        found.missing = 0 if found.more else max(0, quantity - count)
        near = nearest(area_code)[:ASKED_NEAR] if found.missing and area_code in areas() else []
        for area in near:
            if time.monotonic() > end:
                break
            if len(free(ask(area.code))) >= found.missing:
                found.instead = area
                break
    except fluents.FluentsError as error:
        return Stock(unknown=why_unknown(error))
    return found


def asker(
    telephony_provider: str, telephony_account_connection: str, *, limit: int = 2 * SHOWN
) -> Callable[..., list[str]]:
    """Asks Fluents for at most `limit` numbers in an area; some may be ours or taken already."""
    client = hasty_client()

    def ask(code: str, contains: str = "") -> list[str]:
        offers = client.available(
            telephony_provider=telephony_provider,
            telephony_account_connection=telephony_account_connection,
            area_code=code,
            contains=contains,
            limit=limit,
        )
        return [offer.number for offer in offers]

    return ask


def why_unknown(error: fluents.FluentsError) -> str:
    if isinstance(error, fluents.NotConfigured):
        return NO_TOKEN
    return NO_SEARCH if isinstance(error, fluents.Unsupported) else error.user_message


def idle_in(codes: Iterable[str]) -> dict[str, int]:
    """How many numbers we own in these area codes that nobody answers; codes without one are left out."""
    idle = Number.objects.unassigned().filter(area_code__in=set(codes)).order_by()
    return dict(idle.values_list("area_code").annotate(Count("pk")))
