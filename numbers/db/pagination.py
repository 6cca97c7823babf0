"""Pages by key: a page is found by where the last one ended, so page 5,000 costs as much as page 1.

The key of a row is its id, behind the value that the rows are sorted by where that is not the id:
`before=812` or `before=812~Front+desk`. An empty time comes before every other, on every database.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F, Func, Model, Q, QuerySet, Subquery, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.db.models.lookups import GreaterThan, LessThan
from django.utils.dateparse import parse_datetime

SIZE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of rows. `older` and `newer` are the keys of the pages after and before it, or None.

    `partial`: it has looked through some rows only, and the next page continues where it stopped.
    """

    rows: list
    older: str | None
    newer: str | None
    partial: bool = False

    def __iter__(self):
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """What rows are sorted by: a field, or the id alone.

    `time`: the field holds times, and may hold none unless it is always `filled`. `whole`: it holds whole
    numbers, and none of them is missing. `unique`: no two rows have the same in it, so that it sorts alone.
    `model`: its rows never change in the field, so that the value of a key is read from its row: as text,
    SQLite's moments have three decimals and those of Django six.
    """

    field: str = ""
    down: bool = True
    time: bool = False
    filled: bool = False
    whole: bool = False
    unique: bool = False
    model: type[Model] | None = None

    def sorted(self, rows: QuerySet, *, backwards: bool = False) -> QuerySet:
        """`rows` in this order, or in the opposite one where `backwards`."""
        down = self.down != backwards
        keys = [F("pk").desc() if down else F("pk").asc()]
        if self.field:
            field = F(self.field)
            by = field.desc if down else field.asc
            nulls = {}
            if self.time and not self.filled:
                nulls = {"nulls_last": True} if down else {"nulls_first": True}
            keys = [by(**nulls)] if self.unique else [by(**nulls), *keys]
        return rows.order_by(*keys)

    def take(self, find: Callable[..., list], key: tuple | None, *, backwards: bool, count: int) -> list:
        """`count` rows: those that follow `key` in this order, or precede it where `backwards`.

        `find` reads them, without the TIMELESS ones or with them.
        """
        if key and self.time and key[1]:  # no index begins at a time and continues to the rows without one
            found = find(timeless=False)
            if len(found) == count or self.down == backwards:
                return found
        return find(timeless=True)

    def behind(self, key: tuple, *, backwards: bool = False, timeless: bool = True) -> Q:
        """The rows that follow key in this order, or precede it where backwards; timeless: all of them."""
        pk, value = key
        side = "lt" if self.down != backwards else "gt"
        beyond = Q(**{f"pk__{side}": pk})
        if not self.field:
            return beyond
        if value is None:
            same = Q(**{self.field: None}) & beyond
            return same if side == "lt" else same | Q(**{f"{self.field}__isnull": False})
        if self.unique:
            return Q(**{f"{self.field}__{side}": value})
        if self.model:
            its_row = self.model._default_manager.filter(pk=pk).order_by().values(self.field)
            value = Coalesce(Subquery(its_row), Value(value))
        # As one comparison of rows, which an index answers also where very many have the same value.
        row, than = Row(F(self.field), F("pk")), Row(*map(as_expression, (value, pk)))
        past = Q(LessThan(row, than) if side == "lt" else GreaterThan(row, than))
        if self.time and timeless and side == "lt" and not self.filled:
            return past | Q(**{self.field: None})
        return past

    def written(self, value: str | datetime | None) -> str | datetime | None:
        """The `value` of a key as it goes to the database."""
        return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value

    def key_of(self, row: Model | tuple | dict) -> str:
        """The key of `row`: a model, or what `values` gave."""
        get = row.get if isinstance(row, dict) else lambda name: getattr(row, name)
        return self.spelled((get("pk"), get(self.field) if self.field else None))

    def spelled(self, key: tuple) -> str:
        """`key` as text, for `read`."""
        pk, value = key
        if not self.field:
            return str(pk)
        return f"{pk}~{value.isoformat() if isinstance(value, datetime) else '' if value is None else value}"

    def read(self, text: str | None) -> tuple | None:
        """The key that `text` spells, or None where it spells none."""
        pk, _, value = (text or "").partition("~")
        if not (pk.isascii() and pk.isdigit() and len(pk) < 19):
            return None
        if not self.field:
            return int(pk), None
        if self.whole:
            return (int(pk), int(value)) if value.isascii() and value.isdigit() and len(value) < 10 else None
        if not self.time:
            return int(pk), value.replace("\x00", "")
        try:
            moment = parse_datetime(value) if value else None
        except ValueError:
            return None
        return None if value and (not moment or moment.tzinfo is None) else (int(pk), moment)


