import sys
from itertools import chain

from django.core.management.base import BaseCommand, CommandParser

from numbers.models import Event
from numbers.services import approving, sealing


class Command(BaseCommand):
    help = (
        "Check that nobody has rewritten the history, nor what was approved."
        " Exit status: 0 it is whole, 1 it is not."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--head", default="", metavar="N:HASH", help="an earlier head that must be in it")

    def handle(self, **options) -> None:
        found = 0
        for fault in chain(sealing.faults(expected=options["head"]), approving.altered()):
            found += 1
            self.stderr.write(fault)
        if found:
            sys.exit(1)
        open_count = Event.objects.filter(seal=None).count()
        waiting = f", {open_count} waiting for their seal" if open_count else ""
        self.stdout.write(
            f"The history is whole{waiting}. Keep this elsewhere: {sealing.head() or 'no event yet'}"
        )
