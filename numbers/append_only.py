"""Tables that only grow: the database itself refuses to change or remove their rows.

Put up after every `migrate`, as SQLite drops a table's triggers whenever Django makes the table anew.
Whoever owns the database can still take the triggers away; the seals then show what was changed.
"""

from django.db.backends.base.base import BaseDatabaseWrapper

# What tells a row from another: on SQLite an INSERT OR REPLACE of a known one would be a quiet change.
TABLES = {"numbers_event": ["id"], "numbers_seal": ["n", "event_id"]}
FUNCTION = "numbers_append_only"


def put_up(connection: BaseDatabaseWrapper) -> None:
    """Guard the tables that are there. Harmless to do again."""
    _check_keys(connection)
    _run(connection, _POSTGRES_FUNCTION if connection.vendor == "postgresql" else "")
    for table in _there(connection):
        for name, event in _guards(connection, table).items():
            _run(connection, event.format(name=name, table=table))


def take_away(connection: BaseDatabaseWrapper) -> None:
    """For a migration that must rewrite old rows; `migrate` puts the guards up again at its end."""
    _check_keys(connection)
    on = " ON {table}" if connection.vendor == "postgresql" else ""
    for table in _there(connection):
        for name in _guards(connection, table):
            _run(connection, f"DROP TRIGGER IF EXISTS {name}{on}".format(table=table))


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The guards that should be there and are not, or are switched off."""
    wanted = {name for table in TABLES for name in _guards(connection, table)}
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if connection.vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE tgenabled = 'A'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        return sorted(wanted - {name for (name,) in cursor.fetchall()})


def _check_keys(connection: BaseDatabaseWrapper) -> None:
    """PostgreSQL alters no table whose foreign keys the transaction has still to check."""
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        connection.check_constraints()


def _there(connection: BaseDatabaseWrapper) -> list[str]:
    return [table for table in TABLES if table in connection.introspection.table_names()]


def _guards(connection: BaseDatabaseWrapper, table: str) -> dict[str, str]:
    """The triggers of TABLE: name and statement."""
    if connection.vendor == "postgresql":
        return {f"{table}_only_grows": _POSTGRES}
    known = " OR ".join(f"{column} = NEW.{column}" for column in TABLES[table])
    return {
        f"{table}_no_update": _SQLITE.replace("WHAT", "UPDATE").replace("WHEN", ""),
        f"{table}_no_delete": _SQLITE.replace("WHAT", "DELETE").replace("WHEN", ""),
        f"{table}_no_replace": _SQLITE.replace("WHAT", "INSERT").replace(
            "WHEN",
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {known})",  # noqa: S608 -- our own names
        ),
    }


def _run(connection: BaseDatabaseWrapper, sql: str) -> None:
    if sql:
        with connection.cursor() as cursor:
            cursor.execute(sql)


_SQLITE = """CREATE TRIGGER IF NOT EXISTS {name} BEFORE WHAT ON {table} WHEN
BEGIN SELECT RAISE(ABORT, '{table} only grows'); END"""
_POSTGRES_FUNCTION = f"""CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN
RAISE EXCEPTION '% only grows', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$"""
# ALWAYS: a session that plays a replica does not get around it.
_POSTGRES = f"""CREATE OR REPLACE TRIGGER {{name}} BEFORE UPDATE OR DELETE OR TRUNCATE ON {{table}}
FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}();
ALTER TABLE {{table}} ENABLE ALWAYS TRIGGER {{name}}"""
