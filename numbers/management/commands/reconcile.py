import json
import sys

from django.core.management.base import BaseCommand, CommandParser

from numbers.fluents import FluentsError
from numbers.management.people import add_as, who
from numbers.services.reconciling import reconcile


class Command(BaseCommand):
    help = "Compare our books with Fluents. Exit status: 0 they agree, 1 they differ, 2 no answer."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object per difference")
        add_as(parser)

    def handle(self, **options) -> None:
        try:
            run = reconcile(by=who(self, options))
        except FluentsError as error:
            self.stderr.write(error.user_message)
            sys.exit(2)
        for found in run.differences:
            if options["json"]:
                self.stdout.write(json.dumps(found))
            else:
                self.stdout.write(f"{found['pretty']:<18} {found['kind']:<13} {found['detail']}")
        if not options["json"]:
            count = len(run.differences)
            self.stdout.write(f"{count} differences" if count else "Books and Fluents agree.")
        sys.exit(1 if run.differences else 0)
