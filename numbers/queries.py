"""What an address asks of the list of numbers: filters, order and columns, read in one place.

The list, saved views, bulk changes and the export all go through `Query`, so that all of them mean
the same numbers. Whatever is not understood is left out, never an error.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import QueryDict

from .areas import REGIONS
from .models import Gate, Number
from .paging import Order
from .searching import BROAD, holding, is_many
from .statements import CountOf, Statement
from .states import OURS, NumberStatus

NOBODY = "none"  # the value of the agent filter that finds numbers without one
ANY = "any"  # the value of the status filter that shows also what we gave up
GIVEN_UP = (NumberStatus.RELEASED, NumberStatus.DETACHED)
SHOWN = sorted(set(NumberStatus) - set(GIVEN_UP))
SIZES = (50, 100)
MANY, MANY_FOUND = 10_000, 1_000  # beyond this, matches are not counted on a page; those of a search

#: The columns that can be chosen, in their order. The number itself is always there.
COLUMNS = {
    "label": "Label",
    "agent": "Who answers",
    "provider": "Provider",
    "connection": "Connection",
    "status": "Status",
    "tags": "Tags",
    "bought": "Bought",
    "synced": "Last synced",
}
ORDERS = {
    "number": Order(field="e164", down=False),
    "-number": Order(field="e164"),
    "label": Order(field="label", down=False),
    "-label": Order(field="label"),
    "bought": Order(field="bought_at", down=False, time=True),
    "-bought": Order(field="bought_at", time=True),
    "synced": Order(field="synced_at", down=False, time=True),
    "-synced": Order(field="synced_at", time=True),
    "": Order(),  # as they came onto the books, newest first
}
STATUSES = {**{str(status): str(status.label) for status in NumberStatus}, ANY: "All, given up ones too"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One way to look at the list. Empty text means: no such filter."""

    q: str = ""
    agent: str = ""
    provider: str = ""
    connection: str = ""
    region: str = ""
    area_code: str = ""
    status: str = ""
    tag: str = ""
    bought_from: str = ""
    bought_to: str = ""
    drifted: str = ""
    sort: str = ""
    size: str = ""
    cols: str = ""

    @classmethod
    def read(cls, params: Mapping) -> "Query":
        """What PARAMS (of an address or a form) ask for, in its one canonical form."""
        given = {name: params.get(name, "").replace("\x00", "").strip()[:200] for name in NAMES}
        if isinstance(params, QueryDict) and len(params.getlist("cols")) > 1:
            given["cols"] = ",".join(params.getlist("cols"))
        for name, known in {"region": REGIONS, "status": STATUSES, "sort": ORDERS, "drifted": "1"}.items():
            given[name] = given[name] if given[name] in known else ""
        for name in ("bought_from", "bought_to"):
            given[name] = f"{found:%Y-%m-%d}" if (found := day(given[name])) else ""
        if not re.fullmatch(r"[0-9]{3}", given["area_code"]):
            given["area_code"] = ""
        given["size"] = given["size"] if given["size"] in map(str, SIZES[1:]) else ""
        chosen = given["cols"].split(",")
        cols = [name for name in COLUMNS if name in chosen]
        given["cols"] = "" if len(cols) == len(COLUMNS) else ",".join(cols)
        return cls(**given)

    @classmethod
    def of(cls, text: str) -> "Query":
        """What TEXT, an address after its question mark, asks for."""
        try:
            return cls.read(QueryDict(text))
        except ValueError:  # more fields than anybody would write
            return cls()

    def __str__(self) -> str:
        """The address after the question mark."""
        return urlencode({name: value for name in NAMES if (value := getattr(self, name))})

    def without(self, *names: str) -> "Query":
        return replace(self, **dict.fromkeys(names, ""))

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, by name."""
        return {name: value for name in FILTERS if (value := getattr(self, name))}

    @property
    def order(self) -> Order:
        """As asked for; a stretch of time is read in the order of time, in which there is an index for it."""
        return ORDERS[self.sort or ("-bought" if self.bought_from or self.bought_to else "")]

    @property
    def plain(self) -> "Query | None":
        """What decides over the SQL of a page, where nothing else does: not for searches and SQLite's
        tags, whose way through the database depends on what is in it, nor for other orders than by id."""
        searched = self.q or (self.tag and connection.vendor == "sqlite")
        return None if searched or self.order.field else self.without("cols", "sort", "size")

    @property
    def page_size(self) -> int:
        return int(self.size or SIZES[0])

    @property
    def columns(self) -> list[str]:
        return self.cols.split(",") if self.cols else list(COLUMNS)

    def numbers(self, *, paged: bool = True) -> QuerySet[Number]:
        """The numbers that match, in no order yet. PAGED: a page of them will do, found in its order."""
        found = Number.objects.all()
        if self.status in NumberStatus:
            found = found.filter(status=self.status)
        elif not self.status:
            found = found.exclude(status__in=GIVEN_UP)
        if self.agent == NOBODY:
            found = found.filter(agent=None) if self.status else found.unassigned()
        elif self.agent:
            found = found.filter(agent__api_id=self.agent)
        if self.connection:
            found = found.filter(connection__api_id=self.connection)
        if self.tag:
            found = found.filter(wearing(self.tag) if paged else Q(tags__name=self.tag))
        if self.drifted:
            found = found.filter(drifted=True)
        if self.provider:
            found = found.filter(telephony_provider=self.provider)
        if self.region:
            found = found.filter(region=self.region)
        if self.area_code:
            found = found.filter(area_code=self.area_code)
        if self.bought_from:
            found = found.filter(bought_at__gte=day(self.bought_from))
        if self.bought_to:
            found = found.filter(bought_at__lt=day(self.bought_to) + timedelta(days=1))
        return found.filter(holding(self.q)) if self.q else found

    def sorted(self) -> QuerySet[Number]:
        """The numbers that match, in the order asked for."""
        return self.order.sorted(self.numbers())

    def count(self, *, owned: int = 0) -> int:
        """How many match; one more than `most` means: more. OWNED: our numbers, when last counted."""
        if not self.filters and owned > 2 * MANY:
            return MANY + 1
        if self.q and len(self.filters) == 1 and is_many(self.q):
            return self.most + 1  # the index knows, and reading so many would take a while
        if self.q:
            return self.shown()[: self.most + 1].count()
        [[found]] = COUNT.rows(self.without("sort", "size", "cols"))
        return found

    @property
    def most(self) -> int:
        """Up to how many matches are counted."""
        return MANY_FOUND if self.q else MANY

    def shown(self) -> QuerySet[Number]:
        """As `numbers`, with the statuses asked for by name: so they are counted in an index alone."""
        if self.status:
            return self.numbers(paged=False).order_by()
        ours = replace(self, status=ANY).numbers(paged=False).order_by()
        return ours.filter(status__in=OURS if self.agent == NOBODY else SHOWN)


COUNT = Statement(lambda query: Gate.objects.values_list(CountOf(query.shown(), MANY)))
NAMES = tuple(field.name for field in fields(Query))
FILTERS = NAMES[: NAMES.index("sort")]


def wearing(tag: str) -> Q:
    """Numbers with TAG. Of a tag that many have, SQLite would read and sort every number for one page."""
    worn = Number.tags.through.objects.filter(tag__name=tag)
    if connection.vendor != "sqlite" or worn[: BROAD + 1].count() <= BROAD:
        return Q(tags__name=tag)
    return Q(Exists(worn.filter(number=OuterRef("pk"))))


def day(text: str) -> datetime | None:
    """The beginning of a day written as 2026-03-31, by the dashboard's clock (UTC)."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return datetime.combine(found, time(), UTC) if 1970 <= found.year <= 2999 else None
