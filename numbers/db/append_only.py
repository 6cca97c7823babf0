"""Tables that only grow: the database itself refuses to change or remove their rows.

Put up after every `migrate`, as SQLite drops a table's triggers whenever Django makes the table anew.
The owner of the database can still take the triggers away; the seals then show what was changed.
"""

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

# What tells a row from another: on SQLite an INSERT OR REPLACE of a known one would be a quiet change.
TABLES = {"numbers_event": ["id"], "numbers_seal": ["n", "event_id"]}
FUNCTION = "numbers_append_only"


def put_up(connection: BaseDatabaseWrapper) -> None:
    """Guard the tables that are there, whatever bears the names of the guards so far."""
    if not weak_points(connection):
        return  # nobody has to wait for a lock on the tables
    with transaction.atomic(using=connection.alias):
        take_away(connection)
        if connection.vendor == "postgresql":
            _run(connection, _POSTGRES_FUNCTION)
        for table in _there(connection):
            for name, sql in _guards(connection, table).items():
                _run(connection, sql)
                if connection.vendor == "postgresql":  # a session that plays a replica does not get around it
                    _run(connection, f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def take_away(connection: BaseDatabaseWrapper) -> None:
    """For a migration that must rewrite old rows; `migrate` puts the guards up again at its end."""
    _check_keys(connection)
    for table in _there(connection):
        on = f" ON {table}" if connection.vendor == "postgresql" else ""
        for name in _guards(connection, table):
            _run(connection, f"DROP TRIGGER IF EXISTS {name}{on}")


def weak_points(connection: BaseDatabaseWrapper) -> list[str]:
    """What differs from the guards that `put_up` makes, by definition and not by name alone; for people."""
    found = []
    for table in TABLES:
        wanted, there = _definitions(connection, table), _triggers(connection, table)
        found += [f"{name} is missing" for name in sorted(set(wanted) - set(there))]
        found += [f"{name} is unknown" for name in sorted(set(there) - set(wanted))]
        found += [
            f"{name} was altered" for name in sorted(wanted) if there.get(name, wanted[name]) != wanted[name]
        ]
    return found


def missing_at_end(connection: BaseDatabaseWrapper, table: str) -> tuple[int, int] | None:
    """The first and the last id that `table` has given out behind its newest row, or None.

    A PostgreSQL that was ended hard skips some ids itself; those are no fault.
    """
    skipped = 0
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(MAX(id), 0) FROM {table}")  # noqa: S608 -- our own names
        (newest,) = cursor.fetchone()
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
            (sequence,) = cursor.fetchone()
            cursor.execute(f"SELECT last_value, is_called, log_cnt FROM {sequence}")  # noqa: S608 -- as above
            given, used, ahead = cursor.fetchone()
            given, skipped = (given if used else 0), (0 if ahead else _LOGGED_AHEAD)
        else:
            cursor.execute("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = %s", [table])
            (given,) = cursor.fetchone()
    return (newest + 1, given) if given > newest + skipped else None


def _check_keys(connection: BaseDatabaseWrapper) -> None:
    """PostgreSQL alters no table whose foreign keys the transaction has still to check."""
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        connection.check_constraints()


def _there(connection: BaseDatabaseWrapper) -> list[str]:
    return [table for table in TABLES if table in connection.introspection.table_names()]


def _guards(connection: BaseDatabaseWrapper, table: str) -> dict[str, str]:
    """The triggers of `table`: name and statement."""
    if connection.vendor == "postgresql":
        name = f"{table}_only_grows"
        return {name: _POSTGRES.format(name=name, table=table)}
    known = " OR ".join(f"{column} = NEW.{column}" for column in TABLES[table])
    replaced = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {known})"  # noqa: S608 -- our own names
    each = {"no_update": ("UPDATE", ""), "no_delete": ("DELETE", ""), "no_replace": ("INSERT", replaced)}
    return {
        f"{table}_{what}": _SQLITE.format(name=f"{table}_{what}", table=table, event=event, when=when)
        for what, (event, when) in each.items()
    }


def _definitions(connection: BaseDatabaseWrapper, table: str) -> dict[str, tuple]:
    """What the database says of each of our guards while it is as we put it up."""
    guards = _guards(connection, table)
    if connection.vendor == "postgresql":
        return dict.fromkeys(
            guards, (_BEFORE_UPDATE_DELETE_TRUNCATE, "A", "", None, FUNCTION, "plpgsql", _BODY)
        )
    return {name: (sql,) for name, sql in guards.items()}


def _triggers(connection: BaseDatabaseWrapper, table: str) -> dict[str, tuple]:
    """What the database says of every trigger of `table`."""
    with connection.cursor() as cursor:
        cursor.execute(_OF_POSTGRES if connection.vendor == "postgresql" else _OF_SQLITE, [table])
        return {name: tuple(definition) for name, *definition in cursor.fetchall()}


def _run(connection: BaseDatabaseWrapper, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


_SQLITE = """CREATE TRIGGER {name} BEFORE {event} ON {table} {when}
BEGIN SELECT RAISE(ABORT, '{table} only grows'); END"""
_OF_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
_BODY = """ BEGIN
RAISE EXCEPTION '% only grows', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END """
_POSTGRES_FUNCTION = (
    f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $${_BODY}$$"
)
_POSTGRES = f"""CREATE TRIGGER {{name}} BEFORE UPDATE OR DELETE OR TRUNCATE ON {{table}}
FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"""
_LOGGED_AHEAD = 32  # ids that PostgreSQL logs at a time; after a crash it continues behind them
_BEFORE_UPDATE_DELETE_TRUNCATE = 2 + 16 + 8 + 32  # of each statement, as pg_trigger.h counts
_OF_POSTGRES = """SELECT t.tgname, t.tgtype, t.tgenabled, t.tgattr::text, t.tgqual, p.proname, l.lanname,
p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_language l ON l.oid = p.prolang
WHERE NOT t.tgisinternal AND t.tgrelid = to_regclass(%s)"""
