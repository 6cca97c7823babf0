import json
import sys

from django.core.management.base import CommandParser

from numbers.fluents import FluentsError
from numbers.management.actors import add_as, stop, who
from numbers.management.help import ExplainedCommand
from numbers.models import Number
from numbers.services.audit.events import Actor
from numbers.services.inventory.reconciliation import acknowledge, reconcile
from numbers.telephony.phone import to_e164

EXAMPLES = """
  manage.py reconcile --json
  manage.py reconcile --keep +14155550123
"""


class Command(ExplainedCommand):
    examples = EXAMPLES
    codes = "0 no differences, or kept; 1 differences; 2 no answer, or bad input"
    help = (
        "Compare our records with Fluents, or keep a number that the comparison names. Exit status: 0 no"
        " differences, 1 differences, 2 no answer."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object per difference")
        parser.add_argument("--keep", metavar="NUMBER", help="it's ours: don't report it again")
        add_as(parser)

    def handle(self, **options) -> None:
        by = who(self, options)
        if options["keep"]:
            return self.keep(by, options["keep"])
        try:
            run = reconcile(by=by)
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
            self.stdout.write(f"{count} differences" if count else "Our records match Fluents.")
        sys.exit(1 if run.differences else 0)

    def keep(self, by: Actor, typed: str) -> None:
        if not (number := Number.objects.filter(e164=to_e164(typed)).first()):
            stop(self, f"{typed} isn't one of our numbers.")
        acknowledge(number=number, by=by, reason="Kept as one of our numbers.")
        self.stdout.write(f"{number} is kept. It won't be reported again.")
