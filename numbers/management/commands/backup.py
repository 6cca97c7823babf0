import sys
from pathlib import Path

from django.core.management.base import CommandParser

from numbers.db.backups import NoBackup, contents, take
from numbers.management.help import ExplainedCommand

EXAMPLES = """
  manage.py backup /backups/dashboard-$(date +%F)    while everything runs
  manage.py restore --check /backups/dashboard-2026-11-28
"""


class Command(ExplainedCommand):
    examples = EXAMPLES
    codes = "0 done, 1 not possible"
    help = "Write the database to one file, and read it back. Send journals stay out of it on purpose."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a file that doesn't exist yet")

    def handle(self, **options) -> None:
        try:
            take(options["file"])
            found = contents(options["file"])
        except NoBackup as error:
            self.stderr.write(str(error))
            sys.exit(1)
        counted = ", ".join(f"{count:,} {name}" for name, count in found.rows.items())
        self.stdout.write(f"{options['file']} has {counted}.")
