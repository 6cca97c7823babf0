"""What is for sale, asked by a page while somebody waits: candidates that nothing holds for us.

Never in the way of the page: few calls, a short time for each, and what was not heard of is called unknown.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import Count

from .. import fluents
from ..areas import Area, areas, nearest
from ..models import Number
from .api import hasty_client
from .wants import held_among, owned_among

SHOWN = 8  # numbers of one area
ASKED_NEAR = 4  # areas that are asked after where one has nothing
PATIENCE = 4.0  # seconds in all; the last call may take longer
NO_SEARCH = "This Fluents API has no number search, so what is for sale shows when a line is bought."
NO_TOKEN = "No Fluents token is set (FLUENTS_API_TOKEN), so Fluents cannot be asked what is for sale."  # noqa: S105 -- a message


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
    """Ask for numbers in an area, with DIGITS in them; where it has none, ask the nearest few."""
    found = ForSale(area=areas()[area_code])
    if not settings.FLUENTS_SEARCH:
        found.unknown = NO_SEARCH
        return found
    client, end = hasty_client(), time.monotonic() + PATIENCE

    def ask(code: str, contains: str = "") -> list[str]:
        offers = client.available(
            telephony_provider=telephony_provider,
            telephony_account_connection=telephony_account_connection,
            area_code=code,
            contains=contains,
            limit=2 * SHOWN,
        )
        return free(offer.number for offer in offers)[:SHOWN]

    try:
        found.numbers = ask(area_code, digits)
        if not found.numbers and not (digits and ask(area_code)):
            for area in nearest(area_code)[:ASKED_NEAR]:
                if time.monotonic() > end:
                    break
                found.near_asked += 1
                found.near += [area] if ask(area.code) else []
    except fluents.NotConfigured:
        found.unknown = NO_TOKEN
    except fluents.Unsupported:
        found.unknown = NO_SEARCH
    except fluents.FluentsError as error:
        found.unknown = error.user_message
    return found


def free(numbers: Iterable[str]) -> list[str]:
    """NUMBERS without those that are ours or that a line of ours is about."""
    numbers = list(numbers)
    taken = owned_among(numbers) | held_among(numbers)
    return [number for number in numbers if number not in taken]


def idle_in(codes: Iterable[str]) -> dict[str, int]:
    """How many numbers we own in these area codes that nobody answers; codes without one are left out."""
    idle = Number.objects.unassigned().filter(area_code__in=set(codes)).order_by()
    return dict(idle.values_list("area_code").annotate(Count("pk")))
