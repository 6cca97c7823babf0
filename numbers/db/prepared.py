"""What every page asks, put into SQL once.

PostgreSQL is also spared planning the same statements for each page: it keeps them prepared for the
connection (DATABASE_PREPARE).
"""

from collections.abc import Sequence
from functools import cache

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Model

from .sql import Statement


def cursor() -> CursorWrapper:
    """Django's cursor; on PostgreSQL with one inside that leaves values and plans to the server."""
    wrapped = connection.cursor()
    if connection.vendor == "postgresql":
        from django.db.backends.postgresql.base import ServerBindingCursor  # noqa: PLC0415 -- not for SQLite

        wrapped.cursor = ServerBindingCursor(connection.connection)  # type: ignore[call-arg] # psycopg's own
    return wrapped


class Prepared(Statement):
    """A statement that PostgreSQL keeps prepared."""

    cursor = staticmethod(cursor)

    def row(self, *shape, **values) -> tuple:
        """The one row that it finds."""
        (found,) = self.rows(*shape, **values)
        return found


def columns_of(model: type[Model], by: str = "") -> list[str]:
    """All columns of `model` for `values_list`, as seen from a model that points to it `by` a foreign key."""
    return [f"{by}{field.attname}" for field in model._meta.concrete_fields]


def read[M: Model](model: type[M], values: Sequence) -> M:
    """The row whose columns have these `values`."""
    return model.from_db(DEFAULT_DB_ALIAS, attnames(model), values)


attnames = cache(columns_of)
