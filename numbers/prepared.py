"""What the path of a purchase asks and writes, put into SQL once: that took longer than anything else in it.

PostgreSQL is also spared planning the same statements for each line, and what every page asks for each
page: it keeps them prepared for the connection (DATABASE_PREPARE). Rows are written without Django's
signals; nobody listens for those here.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Model, QuerySet
from django.db.models.expressions import DatabaseDefault
from django.db.models.sql import UpdateQuery

from .statements import SHAPES, Statement, filled, slot

NEW = "new "  # before the name of a column: the slot of the value that it gets


def cursor() -> CursorWrapper:
    """Django's cursor; on PostgreSQL with one inside that leaves values and plans to the server."""
    wrapped = connection.cursor()
    if connection.vendor == "postgresql":
        from django.db.backends.postgresql.base import ServerBindingCursor  # noqa: PLC0415 -- not for SQLite

        wrapped.cursor = ServerBindingCursor(connection.connection)
    return wrapped


class Prepared(Statement):
    """A statement that PostgreSQL keeps prepared."""

    cursor = staticmethod(cursor)

    def row(self, *shape, **values) -> tuple:
        """The one row that it finds."""
        (found,) = self.rows(*shape, **values)
        return found


class Change:
    """An UPDATE of what ROWS gives; SETS gives columns that get an expression. Both know the shape."""

    def __init__(self, rows: Callable[..., QuerySet], sets: Callable[..., dict] = lambda *_: {}) -> None:
        self.worded = lru_cache(SHAPES)(
            lambda vendor, names, *shape: worded_change(rows(*shape), names, sets(*shape))
        )

    def rows(self, *shape, fields: dict | None = None, **values) -> int:
        """Give FIELDS to the rows, with VALUES in their slots; how many there were."""
        fields = fields or {}
        sql, params, model = self.worded(connection.vendor, tuple(fields), *shape)
        for name, value in fields.items():
            field = model._meta.get_field(name)
            if isinstance(value, Model):
                value = value.prepare_database_save(field)
            values[NEW + name] = field.get_db_prep_save(value, connection)
        with cursor() as asked:
            asked.execute(sql, filled(params, values))
            return asked.rowcount


def worded_change(rows: QuerySet, names: Sequence[str], sets: dict) -> tuple:
    query = rows.query.chain(UpdateQuery)
    query.add_update_values({**sets, **{name: slot(NEW + name) for name in names}})
    sql, params = query.get_compiler(connection=connection).as_sql()
    return sql, params, rows.model


def put(row: Model, *, unless: str = "", **computed: tuple[str, list]) -> bool:
    """INSERT a new ROW. Columns with a default of the database's own are read when somebody asks for them.

    UNLESS names a unique column: False where another row has its value. COMPUTED are columns that the
    database works out: SQL and its parameters.
    """
    names, params = [], []
    for field in row._meta.local_concrete_fields:
        value = field.pre_save(row, add=True)
        if field.name in computed:
            params += computed[field.name][1]
        elif isinstance(value, DatabaseDefault):
            del row.__dict__[field.attname]
            continue
        elif value is None and field.primary_key:
            continue
        else:
            params.append(field.get_db_prep_save(value, connection))
        names.append(field.name)
    texts = tuple((name, sql) for name, (sql, _) in computed.items())
    with cursor() as asked:
        asked.execute(worded_insert(connection.vendor, type(row), tuple(names), unless, texts), params)
        found = asked.fetchone()
    if not found:
        return False
    row.pk, *values = found
    for (name, _), value in zip(texts, values, strict=True):
        setattr(row, name, value)
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS
    return True


@cache
def worded_insert(vendor: str, model: type[Model], names: tuple, unless: str, texts: tuple) -> str:
    texts, quoted = dict(texts), connection.ops.quote_name
    columns = ", ".join(quoted(model._meta.get_field(name).column) for name in names)
    values = ", ".join(texts.get(name, "%s") for name in names)
    conflict = f" ON CONFLICT ({quoted(unless)}) DO NOTHING" if unless else ""
    back = ", ".join(quoted(name) for name in [model._meta.pk.column, *texts])
    into = quoted(model._meta.db_table)
    return f"INSERT INTO {into} ({columns}) VALUES ({values}){conflict} RETURNING {back}"  # noqa: S608 -- our names


def columns_of(model: type[Model], by: str = "") -> list[str]:
    """All columns of MODEL for `values_list`, as seen from a model that points to it BY a foreign key."""
    return [f"{by}{field.attname}" for field in model._meta.concrete_fields]


def read(model: type[Model], values: Sequence) -> Model:
    """The row whose columns have these VALUES."""
    return model.from_db(DEFAULT_DB_ALIAS, attnames(model), values)


attnames = cache(columns_of)
