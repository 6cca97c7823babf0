"""What an address asks of the list of numbers: filters, order and columns, read in one place.

The list, saved views, bulk changes and the export all go through `Query`, so that all of them mean
the same numbers. Whatever is not understood is left out, never an error.
"""

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from time import time
from urllib.parse import urlencode

from django.db import connection
from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse

from numbers import number_fields
from numbers.db.pagination import Ordering
from numbers.db.sql import Slot
from numbers.models import Number
from numbers.states import NumberStatus
from numbers.telephony.area_codes import REGIONS, wanted_by
from numbers.telephony.characters import plain

from .match import (
    ANY,
    COUNT,
    NOBODY,
    WITH_STATUS,
    Match,
    count_of,
    day,
    is_dear,
    is_few,
    is_many,
    leading,
    quiet_since,
    sizes,
)
from .search import LONGEST_PASTE, Search, beside_numbers, numbers_in

SIZES = (50, 100)
MANY, MANY_FOUND = 10_000, 200  # beyond this, matches are not counted on a page; those of a search
FEW = 2000  # numbers that are looked at to count those of them that match
REMEMBERED = 60  # seconds for which the size of a filter may be old

#: The columns that can be chosen, in their order. The number itself is always there.
COLUMNS = {
    name: number_fields.COLUMNS.get(name, "Monthly cost")  # an estimate by our own price table
    for name in (
        *(
            "label",
            "agent",
            "provider",
            "connection",
            "status",
            "tags",
            "description",
            "cost",
            "bought",
            "synced",
            "calls",
            "last_call",
        ),
    )
}
#: Those that are shown unless others are chosen: at most sixteen elements a row.
UNUSUAL = ("provider", "description", "cost", "synced", "calls", "last_call")
DEFAULT_COLUMNS = [name for name in COLUMNS if name not in UNUSUAL]
ORDERS = {
    "number": Ordering(field="e164", down=False, unique=True),
    "-number": Ordering(field="e164", unique=True),
    "label": Ordering(field="label", down=False),
    "-label": Ordering(field="label"),
    "agent": Ordering(field="answerer", down=False),
    "-agent": Ordering(field="answerer"),
    "status": Ordering(field="status", down=False),
    "-status": Ordering(field="status"),
    "bought": Ordering(field="bought_at", down=False, time=True),
    "-bought": Ordering(field="bought_at", time=True),
    "synced": Ordering(field="synced_at", down=False, time=True),
    "-synced": Ordering(field="synced_at", time=True),
    "calls": Ordering(field="calls_30", down=False, whole=True),
    "-calls": Ordering(field="calls_30", whole=True),
    "last_call": Ordering(field="last_call_at", down=False, time=True),
    "-last_call": Ordering(field="last_call_at", time=True),
    "": Ordering(),  # as they came onto the books, newest first
}
STATUSES = {**{str(status): str(status.label) for status in NumberStatus}, ANY: "All, including released"}
SILENT = {"7": "7 days", "30": "30 days", "90": "90 days"}
#: Filters with a fixed list of values.
KNOWN: dict[str, Container[str]] = {
    "region": REGIONS,
    "status": STATUSES,
    "sort": ORDERS,
    "drifted": {"", "1"},
    "silent": SILENT,
    "wrong": {"", "1"},
}


