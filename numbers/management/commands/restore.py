import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.core.management import call_command
from django.core.management.base import CommandParser
from django.db import DatabaseError, connection

from numbers.db.backups import TABLES, Contents, NoBackup, contents, put_back
from numbers.db.clock import db_now, written
from numbers.management.help import ExplainedCommand
from numbers.models import Journal
from numbers.services.monitoring.health import of_this_release
from numbers.services.spending import registry

DONE, NOT_DONE, NOT_ASKED = 0, 1, 2
SILENCE = timedelta(seconds=30)  # a worker that is at work is seen every five
EXAMPLES = """
  manage.py restore --check /backups/dashboard-2026-11-28    reads it and changes nothing
  manage.py restore /backups/dashboard-2026-11-28            says what it would do
  manage.py restore /backups/dashboard-2026-11-28 --yes      does it
"""


class Command(ExplainedCommand):
    examples = EXAMPLES
    codes = """0 done, 1 not possible, 2 --yes is missing
Stop workers and web processes first, and leave every send journal as it is: docs/operations.md."""
    help = "Restore a backup over the database, or check whether it can be restored."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="what `backup` wrote")
        parser.add_argument("--check", action="store_true", help="only read it")
        parser.add_argument("--yes", action="store_true", help="replace a database that has data")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, **options) -> None:
        file = options["file"]
        try:
            found = contents(file)
            why_not, said = judged(found)
            result = {"file": str(file), "fit": not why_not, "rows": found.rows, "newest": found.newest}
            if options["check"] or why_not:
                words = "can't be restored" if why_not else "can be restored"
                self.finish(NOT_DONE if why_not else DONE, words, result, [*why_not, *said], options)
                return
            now = present()
            if any(now.values()) and not options["yes"]:
                self.finish(NOT_ASKED, "isn't restored yet", result, [*said, *plan_of(now)], options)
                return
            restore(file, found)
        except NoBackup as error:
            result = {"file": str(file), "fit": False}
            self.finish(NOT_DONE, "can't be restored", result, [str(error)], options)
            return
        steps = [
            "Buying is paused. Start every worker: each compares its send journal with the database.",
            "Then `manage.py sync`, `manage.py reconcile` and `manage.py gate open --reason TEXT`.",
        ]
        self.finish(DONE, "is restored", result, [*said, *steps], options)

    def finish(self, status: int, words: str, result: dict, said: list[str], options: dict) -> None:
        text = "\n".join([f"{result['file']} {words}.", *(f"  {line}" for line in said)])
        self.stdout.write(json.dumps(result | {"said": said}) if options["json"] else text)
        sys.exit(status)


def judged(found: Contents) -> tuple[list[str], list[str]]:
    """Why a backup can't be restored here, and what else there is to say of it."""
    known = {f"{app}.{name}" for app, name in of_this_release()}
    newer, older = sorted(found.migrations - known), len(known - found.migrations)
    said = [f"Rows: {counted(found.rows)}.", f"The newest event is from {ends(found)}."]
    why_not = []
    if newer:
        why_not.append(f"It's from a newer release: {newer[0]} isn't known here.")
    elif older:
        said.append(f"It's from an older release: {older} migrations are applied after restoring.")
    if not found.rows["accounts"]:
        why_not.append("It has no accounts, so no one could log in.")
    if found.vendor != connection.vendor:
        why_not.append(f"It's from {found.vendor}, but this database is {connection.vendor}.")
    return why_not, said + beyond(found)


def ends(found: Contents) -> str:
    """When a backup was made, as far as its newest event tells; SQLite keeps times in UTC."""
    if not found.newest:
        return "no time at all"
    newest = datetime.fromisoformat(found.newest)
    return written(newest if newest.tzinfo else newest.replace(tzinfo=UTC))


def beyond(found: Contents) -> list[str]:
    """What the database at hand has that the backup has not."""
    try:
        now = present()
    except DatabaseError:
        return ["The database at hand can't be read, so nothing was compared."]
    more = [f"{count - found.rows[name]:,} {name}" for name, count in now.items() if count > found.rows[name]]
    return [f"The database has {', '.join(more)} more; journals bring purchases back."] if more else []


def present() -> dict[str, int]:
    """The rows of the database at hand by TABLES; tables that are not there yet have none."""
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
        rows = dict.fromkeys(TABLES, 0)
        for name, table in TABLES.items():
            if table in there:
                cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608
                rows[name] = cursor.fetchone()[0]
    return rows


def plan_of(now: dict[str, int]) -> list[str]:
    return [
        f"It would replace everything in the database: {counted(now)}.",
        "Buying would be paused until every worker has compared its send journal.",
        "Nothing was changed. Add --yes to do it.",
    ]


def counted(rows: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in rows.items())


def restore(file: Path, found: Contents) -> None:
    """Put `file` in place, up to date and with buying paused. Raises NoBackup."""
    at_work = Journal.objects.filter(seen_at__gt=db_now() - SILENCE)
    if Journal._meta.db_table in connection.introspection.table_names() and at_work.exists():
        raise NoBackup("A worker is running. Stop workers and web processes, and try in half a minute.")
    put_back(file)
    call_command("migrate", verbosity=0, interactive=False)
    reason = f"The database was restored from a backup that ends on {ends(found)}."
    registry.doubt(f"{reason} Compare with Fluents before you resume buying.", reporter=None)
