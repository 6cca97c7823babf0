"""What an address asks of the list of numbers: filters, order and columns, read in one place.

The list, saved views, bulk changes and the export all go through `Query`, so that all of them mean
the same numbers. Whatever is not understood is left out, never an error.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode

from django.db import connection
from django.db.models import QuerySet
from django.http import QueryDict

from .areas import REGIONS
from .matching import ANY, NOBODY, Match, beginning, day, is_worn_by_many
from .models import Gate, Number
from .paging import Order
from .searching import Search, is_many
from .statements import CountOf, Slot, Statement
from .states import NumberStatus

SIZES = (50, 100)
MANY, MANY_FOUND = 10_000, 200  # beyond this, matches are not counted on a page; those of a search

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
    def match(self) -> Match:
        """Which numbers are meant: what this one page, export or change asks the database."""
        return Match(
            self, Search.of(self.q) if self.q else None, bool(self.tag) and is_worn_by_many(self.tag)
        )

    @property
    def worded(self) -> tuple[Match, dict]:
        """The same with slots for the values, which makes many queries one; and what fills them."""
        match, values = self.match, {name: getattr(self, name) for name in SLOTS}
        texts = {name: Slot(name) for name in SLOTS if values[name]}
        if self.agent == NOBODY:
            texts["agent"] = NOBODY
        for name, later in {"bought_from": 0, "bought_to": 1}.items():
            if values[name]:
                moment = beginning(values[name], days=later)
                values[name] = connection.ops.adapt_datetimefield_value(moment)
        if match.search:
            values |= match.search.values
        plain = replace(self, q="", sort="", size="", cols="", **texts)
        return Match(plain, match.search and match.search.shape, match.worn), values

    @property
    def page_size(self) -> int:
        return int(self.size or SIZES[0])

    @property
    def columns(self) -> list[str]:
        return self.cols.split(",") if self.cols else list(COLUMNS)

    def numbers(self) -> QuerySet[Number]:
        """The numbers that match, in no order yet."""
        return self.match.numbers()

    def count(self, *, owned: int = 0) -> int:
        """How many match; one more than `most` means: more. OWNED: our numbers, when last counted."""
        if not self.filters and owned > 2 * MANY:
            return MANY + 1
        if self.q and len(self.filters) == 1 and is_many(self.q):
            return self.most + 1  # the index knows, and reading so many would take a while
        shape, values = self.worded
        [[found]] = COUNT.rows(shape, self.most, **values)
        return found

    @property
    def most(self) -> int:
        """Up to how many matches are counted."""
        return MANY_FOUND if self.q else MANY


COUNT = Statement(lambda match, most: Gate.objects.values_list(CountOf(match.shown(), most)))
NAMES = tuple(field.name for field in fields(Query))
FILTERS = NAMES[: NAMES.index("sort")]
SLOTS = [name for name in FILTERS if name not in ("q", "status", "drifted")]
