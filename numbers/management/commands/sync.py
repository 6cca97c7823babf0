import json
import sys
from dataclasses import asdict

from django.core.management.base import BaseCommand, CommandParser

from numbers.fluents import FluentsError
from numbers.management.people import add_as, who
from numbers.services.syncing import sync


class Command(BaseCommand):
    help = "Pull connections, agents and numbers from Fluents. Exit status 1 when that did not work."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object with the counts")
        add_as(parser)

    def handle(self, **options) -> None:
        try:
            counts = sync(by=who(self, options), progress=self.progress)
        except FluentsError as error:
            self.stderr.write(error.user_message)
            sys.exit(1)
        if options["json"]:
            self.stdout.write(json.dumps(asdict(counts)))
        else:
            found = asdict(counts)
            gone = found.pop("gone")
            self.stdout.write(", ".join(f"{n} {what}" for what, n in found.items()) + f", {gone} gone")

    def progress(self, what: str, count: int) -> None:
        """A running count on a terminal; the API does not say how many there will be."""
        if sys.stderr.isatty():
            self.stderr.write(f"\r\033[K{what}: {count}", ending="\n" if what != "numbers" else "")
