"""Backups of the database in one file, and what is in them. Send journals are kept out on purpose."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

#: Counted in a backup, by what people call them.
TABLES = {
    "orders": "numbers_order",
    "lines": "numbers_line",
    "numbers": "numbers_number",
    "events": "numbers_event",
    "accounts": "auth_user",
}
SQLITE, POSTGRESQL = b"SQLite format 3\x00", b"PGDMP"


class NoBackup(Exception):
    """A backup that could not be made, or a file that is none; the text says why, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is in a backup of `vendor`: rows by TABLES, applied migrations, and when the newest event was."""

    rows: dict[str, int]
    migrations: set[str]
    newest: str
    vendor: str


def take(path: Path) -> None:
    """Write the database as it is now to path, which must not exist yet. Work may go on. Raises NoBackup."""
    if path.exists():
        raise NoBackup(f"{path} already exists.")
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    except OSError as error:
        raise NoBackup(f"{path} can't be written: {error.strerror}.") from error
    try:
        if connection.vendor == "sqlite":
            connection.ensure_connection()
            with closing(sqlite3.connect(unfinished)) as target:
                connection.connection.backup(target)
        else:
            run("pg_dump", "--format=custom", "--no-owner", f"--file={unfinished}", *place(), password=True)
        contents(unfinished)
        unfinished.rename(path)
    except (sqlite3.Error, OSError) as error:
        raise NoBackup(str(error)) from error
    finally:
        unfinished.unlink(missing_ok=True)


def put_back(path: Path) -> None:
    """Put the backup `path` in the place of the whole database: all of it, or nothing. Raises NoBackup.

    No worker may run. Its migrations may be older than this release's.
    """
    if connection.vendor != "sqlite":
        connection.close()
        how = ("--clean", "--if-exists", "--no-owner", "--single-transaction")
        run("pg_restore", *how, *place(), str(path), password=True)
        return
    connection.close()
    try:
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as source,
            closing(sqlite3.connect(connection.settings_dict["NAME"], timeout=20)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        raise NoBackup(f"The database can't be written: {error}.") from error


def contents(path: Path) -> Contents:
    """What is in the backup `path`, all of which is read once. Raises NoBackup."""
    try:
        with path.open("rb") as file:
            magic = file.read(16)
    except OSError as error:
        raise NoBackup(f"{path}: {error.strerror}.") from error
    if magic == SQLITE:
        return of_sqlite(path)
    if magic.startswith(POSTGRESQL):
        return of_postgresql(path)
    raise NoBackup(f"{path} is neither a backup of SQLite nor one of PostgreSQL (pg_dump -Fc).")


def of_sqlite(path: Path) -> Contents:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as file:
            [(sound,)] = file.execute("PRAGMA integrity_check(1)").fetchall()
            if sound != "ok":
                raise NoBackup(f"{path} is damaged: {sound}.")
            count = "SELECT COUNT(*) FROM {}"
            rows = {name: file.execute(count.format(table)).fetchone()[0] for name, table in TABLES.items()}
            migrations = {
                f"{app}.{name}" for app, name in file.execute("SELECT app, name FROM django_migrations")
            }
            [newest] = file.execute("SELECT MAX(at) FROM numbers_event").fetchone()
    except sqlite3.Error as error:
        raise NoBackup(f"{path} can't be read: {error}.") from error
    return Contents(rows=rows, migrations=migrations, newest=newest or "", vendor="sqlite")


def of_postgresql(path: Path) -> Contents:
    run("pg_restore", "--file=/dev/null", str(path))  # all of it, or an error
    rows = {name: sum(1 for _ in rows_of(path, table)) for name, table in TABLES.items()}
    migrations = {f"{row['app']}.{row['name']}" for row in rows_of(path, "django_migrations")}
    newest = max((row["at"] for row in rows_of(path, "numbers_event")), default="")
    return Contents(rows=rows, migrations=migrations, newest=newest, vendor="postgresql")


def rows_of(path: Path, table: str) -> Iterator[dict[str, str]]:
    """The rows of `table` in a dump, as text. Raises NoBackup where it has none such."""
    text = run("pg_restore", "--data-only", f"--table={table}", "--file=-", str(path))
    lines = iter(text.splitlines())
    head = next((line for line in lines if line.startswith("COPY ")), "")
    if not head:
        raise NoBackup(f"{path} has no table {table}.")
    names = [name.strip(' "') for name in head[head.index("(") + 1 : head.index(")")].split(",")]
    for line in lines:
        if line == "\\.":
            return
        yield dict(zip(names, line.split("\t"), strict=True))


def place() -> list[str]:
    """Where the database is, for PostgreSQL's programs."""
    given = connection.settings_dict
    host = given["HOST"] or given["OPTIONS"].get("host", "")
    options = {"--host": host, "--port": given["PORT"], "--username": given["USER"]}
    return [*(f"{name}={value}" for name, value in options.items() if value), f"--dbname={given['NAME']}"]


def run(program: str, *arguments: str, password: bool = False) -> str:
    """What `program` prints. Raises NoBackup where it is missing or fails."""
    if not (found := shutil.which(program)):
        raise NoBackup(f"{program} isn't installed here (Debian: apt install postgresql-client).")
    secret = {"PGPASSWORD": connection.settings_dict["PASSWORD"]} if password else {}
    done = subprocess.run(
        [found, *arguments], env={**os.environ, **secret}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NoBackup(f"{program}: {done.stderr.strip()[:500]}")
    return done.stdout
