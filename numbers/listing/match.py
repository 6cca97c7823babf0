"""Which numbers a query means, and which of its filters leads the database to them.

A database that guesses how many numbers a filter finds reads a million of them for fifty rows. So each
filter is counted in its own index, up to MOST; the one that finds fewest leads, and the numbers that it
finds are looked at one by one, and sorted where another order is asked for. Where each filter finds more,
the database walks along the order that is asked for until a page is full.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from time import time as seconds
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Exists, F, Func, Model, OuterRef, QuerySet, Subquery
from django.db.models.expressions import Combinable, RawSQL
from django.db.models.lookups import Exact, GreaterThanOrEqual, IsNull, LessThan

from numbers.db.sql import CountOf, ForEach, Slot, Statement, slot
from numbers.models import Agent, Connection, Gate, Number, Tag
from numbers.services.calls.knowledge import knowledge
from numbers.states import AWAY, OURS, NumberStatus

from .search import BROAD, INDEX, REMEMBERED, Search, index_knows_many

if TYPE_CHECKING:
    from .query import Query

NOBODY = "none"  # the value of the agent filter that finds numbers without one
NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # before any number of ours
ANY = "any"  # the value of the status filter that shows also what we gave up
GIVEN_UP = (NumberStatus.RELEASED, NumberStatus.DETACHED)
SHOWN = sorted(set(NumberStatus) - set(GIVEN_UP))
MOST = 20_000  # numbers of one filter that are counted
FEW = 10_000  # that are sorted for a page: beyond, enough are found sooner along the order
WINDOW = 10_000  # numbers that a page walks along, looking for those that match
#: Filters whose index holds the numbers newest first, those that usually find fewest first.
BY_AGE = ("drifted", "wrong", "area_code", "status", "agent", "region", "connection", "provider")
WITH_STATUS = frozenset({"agent", "region", "connection"})  # whose index knows the status too
#: Filters whose index holds the numbers in an order of the list.
OWN_ORDER = {"bought": "bought", "region": "number"}
TAGGED = Number.tags.through


class Plain(Func):
    """A column that is looked at in each row: SQLite searches no index for it."""

    arity = 1
    template = "%(expressions)s"

    def as_sqlite(self, compiler, connection, **extra) -> tuple:
        return self.as_sql(compiler, connection, template="+%(expressions)s", **extra)


class Along(Plain):
    """What rows are sorted by after they were found: no database walks along its index."""

    def as_postgresql(self, compiler, connection, **extra) -> tuple:
        return self.as_sql(compiler, connection, template="GREATEST(%(expressions)s)", **extra)


@dataclass(frozen=True, slots=True)
class Match:
    """A query with its values or, to be put into SQL once, with slots for them.

    lead: the filter whose index leads, to few numbers; "" none, but the order; None: as the database likes.
    few: each number that it leads to is looked at, and then they are sorted.
    """

    query: "Query"
    search: Search | None = None
    lead: str | None = None
    few: bool = False

    def column(self, name: str, *leads: str) -> Combinable:
        """The column `name`, which an index may find where one of `leads` leads."""
        return F(name) if self.lead is None or self.lead in leads else Plain(F(name))

    def numbers(self) -> QuerySet[Number]:  # noqa: C901, PLR0912 -- one question for each filter
        """The numbers that match, in no order yet."""
        query, column = self.query, self.column
        found: QuerySet[Number] = Number.objects.all()
        if query.status in NumberStatus:
            found = found.filter(Exact(column("status", "status", *WITH_STATUS), query.status))
        elif not query.status:
            found = found.exclude(status__in=GIVEN_UP)
        if query.agent == NOBODY:
            found = found if query.status else found.exclude(status__in=AWAY)
            found = found.filter(IsNull(column("agent_id", "agent"), True))
        elif query.agent:
            found = found.filter(Exact(column("agent_id", "agent"), key_of(Agent, api_id=query.agent)))
        if query.connection:
            key = key_of(Connection, api_id=query.connection)
            found = found.filter(Exact(column("connection_id", "connection"), key))
        if query.tag:
            found = self.tagged(found)
        if query.drifted:
            found = found.filter(Exact(column("drifted", "drifted"), True))
        if query.provider:
            found = found.filter(Exact(column("telephony_provider", "provider"), query.provider))
        if query.region:
            found = found.filter(Exact(column("region", "region"), query.region))
        if query.area_code:
            found = found.filter(Exact(column("area_code", "area_code"), query.area_code))
        bought = column("bought_at", "bought")
        if query.bought_from:
            found = found.filter(GreaterThanOrEqual(bought, beginning(query.bought_from)))
        if query.bought_to:
            found = found.filter(LessThan(bought, beginning(query.bought_to, days=1)))
        if query.silent:
            quiet = slot if type(query.silent) is Slot else quiet_since
            found = found.filter(LessThan(column("quiet_since", "silent"), quiet(query.silent)))
        if query.wrong:
            found = found.filter(Exact(column("wrong_agent", "wrong"), True))
        if not self.search:
            return found
        if self.lead in (None, "q"):
            return found.filter(self.search.holding)
        return found.alias(text=Along(F("search_text"))).filter(self.search.held_by("text"))

    def tagged(self, found: QuerySet[Number]) -> QuerySet[Number]:
        """Those of `found` with the tag: beginning with it, or each looked at in its turn."""
        links = TAGGED.objects.filter(tag=key_of(Tag, name=self.query.tag))
        if self.lead is None or self.lead == "tag":
            return found.filter(pk__in=links.values("number"))
        links = links.filter(number=OuterRef("pk"))
        return found.filter(ForEach(links) if self.few else Exists(links))

    def shown(self) -> QuerySet[Number]:
        """As `numbers`, with the statuses asked for by name: so they are counted in an index alone."""
        if self.query.status:
            return self.numbers().order_by()
        ours = replace(self, query=replace(self.query, status=ANY)).numbers().order_by()
        return ours.filter(status__in=OURS if self.query.agent == NOBODY else SHOWN)

    def rows(self) -> QuerySet:
        """What is counted for a filter alone."""
        if self.query.tag:
            return TAGGED.objects.filter(tag=key_of(Tag, name=self.query.tag))
        return self.numbers()

    def way(self) -> QuerySet[Number]:
        """The numbers along which a page walks, looking for those that match."""
        if not self.lead:
            return Number.objects.all()
        empty = {field.name: "" for field in fields(self.query)} | {"status": ANY}
        kept = ("bought_from", "bought_to") if self.lead == "bought" else (self.lead,)
        query = replace(self.query, **empty | {name: getattr(self.query, name) for name in kept})
        return replace(self, query=query, search=None).numbers()


def key_of(model: type[Model], **named: str) -> Subquery:
    """The key of the row of `model` that is so `named`."""
    (name, value), *_ = named.items()
    wanted = slot(value) if type(value) is Slot else value
    return Subquery(model._default_manager.filter(**{name: wanted}).order_by().values("pk")[:1])


def beginning(text: str, days: int = 0) -> datetime | RawSQL:
    """The beginning of the day written as `text`, or `days` later."""
    if type(text) is Slot:
        return slot(text)
    moment = day(text)
    assert moment  # noqa: S101 -- Query.read keeps only days that can be read
    return moment + timedelta(days=days)


def quiet_since(days: str) -> datetime:
    """Before which a number must have been quiet to have had no call for so many days, as far as is known."""
    return knowledge().before(int(days)) or NEVER


def day(text: str) -> datetime | None:
    """The beginning of a day written as 2026-03-31, by the dashboard's clock (UTC)."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(found, time(), UTC) if 1970 <= found.year <= 2999 else None


