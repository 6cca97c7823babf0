import time

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connection

from numbers.processes import Child, manage, run
from numbers.services.replaying import check_journal

TASK_WORKER = ["db_worker", "--no-startup-delay", "--interval", "0.2", "--no-reload", "-v", "0"]


class Command(BaseCommand):
    help = "Buy what was ordered: task workers and the sweeper, kept running. Any number may run."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--processes", type=int, default=2, help="task workers (default: 2)")

    def handle(self, **options) -> None:
        self.check_journal()
        count = options["processes"]
        children = [Child(manage(*TASK_WORKER)) for _ in range(count)] + [Child(manage("sweeper"))]
        self.stdout.write(f"Worker running: {count} task workers and a sweeper.")
        self.stdout.flush()
        # Long enough for a purchase under way to end; what takes longer is looked up later.
        run(children, patience=settings.FLUENTS_CONNECT_TIMEOUT + settings.FLUENTS_READ_TIMEOUT + 5)

    def check_journal(self) -> None:
        """Before anything is sent: does the database know all that was sent from here?"""
        while True:
            try:
                if not check_journal(whole=True):
                    self.stderr.write("Buying is paused: the send journal and the database disagree.")
                break
            except DatabaseError as error:
                self.stderr.write(f"Waiting for the database: {type(error).__name__}")
                time.sleep(1)
            finally:
                connection.close()