class Row(Func):
    """Values that are compared as a row: by the first of them, then by the second."""

    template = "(%(expressions)s)"
    output_field = TextField()  # of no matter: only rows are compared with it


def as_expression(value: object) -> Combinable:
    return value if isinstance(value, Combinable) else Value(value)


NEWEST_FIRST = Ordering()


def page_of(rows: QuerySet, *, params, size: int = SIZE, order: Ordering = NEWEST_FIRST) -> Page:
    """The page of `rows` that `params` asks for: `before=<key>` or `after=<key>`, else the first one."""

    def read(key: tuple | None, *, backwards: bool) -> list:
        def find(*, timeless: bool) -> list:
            found = rows.filter(order.behind(key, backwards=backwards, timeless=timeless)) if key else rows
            return list(order.sorted(found, backwards=backwards)[: size + 1])

        return order.take(find, key, backwards=backwards, count=size + 1)

    return page_by(read, params=params, size=size, order=order)


def page_by(read: Callable[..., list], *, params, size: int, order: Ordering = NEWEST_FIRST) -> Page:
    """The page that `params` asks for; `read` gets one row more than a page holds, from behind a key on.

    `before` is what comes before it in time, which is further down where the newest come first.
    Where nothing is left behind that key, as after a change of all that stood there, it is the first one.
    """
    before, after = (order.read(params.get(name)) for name in ("before", "after"))
    page = _page(read, before=before, after=after, size=size, order=order)
    if not page.rows and (before or after):
        return _page(read, before=None, after=None, size=size, order=order)
    return page


def page_within(
    read: Callable[..., list],
    *,
    find_end: Callable[..., list[tuple] | None],
    params,
    size: int,
    order: Ordering = NEWEST_FIRST,
) -> Page:
    """The page that `params` asks for, as far as it is found in a stretch of rows.

    find_end gives the keys of the last row of the stretch from behind a key on, and of the first one beyond;
    no keys where there is none, and None where all rows may be read. `read` gets rows up to an end, or None.
    """
    before, after = (order.read(params.get(name)) for name in ("before", "after"))
    key, backwards = (after, True) if after is not None else (before, False)
    found = find_end(key, backwards=backwards)
    last, end = found or (None, None)

    def inside(key: tuple | None, *, backwards: bool) -> list:
        return read(key, end, backwards=backwards)

    if found is None:
        return page_by(inside, params=params, size=size, order=order)
    page = _page(inside, before=before, after=after, size=size, order=order)
    on, back = (page.newer, page.older) if backwards else (page.older, page.newer)
    partial = bool((last and not on) or (key and not page.rows))
    if key and not page.rows:
        back = order.spelled(key)
    if last and not on:
        on = order.spelled(last)
    newer, older = (on, back) if backwards else (back, on)
    return Page(rows=page.rows, newer=newer, older=older, partial=partial)


def window_end(
    rows: QuerySet, key: tuple | None, *, order: Ordering, backwards: bool, size: int
) -> list[tuple]:
    """What `find_end` gives for a stretch of `size` of `rows`, from behind `key` on."""
    names = ("pk", order.field) if order.field else ("pk",)
    along = order.sorted(
        rows.filter(order.behind(key, backwards=backwards)) if key else rows, backwards=backwards
    )
    found = list(along.values_list(*names)[size - 1 : size + 1])
    return [(pk, *(value or [None])) for pk, *value in found] if len(found) == 2 else []


def _page(
    read: Callable[..., list], *, before: tuple | None, after: tuple | None, size: int, order: Ordering
) -> Page:
    if after is not None:
        found = read(after, backwards=True)
        more, found = len(found) > size, found[:size][::-1]
        return Page(
            rows=found,
            newer=order.key_of(found[0]) if more else None,
            older=order.key_of(found[-1]) if found else None,
        )
    found = read(before, backwards=False)
    more, found = len(found) > size, found[:size]
    return Page(
        rows=found,
        older=order.key_of(found[-1]) if more else None,
        newer=order.key_of(found[0]) if before is not None and found else None,
    )
