import json
import sys
from dataclasses import asdict

from django.core.management.base import CommandParser

from numbers.fluents import FluentsError
from numbers.management.actors import add_as, stop, who
from numbers.management.help import ExplainedCommand
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.calls import reader
from numbers.services.inventory import account
from numbers.services.inventory.sync import sync


class Command(ExplainedCommand):
    examples = """
  manage.py sync --json
  manage.py sync --accept --reason "We moved to this account"
"""
    codes = "0 done, 1 failed, 2 not allowed"
    help = (
        "Sync connections, agents, and numbers from Fluents, and have the worker read calls. Exit status 1"
        " if it failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object with the counts")
        parser.add_argument("--accept", action="store_true", help="confirm what the last sync asked about")
        parser.add_argument("--reason", default="", metavar="T", help="of accepting; kept in the history")
        add_as(parser)

    def handle(self, **options) -> None:
        by = who(self, options, Right.OPEN if options["accept"] else None)
        if options["accept"]:
            self.accept(by, options["reason"].strip())
        try:
            counts = sync(by=by, progress=self.progress)
        except FluentsError as error:
            self.stderr.write(error.user_message)
            sys.exit(1)
        reader.ask(by=by)
        found = asdict(counts)
        if not counts.unreadable:
            del found["unreadable"]
        if options["json"]:
            self.stdout.write(json.dumps(found))
            return
        self.stdout.write(", ".join(f"{n} {what}" for what, n in found.items()))
        if counts.unreadable:
            self.stderr.write("Some items couldn't be read, so nothing was marked as gone.")

    def accept(self, by: Actor, reason: str) -> None:
        if not reason:
            stop(self, "--accept needs a --reason. Nothing was changed.")
        try:
            account.accept(by=by, reason=reason)
        except account.NothingToAccept as nothing:
            stop(self, str(nothing))

    def progress(self, what: str, count: int) -> None:
        """A running count on a terminal; the API does not say how many there will be."""
        if sys.stderr.isatty():
            self.stderr.write(f"\r\033[K{what}: {count}", ending="\n" if what != "numbers" else "")
