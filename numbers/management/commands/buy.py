import json
import sys
import time
import uuid
from pathlib import Path
from typing import NoReturn

from django.core.management.base import CommandParser

from numbers.forms.orders import ACCOUNT_FIELDS, AccountForm, WantForm
from numbers.listing.export import line_rows
from numbers.management.actors import add_as, who
from numbers.management.help import ExplainedCommand
from numbers.models import Order
from numbers.services.audit.events import Actor
from numbers.services.orders.budgets import standings
from numbers.services.orders.csv_import import read_wants
from numbers.services.orders.items import Want, count_of, in_words, owned_among, warnings_about
from numbers.services.orders.limits import NotPlaced
from numbers.services.orders.placement import place_order, rehearse
from numbers.services.orders.prices import estimate
from numbers.states import DRIVEN, ApprovalState, LineState

ALL_BOUGHT, SOME_FAILED, BAD_INPUT, STILL_OPEN = 0, 1, 2, 3


class Command(ExplainedCommand):
    examples = """
  manage.py buy --telephony-provider twilio --telephony-account-connection ID --area-code 415 --wait 60
  manage.py buy --telephony-provider twilio --telephony-account-connection ID --csv wants.csv --yes --json
"""
    codes = "0 all lines bought, 1 some failed, 2 bad input or not allowed, 3 still open"
    help = "Place an order. Exit status: 0 all lines bought, 1 some failed, 2 bad input, 3 still open."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--telephony-provider", required=True, metavar="P")
        parser.add_argument("--telephony-account-connection", required=True, metavar="ID")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--area-code", default="", metavar="A")
        what.add_argument("--phone-number", default="", metavar="N")
        what.add_argument("--csv", metavar="FILE", help="a CSV file in the format of the page's template")
        parser.add_argument(
            "--check", action="store_true", help="show what would be ordered, without ordering"
        )
        parser.add_argument(
            "--yes", action="store_true", help="confirm an order from a file, or one with warnings"
        )
        parser.add_argument("--inbound-agent", default="", metavar="ID")
        parser.add_argument("--quantity", default="1", metavar="N")
        parser.add_argument("--label", default="", metavar="TEXT", help="set on the numbers")
        parser.add_argument("--tag", action="append", default=[], metavar="TAG", dest="tags")
        parser.add_argument(
            "--prove",
            default="",
            metavar="NUMBER",
            help="call each line once it is bought, from this line of ours, as a test",
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=0,
            metavar="SECONDS",
            help="how long to wait for the lines to finish",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object per line")
        add_as(parser)

    def handle(self, **options) -> None:
        by = who(self, options)
        wanted, warnings = self.listed(options) if options["csv"] else self.asked(options)
        wanted["prove_from"] = options["prove"]
        for warning in [*warnings, *warnings_about(wanted["wants"])]:
            self.stderr.write(f"Warning: {warning}")
            options["doubtful"] = True
        self.warn_of_budgets(wanted)
        self.stop_unless_wanted(wanted, options, by)
        try:
            order, _ = place_order(by=by, form_token=uuid.uuid4().hex, **wanted)
        except NotPlaced as error:
            self.stop(str(error))
        if order.approval == ApprovalState.WAITING:
            why = order.question.why
            self.stderr.write(f"Order {order.pk} is waiting for another person's approval. {why}.")
        self.wait_for(order, options["wait"])
        self.report(order, as_json=options["json"])

    def warn_of_budgets(self, wanted: dict) -> None:
        account = {name: wanted[name] for name in ACCOUNT_FIELDS}
        cost = estimate(**account, quantity=count_of(wanted["wants"]))
        for standing in standings(wants=wanted["wants"], cost=cost):
            if standing.is_near and not standing.is_over:
                self.stderr.write(f"With this order: {standing.words}.")

    def stop_unless_wanted(self, wanted: dict, options: dict, by: Actor) -> None:
        """End here where nothing is to be ordered: 0 after a check, 2 where a person has yet to say yes.

        Also 2 where the order would be refused now.
        """
        unsure = options["csv"] or options.get("doubtful")
        if not options["check"] and (options["yes"] or not unsure):
            return
        try:
            approval = rehearse(by=by, **wanted)
        except NotPlaced as error:
            self.stop(str(error), "Nothing was ordered.")
        wants: list[Want] = wanted["wants"]
        count, what = count_of(wants), in_words([(want.area_code, want.quantity) for want in wants])
        words = f"{count:,} line{'' if count == 1 else 's'} ({what})"
        if options["check"]:
            self.stdout.write(f"Would order {words}.")
            if approval:
                self.stdout.write(f"It would wait for approval by another person. {approval}.")
            sys.exit(ALL_BOUGHT)
        if options["csv"]:
            self.stop(f"The file is OK: {words}. Nothing was ordered. Add --yes to order.")
        self.stop("Nothing was ordered. Add --yes to order it.")

    def asked(self, options: dict) -> tuple[dict, list[str]]:
        """The want that the options are, as keywords of `place_order`, and no warnings."""
        typed = {name: options[name] for name in WantForm.base_fields} | {"tags": ",".join(options["tags"])}
        form = WantForm(typed)
        if not form.is_valid():
            named = {"__all__": "", "tags": "--tag: "}
            self.stop(
                *(
                    f"{named.get(name, f'--{name.replace("_", "-")}: ')}{' '.join(map(str, errors))}"
                    for name, errors in form.errors.items()
                )
            )
        want = form.want()
        if owned_among([want.phone_number]):
            self.stop("--phone-number: We already own this number.")
        return {name: form.cleaned_data[name] for name in ACCOUNT_FIELDS} | {"wants": [want]}, []

    def listed(self, options: dict) -> tuple[dict, list[str]]:
        """The wants of a file, as keywords of `place_order`, and what to confirm of how it was read."""
        account = {name: options[name] for name in ACCOUNT_FIELDS}
        form = AccountForm(account)
        if not form.is_valid():
            self.stop(*(" ".join(map(str, errors)) for errors in form.errors.values()))
        warnings: list[str] = []
        try:
            with Path(options["csv"]).open("rb") as file:
                wants, mistakes = read_wants(file, warnings=warnings)
        except OSError as error:
            self.stop(f"--csv: {error.strerror}")
        if mistakes:
            self.stop(*map(str, mistakes), "Nothing was ordered.")
        return account | {"wants": wants}, warnings

    def stop(self, *words: str) -> NoReturn:
        for line in words:
            self.stderr.write(line)
        sys.exit(BAD_INPUT)

    def wait_for(self, order: Order, seconds: float) -> None:
        """Until no line moves any more, or `seconds` have passed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and order.lines.filter(state__in=DRIVEN).exists():
            time.sleep(0.2)

    def report(self, order: Order, *, as_json: bool) -> None:
        for row in line_rows(order.lines.all()):
            if as_json:
                self.stdout.write(json.dumps(row))
            else:
                words = [str(LineState(row["state"]).label), row["phone_number"] or row["area_code"] or ""]
                self.stdout.write(
                    f"Order {row['order']}, line {row['line']}: " + " ".join(filter(None, words))
                )
                if row["error"]:
                    self.stdout.write(f"  {row['error']}")
        states = set(order.lines.values_list("state", flat=True))
        if states & (DRIVEN | {LineState.REVIEW}):
            sys.exit(STILL_OPEN)
        sys.exit(ALL_BOUGHT if states == {LineState.BOUGHT} else SOME_FAILED)