def keys_in(texts: Iterable[str]) -> set[int]:
    """The keys of numbers among `texts`."""
    return {int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 19}


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
    silent: str = ""  # no call for so many days
    wrong: str = ""  # another agent than its own has answered
    sort: str = ""
    size: str = ""
    cols: str = ""

    @classmethod
    def read(cls, params: Mapping) -> "Query":
        """What `params` (of an address or a form) ask for, in its one canonical form."""
        given = {name: params.get(name, "").replace("\x00", "").strip()[:200] for name in NAMES}
        if isinstance(params, QueryDict) and len(params.getlist("cols")) > 1:
            given["cols"] = ",".join(params.getlist("cols"))
        given["q"] = given["q"] if plain(given["q"]).strip() else ""  # marks that nobody sees
        typed = params.get("q", "").replace("\x00", "")[:LONGEST_PASTE]
        if pasted := numbers_in(typed):
            given["q"] = " ".join([*pasted, beside_numbers(typed)]).strip()
        for name, known in KNOWN.items():
            given[name] = given[name] if given[name] in known else ""
        for name in ("bought_from", "bought_to"):
            given[name] = f"{found:%Y-%m-%d}" if (found := day(given[name])) else ""
        code = wanted_by(given["area_code"])  # (415) and +1 415, too
        given["area_code"] = code if re.fullmatch(r"[0-9]{3}", code) else ""
        given["size"] = given["size"] if given["size"] in map(str, SIZES[1:]) else ""
        chosen = given["cols"].split(",")
        cols = [name for name in COLUMNS if name in chosen]
        given["cols"] = "" if cols == DEFAULT_COLUMNS else ",".join(cols)
        return cls(**given)

    @classmethod
    def of(cls, text: str) -> "Query":
        """What `text`, an address after its question mark, asks for."""
        try:
            return cls.read(QueryDict(text))
        except ValueError:  # more fields than anybody would write
            return cls()

    def __str__(self) -> str:
        """The address after the question mark."""
        return urlencode({name: value for name in NAMES if (value := getattr(self, name))})

    def get_absolute_url(self) -> str:
        """The list of these numbers."""
        return reverse("number-list") + (f"?{text}" if (text := str(self)) else "")

    def without(self, *names: str) -> "Query":
        return replace(self, **dict.fromkeys(names, ""))

    @property
    def narrowed(self) -> "Query":
        """The same whatever is searched for and in whatever order: what the menus above the list show."""
        return self.without("q", "sort")

    @property
    def pasted(self) -> list[str]:
        """The numbers that were pasted into the search, two or more."""
        return numbers_in(self.q)

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, by name."""
        return {name: value for name in FILTERS if (value := getattr(self, name))}

    @property
    def sorting(self) -> str:
        """As asked for; a stretch of time is read in the order of time, in which there is an index for it.

        A search that finds very many is not sorted: what it finds may stand together at the order's end.
        """
        sort = self.sort or ("-bought" if self.bought_from or self.bought_to else "")
        return "" if sort and self.too_many else sort

    @property
    def too_many(self) -> bool:
        """Whether it finds too many numbers to sort them."""
        return bool(self.sort and self.q and is_many(self.q))

    @property
    def order(self) -> Ordering:
        return ORDERS[self.sorting]

    @property
    def filled(self) -> "tuple[Query, dict]":
        """The same with slots for the values, which makes many queries one; and what fills them."""
        values = {name: getattr(self, name) for name in SLOTS}
        texts: dict[str, str] = {name: Slot(name) for name in SLOTS if values[name]}
        if self.agent == NOBODY:
            texts["agent"] = NOBODY
        for name, later in {"bought_from": 0, "bought_to": 1}.items():
            if moment := day(values[name]):
                values[name] = connection.ops.adapt_datetimefield_value(moment + timedelta(days=later))
        if self.silent:
            values["silent"] = connection.ops.adapt_datetimefield_value(quiet_since(self.silent))
        return replace(self, q="", sort="", size="", cols="", **texts), values

    @property
    def match(self) -> "tuple[Match, dict, dict[str, int]]":
        """Which numbers are meant, what fills its slots, and how many each filter finds alone."""
        query, values = self.filled
        search = Search.of(self.q) if self.q else None
        alone = query.alone
        filling = tuple((name, str(value)) for name, value in values.items() if value)
        counted = sizes(tuple(alone.values()), filling, int(time() / REMEMBERED)) if alone else ()
        found = dict(zip(alone, counted, strict=True))
        if search and (count := count_of(search, self.q)) is not None:
            found["q"] = count
        if search:
            values |= search.values
        lead = leading(found, self.sorting)
        few = is_few(lead, found, self.sorting)
        return Match(query, search and search.shape, lead, few), values, found

    @property
    def alone(self) -> "dict[str, Match]":
        """Each filter alone, at any status unless that is the filter."""
        given, empty = self.filters, dict.fromkeys(FILTERS, "") | {"status": ANY}
        found: dict[str, dict[str, str]] = {}
        for name, value in given.items():
            if (name, value) != ("status", ANY) and name != "q":
                found.setdefault("bought" if name.startswith("bought") else name, {})[name] = value
        if self.status in NumberStatus:  # which some indexes know
            for name in WITH_STATUS & found.keys():
                found[name]["status"] = self.status
        return {name: Match(replace(self, **empty | asked), None, name) for name, asked in found.items()}

    @property
    def of_calls(self) -> bool:
        """Whether it filters, sorts or shows numbers by their calls."""
        named = {"calls", "last_call"} & {*self.columns, self.sort.removeprefix("-")}
        return bool(self.silent or self.wrong or named)

    @property
    def page_size(self) -> int:
        return int(self.size or SIZES[0])

    @property
    def columns(self) -> list[str]:
        return self.cols.split(",") if self.cols else list(DEFAULT_COLUMNS)

    def numbers(self) -> QuerySet[Number]:
        """The numbers that match, in no order yet."""
        return Match(self, Search.of(self.q) if self.q else None).numbers()

    def chosen(self, form: QueryDict) -> QuerySet[Number] | None:
        """The numbers that a bulk `form` means: all that match, or those selected on this and other pages."""
        if form.get("all") == "1":
            return self.numbers()
        texts = [*form.getlist("number"), *form.get("ticked", "").split()]
        keys = keys_in(texts)
        return Number.objects.filter(pk__in=keys) if keys else None

    def count(self, *, owned: int = 0) -> int | None:
        """How many match; one more than `most` means: more, and None: many, which nobody has counted.

        `owned`: our numbers, when last counted.
        """
        if not self.filters and owned > 2 * MANY:
            return MANY + 1
        if self.q and len(self.filters) == 1 and not self.pasted:
            if is_many(self.q):
                return self.most + 1  # the index knows, and reading so many would take a while
            if is_dear(self.q, FEW):
                return None
        match, values, found = self.match
        fewest = min(found, key=lambda name: found[name], default="")
        alone = not self.q and found.keys() <= {fewest, "status"} and fewest in {*WITH_STATUS, "status"}
        if fewest and found[fewest] > FEW and not alone:
            return None
        [[count]] = COUNT.rows(replace(match, lead=fewest), self.most, **values)
        return count

    @property
    def most(self) -> int:
        """Up to how many matches are counted."""
        return MANY_FOUND if self.q else MANY


NAMES = tuple(field.name for field in fields(Query))
FILTERS = NAMES[: NAMES.index("sort")]
SLOTS = [name for name in FILTERS if name not in ("q", "status", "drifted", "wrong")]
