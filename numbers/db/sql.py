"""Queries that pages ask all the time, put into SQL once: that takes Django longer than answering takes
the database.

    LINES = Statement(lambda: Line.objects.filter(order=slot("order")).values_list("pk"))
    LINES.rows(order=7)

What fills a slot goes to the database as a parameter, like any other value.
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import Exists, IntegerField, QuerySet, Subquery
from django.db.models.expressions import Col, RawSQL

SHAPES = 256  # of one statement that are remembered


class Slot(str):
    """The name of a value that is known when the statement is used."""

    __slots__ = ()


def slot(*names: str) -> RawSQL:
    """A value, or the list of values, of these `names`."""
    return RawSQL(", ".join(["%s"] * len(names)), tuple(map(Slot, names)))  # noqa: S611 -- parameters only


def keys_slot(name: str) -> RawSQL:
    """A list of keys of this `name`, filled with what `keys` makes of them."""
    return each_of(Slot(name), "bigint")


def texts_slot(name: str) -> RawSQL:
    """A list of texts of this `name`, filled with what `texts` makes of them."""
    return each_of(Slot(name), "text")


def among(found: Iterable[int]) -> RawSQL:
    """The keys `found`, for `pk__in`: Django writes out each key of a plain list separately."""
    return each_of(keys(found), "bigint")


def each_of(value: str, kind: str) -> RawSQL:
    each = "value FROM json_each(%s)" if connection.vendor == "sqlite" else f"unnest(%s::{kind}[])"
    return RawSQL(f"SELECT {each}", (value,))  # noqa: S611 -- as above


def keys(found: Iterable[int]) -> str:
    """`found` as each database writes a list: one value, as hundreds take their time on the way there."""
    listed = ",".join(map(str, found))
    return f"[{listed}]" if connection.vendor == "sqlite" else f"{{{listed}}}"


def texts(found: Iterable[str]) -> str | list[str]:
    """`found`, texts, as one value."""
    return json.dumps(list(found)) if connection.vendor == "sqlite" else list(found)


class Statement:
    """`make` gives the query, of `values_list`. What it is called with, the shape, decides over the SQL."""

    def __init__(self, make: Callable[..., QuerySet]) -> None:
        self.compiled = lru_cache(SHAPES)(lambda vendor, *shape: compiled(make(*shape)))

    @staticmethod
    def cursor() -> CursorWrapper:
        return connection.cursor()

    def rows(self, *shape, **values) -> list[tuple]:
        """What the query of this `shape` finds, with `values` in its slots."""
        sql, params, converters = self.compiled(connection.vendor, *shape)
        with self.cursor() as cursor:
            cursor.execute(sql, filled(params, values))
            found = cursor.fetchall()
        return converted(found, converters) if converters else found


def filled(params: Iterable, values: dict) -> list:
    """`params` with `values` in their slots."""
    return [values[part] if type(part) is Slot else part for part in params]


def compiled(rows: QuerySet) -> tuple:
    """The SQL of `rows`, its parameters, and what makes Python's values of the database's."""
    compiler = rows.query.get_compiler(connection=connection)
    sql, params = compiler.as_sql()
    found = compiler.get_converters([column for column, *_ in compiler.select])
    if connection.vendor == "sqlite":  # whose own way with times asks for the settings at each of them
        for at, (functions, column) in found.items():
            if column.output_field.get_internal_type() == "DateTimeField":
                found[at] = ([in_utc], column) if isinstance(column, Col) else (functions, column)
    return sql, params, [(at, functions, column) for at, (functions, column) in found.items()]


def in_utc(moment: datetime, column: Col, connection: BaseDatabaseWrapper) -> datetime:  # noqa: ARG001 -- as Django calls converters
    return moment.replace(tzinfo=UTC)


def converted(rows: list[tuple], converters: list) -> list[tuple]:
    """`rows` with Python's values in the columns of `converters`: column by column, as that is quicker."""
    written = list(map(list, rows))
    for at, functions, column in converters:
        for row in written:
            if row[at] is not None:
                for function in functions:
                    row[at] = function(row[at], column, connection)
    return list(map(tuple, written))


class CountOf(Subquery):
    """How many rows a query finds, up to one more than `most`."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()

    def __init__(self, rows: QuerySet, most: int) -> None:
        super().__init__(rows.order_by().values("pk")[: most + 1])


class ForEach(Exists):
    """EXISTS that is asked of one row after the other: PostgreSQL likes to read all that might exist first,
    which takes longer the more there is."""

    template = "EXISTS(%(subquery)s OFFSET 0)"  # behind the LIMIT 1 that Django gives it