SIZES = Statement(
    lambda matches, most: Gate.objects.values_list(*(CountOf(match.rows(), most) for match in matches))
)
COUNT = Statement(lambda match, most: Gate.objects.values_list(CountOf(match.shown(), most)))


@lru_cache(maxsize=512)
def sizes(each: tuple[Match, ...], filling: tuple[tuple[str, str], ...], period: int) -> tuple[int, ...]:  # noqa: ARG001 -- the key of the cache
    """How many each of these finds, up to one more than MOST: it chooses the way, so it may be old."""
    [row] = SIZES.rows(each, MOST, **dict(filling))
    return row


def leading(found: Mapping[str, int], order: str) -> str:
    """The filter that leads to a page in `order`, of those that `found` so many numbers."""
    fewest = min(found, key=lambda name: found[name], default="")
    together = "number" in order and "area_code" in found  # and perhaps far away
    if fewest and found[fewest] <= (MOST if together or not order else FEW):
        return fewest
    if not order:
        return next((name for name in BY_AGE if name in found), "")
    return next((name for name in found if is_in_order(name, order)), "")


def is_in_order(lead: str, order: str) -> bool:
    """Whether the index of the filter `lead` holds the numbers in `order`."""
    return OWN_ORDER.get(lead) == order.removeprefix("-")


def is_few(lead: str, found: Mapping[str, int], order: str) -> bool:
    """Whether each number that the filter `lead` finds is looked at, and then sorted."""
    if order:
        return bool(lead) and not is_in_order(lead, order)
    return lead == "q" or found.get(lead, MOST + 1) < FEW


def is_many(text: str) -> bool:
    """Whether more than `BROAD` numbers hold `text`: as the index knows, or as PostgreSQL estimates it."""
    if connection.vendor != "postgresql":
        return index_knows_many(text)
    return holders(text)[0] > BROAD


def is_dear(text: str, enough: int) -> bool:
    """Whether counting `enough` of those that hold `text` takes long, as more are gathered before the first.

    PostgreSQL's index does so; SQLite's gives one after the other.
    """
    return connection.vendor == "postgresql" and holders(text)[0] > enough


def holders(text: str) -> tuple[int, bool]:
    return estimated(text, int(seconds() / REMEMBERED))


def count_of(search: Search, text: str) -> int | None:
    """How many numbers hold `text`, where these are few enough for an index to lead to them."""
    if search.count is not None or connection.vendor != "postgresql":
        return search.count
    count, by_index = holders(text)
    return count if by_index and count <= BROAD else None


@lru_cache(maxsize=256)
def estimated(text: str, period: int) -> tuple[int, bool]:  # noqa: ARG001 -- the key of the cache
    """How many numbers hold `text`, and whether it would go by the index, as PostgreSQL thinks beforehand."""
    plan = Number.objects.filter(Search.of(text).holding).order_by().explain(format="json")
    return json.loads(plan)[0]["Plan"]["Plan Rows"], f'"{INDEX}"' in plan
