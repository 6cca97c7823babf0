"""Pages by key: a page is found by where the last one ended, so page 5,000 costs as much as page 1.

The key of a row is its id, behind the value that the rows are sorted by where that is not the id:
`before=812` or `before=812~Front+desk`. An empty time comes before every other, on every database.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F, Model, Q, QuerySet
from django.utils.dateparse import parse_datetime

SIZE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of rows. `older` and `newer` are the keys of the pages after and before it, or None."""

    rows: list
    older: str | None
    newer: str | None

    def __iter__(self):
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What rows are sorted by: a field, or the id alone. TIME: the field holds times, and may hold none."""

    field: str = ""
    down: bool = True
    time: bool = False

    def sorted(self, rows: QuerySet, *, turned: bool = False) -> QuerySet:
        """ROWS in this order, or in the opposite one where TURNED."""
        down = self.down != turned
        keys = [F("pk").desc() if down else F("pk").asc()]
        if self.field:
            field = F(self.field)
            by = field.desc if down else field.asc
            nulls = {} if not self.time else {"nulls_last": True} if down else {"nulls_first": True}
            keys.insert(0, by(**nulls))
        return rows.order_by(*keys)

    def take(self, find: Callable[..., list], key: tuple | None, *, turned: bool, count: int) -> list:
        """COUNT rows: those that follow KEY in this order, or precede it where TURNED.

        FIND reads them, without the TIMELESS ones or with them.
        """
        if key and self.time and key[1]:  # no index begins at a time and goes on to the rows without one
            found = find(timeless=False)
            if len(found) == count or self.down == turned:
                return found
        return find(timeless=True)

    def behind(self, key: tuple, *, turned: bool = False, timeless: bool = True) -> Q:
        """The rows that follow KEY in this order, or precede it where TURNED; TIMELESS: all of them."""
        pk, value = key
        side = "lt" if self.down != turned else "gt"
        beyond = Q(**{f"pk__{side}": pk})
        if not self.field:
            return beyond
        same = Q(**{self.field: value}) & beyond
        if value is None:
            return same if side == "lt" else same | Q(**{f"{self.field}__isnull": False})
        past = Q(**{f"{self.field}__{side}": value}) | same
        if self.time and timeless and side == "lt":
            return past | Q(**{self.field: None})
        return past & Q(**{f"{self.field}__{side}e": value})  # lets the database start in its index

    def written(self, value: str | datetime | None) -> str | datetime | None:
        """The VALUE of a key as it goes to the database."""
        return connection.ops.adapt_datetimefield_value(value) if self.time and value else value

    def key_of(self, row: Model | tuple | dict) -> str:
        """The key of ROW: a model, or what `values` gave."""
        get = row.get if isinstance(row, dict) else lambda name: getattr(row, name)
        pk = get("pk")
        if not self.field:
            return str(pk)
        value = get(self.field)
        return f"{pk}~{value.isoformat() if isinstance(value, datetime) else value or ''}"

    def read(self, text: str | None) -> tuple | None:
        """The key that TEXT spells, or None where it spells none."""
        pk, _, value = (text or "").partition("~")
        if not (pk.isascii() and pk.isdigit() and len(pk) < 19):
            return None
        if not self.field:
            return int(pk), None
        if not self.time:
            return int(pk), value.replace("\x00", "")
        try:
            moment = parse_datetime(value) if value else None
        except ValueError:
            return None
        return None if value and (not moment or moment.tzinfo is None) else (int(pk), moment)


NEWEST_FIRST = Order()


def page_of(rows: QuerySet, *, params, size: int = SIZE, order: Order = NEWEST_FIRST) -> Page:
    """The page of ROWS that PARAMS asks for: `before=<key>` or `after=<key>`, else the first one."""

    def read(key: tuple | None, *, turned: bool) -> list:
        def find(*, timeless: bool) -> list:
            found = rows.filter(order.behind(key, turned=turned, timeless=timeless)) if key else rows
            return list(order.sorted(found, turned=turned)[: size + 1])

        return order.take(find, key, turned=turned, count=size + 1)

    return page_by(read, params=params, size=size, order=order)


def page_by(read: Callable[..., list], *, params, size: int, order: Order = NEWEST_FIRST) -> Page:
    """The page that PARAMS asks for; READ gets one row more than a page holds, from behind a key on.

    `before` is what comes before it in time, which is further down where the newest come first.
    Where nothing is left behind that key, as after a change of all that stood there, it is the first one.
    """
    before, after = (order.read(params.get(name)) for name in ("before", "after"))
    page = _page(read, before=before, after=after, size=size, order=order)
    if not page.rows and (before or after):
        return _page(read, before=None, after=None, size=size, order=order)
    return page


def _page(
    read: Callable[..., list], *, before: tuple | None, after: tuple | None, size: int, order: Order
) -> Page:
    if after is not None:
        found = read(after, turned=True)
        more, found = len(found) > size, found[:size][::-1]
        return Page(
            rows=found,
            newer=order.key_of(found[0]) if more else None,
            older=order.key_of(found[-1]) if found else None,
        )
    found = read(before, turned=False)
    more, found = len(found) > size, found[:size]
    return Page(
        rows=found,
        older=order.key_of(found[-1]) if more else None,
        newer=order.key_of(found[0]) if before is not None and found else None,
    )
