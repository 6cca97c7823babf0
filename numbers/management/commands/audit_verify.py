import sys
from itertools import chain

from django.core.management.base import CommandParser

from numbers.management.help import ExplainedCommand
from numbers.models import Event
from numbers.services.audit import seals
from numbers.services.orders import evidence


class Command(ExplainedCommand):
    examples = """
  manage.py audit_verify
  manage.py audit_verify --head 1204:9f2c…      it was stored elsewhere a while ago
"""
    codes = "0 intact, 1 altered"
    help = (
        "Check that the history, orders, and approvals haven't been altered. Exit status: 0 intact, 1"
        " altered."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head", default="", metavar="N:HASH", help="an earlier head the history must contain"
        )

    def handle(self, **options) -> None:
        found = 0
        for fault in chain(seals.faults(expected=options["head"]), evidence.faults()):
            found += 1
            self.stderr.write(fault)
        if found:
            sys.exit(1)
        open_count = Event.objects.filter(seal=None).count()
        waiting = f", {open_count} waiting for their seal" if open_count else ""
        self.stdout.write(
            f"The history is intact{waiting}. Keep this elsewhere: {seals.head() or 'no event yet'}"
        )
