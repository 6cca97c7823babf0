import json
from argparse import SUPPRESS

from django.core.management.base import CommandParser

from numbers.management.actors import add_as, stop, who
from numbers.management.help import ExplainedCommand
from numbers.models import Number
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.inventory import holds
from numbers.services.purchasing.attribution import CannotAttribute, attribute
from numbers.services.spending import gate, registry
from numbers.services.spending.status import status
from numbers.telephony.phone import pretty, to_e164

#: What each act does, and the right that it asks of the account that it acts `--as`.
ACTS = {
    "pause": ("pause buying; purchases already sent are still checked", Right.STOP),
    "open": ("resume buying", Right.OPEN),
    "retire": ("permanently retire a send journal", Right.OPEN),
    "accept": ("mark numbers as bought or linked elsewhere", Right.OPEN),
    "waive": ("allow buying despite unexplained numbers", Right.OPEN),
    "attribute": ("record which line bought a number", Right.OPEN),
}


class Command(ExplainedCommand):
    examples = """
  manage.py gate --json
  manage.py gate pause --reason "The invoice looks wrong"
  manage.py gate open --reason "Compared with Fluents"
  manage.py gate accept +14155550123 --reason "Bought in the app"
"""
    codes = "0 done, 2 refused"
    help = "Show whether buying is on, and turn it on or off. Exit status: 0 done, 2 refused."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object")
        add_as(parser)
        acts = parser.add_subparsers(dest="act", metavar="ACT", title="acts")
        for name, (words, _) in ACTS.items():
            act = acts.add_parser(name, help=words)
            act.add_argument("--reason", required=True, metavar="T", help="kept in the history")
            act.add_argument("--as", dest="account", default=SUPPRESS, metavar="NAME", help="see above")
            if name == "open":
                act.add_argument(
                    "--without", nargs="+", action="extend", default=[], metavar="JOURNAL",
                    help="journals to resume without",
                )  # fmt: skip
            elif name == "retire":
                act.add_argument("journal", metavar="JOURNAL")
            elif name == "accept":
                act.add_argument("numbers", nargs="*", metavar="NUMBER")
                act.add_argument("--baseline", action="store_true", help="all numbers from the first sync")
            elif name == "waive":
                act.add_argument("numbers", nargs="+", metavar="NUMBER")
            elif name == "attribute":
                act.add_argument("number", metavar="NUMBER")
                act.add_argument("--line", type=int, required=True, metavar="ID")

    def handle(self, **options) -> None:
        if not (name := options["act"]):
            return self.show(status(), as_json=options["json"])
        if not options["reason"].strip():
            stop(self, "Give a reason. Nothing was changed.")
        by = who(self, options, ACTS[name][1])
        try:
            getattr(self, name)(by, options)
        except (gate.NotOpened, registry.UnknownJournal, CannotAttribute) as error:
            stop(self, str(error))
        return None

    def say(self, options: dict, words: str) -> None:
        self.stdout.write(json.dumps({"done": words}) if options["json"] else words)

    def pause(self, by: Actor, options: dict) -> None:
        gate.pause(by=by, reason=options["reason"])
        self.say(options, "Buying is paused.")

    def open(self, by: Actor, options: dict) -> None:
        gate.open_gate(by=by, reason=options["reason"], without=options["without"])
        self.say(options, "Buying has resumed.")

    def retire(self, by: Actor, options: dict) -> None:
        row = registry.retire(name=options["journal"], by=by, reason=options["reason"])
        self.say(options, f"{row.name} is retired.")

    def accept(self, by: Actor, options: dict) -> None:
        if options["baseline"]:
            count = holds.accept_baseline(by=by, reason=options["reason"])
            self.say(options, f"{count} numbers accepted.")
        for number in self.numbers(options["numbers"]):
            holds.accept(number=number, by=by, reason=options["reason"])
            self.say(options, f"{pretty(number.e164)} is accepted.")

    def waive(self, by: Actor, options: dict) -> None:
        for number in self.numbers(options["numbers"]):
            holds.waive(number=number, by=by, reason=options["reason"])
            self.say(options, f"{pretty(number.e164)} no longer blocks any lines.")

    def attribute(self, by: Actor, options: dict) -> None:
        [number] = self.numbers([options["number"]])
        line = attribute(number=number, line_id=options["line"], by=by, reason=options["reason"])
        self.say(options, f"Line {line.pk} is checking {pretty(number.e164)}.")

    def numbers(self, typed: list[str]) -> list[Number]:
        """The unexplained numbers that were `typed`. Ends the command where one is none."""
        found = {number.e164: number for number in Number.objects.unexplained()}
        for text in typed:
            if to_e164(text) not in found:
                stop(self, f"{text} isn't a number waiting for an explanation.")
        return [found[to_e164(text)] for text in typed]

    def show(self, told: dict, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(told))
            return
        self.stdout.write(f"Buying is {told['state']}. {told['reason']}".strip())
        for row in told["journals"]:
            state = "MISSING" if row["missing"] else "in use"
            self.stdout.write(f"{row['name']:<24} {state:<8} {row['machine']}:{row['path']}")
        for row in told["held"]:
            self.stdout.write(f"{pretty(row['phone_number']):<24} holds area code {row['area_code']}")
        if told["baseline"]:
            self.stdout.write(f"{told['baseline']} numbers from the first sync haven't been accepted yet.")
