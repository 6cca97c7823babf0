import sys
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandParser
from django.db import connection

from numbers.db.backups import NoBackup, take
from numbers.management.help import ExplainedCommand
from numbers.services.monitoring import health
from numbers.services.monitoring.doctor import BAD, GOOD, examine

EXAMPLES = """
  manage.py upgrade                                     with the new release's own manage.py
  manage.py upgrade --backup /backups/before-release-2
"""
RESTART = """Restart each web process of the new release, one after the other, then each worker:
  systemctl restart dashboard-web@8001
  systemctl restart dashboard-web@8002
  systemctl restart dashboard-worker"""


class Command(ExplainedCommand):
    examples = EXAMPLES
    codes = "0 done, 1 stopped, or something is left to fix"
    help = "Get ready for this release: back up, migrate, collect static files, check, say what to restart."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--backup", type=Path, metavar="FILE", help="where to (default: a new file in var/backups)"
        )

    def handle(self, **options) -> None:
        if "numbers_order" in connection.introspection.table_names():
            self.back_up(options["backup"])
        waiting = len(health.unapplied())
        call_command("migrate", verbosity=0, interactive=False)
        self.stdout.write(f"{waiting} migrations applied.")
        call_command("collectstatic", interactive=False, verbosity=0)
        self.stdout.write("Static files are collected.")
        bad = False
        for found in examine():
            bad |= found.state == BAD
            if found.state != GOOD:
                self.stdout.write(f"{found.state:<5} {found.name:<11} {found.said} {found.hint}".rstrip())
        self.stdout.write(RESTART)
        sys.exit(1 if bad else 0)

    def back_up(self, file: Path | None) -> None:
        """To `file`, or to a new one of ours. Ends the command where that fails: nothing is changed then."""
        file = file or settings.VAR_DIR / "backups" / f"dashboard-{datetime.now():%Y%m%d-%H%M%S}"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            take(file)
        except (NoBackup, OSError) as error:
            self.stderr.write(f"No backup could be made, so nothing was changed. {error}")
            sys.exit(1)
        self.stdout.write(f"Backed up to {file}.")
