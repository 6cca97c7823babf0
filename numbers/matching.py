"""Which numbers a query of the list means, as filters of the ORM."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from time import time as seconds
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from .models import Number
from .searching import BROAD, REMEMBERED, Search
from .statements import Slot, Statement, slot
from .states import OURS, NumberStatus

if TYPE_CHECKING:
    from .queries import Query

NOBODY = "none"  # the value of the agent filter that finds numbers without one
ANY = "any"  # the value of the status filter that shows also what we gave up
GIVEN_UP = (NumberStatus.RELEASED, NumberStatus.DETACHED)
SHOWN = sorted(set(NumberStatus) - set(GIVEN_UP))


@dataclass(frozen=True, slots=True)
class Match:
    """QUERY with its values or, to be put into SQL once, with slots for them. WORN: its tag has many."""

    query: "Query"
    search: Search | None
    worn: bool

    def numbers(self) -> QuerySet[Number]:
        """The numbers that match, in no order yet."""
        query, found = self.query, Number.objects.all()
        if query.status in NumberStatus:
            found = found.filter(status=query.status)
        elif not query.status:
            found = found.exclude(status__in=GIVEN_UP)
        if query.agent == NOBODY:
            found = found.filter(agent=None) if query.status else found.unassigned()
        elif query.agent:
            found = found.filter(agent__api_id=query.agent)
        if query.connection:
            found = found.filter(connection__api_id=query.connection)
        if query.tag:
            found = found.filter(wearing(query.tag) if self.worn else Q(tags__name=query.tag))
        if query.drifted:
            found = found.filter(drifted=True)
        if query.provider:
            found = found.filter(telephony_provider=query.provider)
        if query.region:
            found = found.filter(region=query.region)
        if query.area_code:
            found = found.filter(area_code=query.area_code)
        if query.bought_from:
            found = found.filter(bought_at__gte=beginning(query.bought_from))
        if query.bought_to:
            found = found.filter(bought_at__lt=beginning(query.bought_to, days=1))
        return found.filter(self.search.holding) if self.search else found

    def shown(self) -> QuerySet[Number]:
        """As `numbers`, with the statuses asked for by name: so they are counted in an index alone."""
        match = replace(self, worn=False)
        if self.query.status:
            return match.numbers().order_by()
        ours = replace(match, query=replace(self.query, status=ANY)).numbers().order_by()
        return ours.filter(status__in=OURS if self.query.agent == NOBODY else SHOWN)


def wearing(tag: str) -> Q:
    """Numbers with TAG, each looked at in its turn."""
    return Q(Exists(Number.tags.through.objects.filter(tag__name=tag, number=OuterRef("pk"))))


WORN = Statement(
    lambda: (
        Number.tags.through.objects.filter(tag__name=slot("tag")).order_by().values_list("pk")[: BROAD + 1]
    )
)


def is_worn_by_many(tag: str) -> bool:
    """Whether SQLite would read and sort too many numbers for one page of TAG, if it began with the tag."""
    return connection.vendor == "sqlite" and worn_by(tag, int(seconds() / REMEMBERED)) > BROAD


@lru_cache(maxsize=256)
def worn_by(tag: str, period: int) -> int:
    """How many wear TAG, up to one more than BROAD: it chooses the way to look, so it may be old."""
    return len(WORN.rows(tag=tag))


def beginning(text: str, days: int = 0) -> datetime | RawSQL:
    """The beginning of the day written as TEXT, or DAYS later."""
    return slot(text) if type(text) is Slot else day(text) + timedelta(days=days)


def day(text: str) -> datetime | None:
    """The beginning of a day written as 2026-03-31, by the dashboard's clock (UTC)."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(found, time(), UTC) if 1970 <= found.year <= 2999 else None
