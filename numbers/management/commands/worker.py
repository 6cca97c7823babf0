import time
from argparse import ArgumentTypeError

from django.conf import settings
from django.core.management.base import CommandParser
from django.db import DatabaseError, connection

from numbers.management.help import ExplainedCommand
from numbers.services.monitoring import health
from numbers.services.purchasing.recovery import start_journal
from numbers.services.worker import in_flight_by_default
from numbers.supervisor import become, manage

MARGIN = 10  # seconds that a process may be silent beyond a lease: then all that it held is lost to it


class Command(ExplainedCommand):
    examples = """
  manage.py worker
  manage.py worker --processes 4
"""
    help = "Buy what was ordered and do all background work. You can run several."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--processes", type=one_or_more, default=2, help="worker processes (default: 2)")
        parser.add_argument(
            "--in-flight",
            type=one_or_more,
            default=in_flight_by_default(),
            help="lines each process works on at once (default: %(default)s)",
        )

    def handle(self, **options) -> None:
        self.check_journal()
        work = manage("work", f"--in-flight={options['in_flight']}")
        count = options["processes"]
        self.stdout.write(f"Worker running: {count} {'processes' if count != 1 else 'process'}.")
        become(
            [[*work, *(["--keeper"] if n == 0 else [])] for n in range(count)],
            silence=settings.LEASE_SECONDS + MARGIN,
            # Long enough for a purchase under way to end; what takes longer is looked up later.
            patience=settings.FLUENTS_CONNECT_TIMEOUT + settings.FLUENTS_READ_TIMEOUT + 5,
        )

    def check_journal(self) -> None:
        """Before anything is sent: does the database know all that was sent from here?"""
        while True:
            try:
                if not start_journal():
                    self.stderr.write("Buying is paused because the send journal and the database disagree.")
                break
            except DatabaseError as error:
                self.stderr.write(f"Waiting. {health.why_unusable(error) or type(error).__name__}")
                time.sleep(1)
            finally:
                connection.close()


def one_or_more(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ArgumentTypeError(f"{text} isn't a whole number of 1 or more")
    return int(text)
