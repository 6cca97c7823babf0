import json
import sys
import time
import uuid
from typing import NoReturn

from django.core.management.base import BaseCommand, CommandParser

from numbers.forms import ACCOUNT_FIELDS, AccountForm, WantForm
from numbers.management.people import add_as, who
from numbers.models import Order
from numbers.reports import line_rows
from numbers.services.placing import OverLimit, place_order
from numbers.services.wantlist import read_wants
from numbers.services.wants import count_of, in_words
from numbers.states import DRIVEN, ApprovalState, LineState

ALL_BOUGHT, SOME_FAILED, BAD_INPUT, STILL_OPEN = 0, 1, 2, 3


class Command(BaseCommand):
    help = "Place an order. Exit status: 0 all lines bought, 1 some failed, 2 bad input, 3 still open."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--telephony-provider", required=True, metavar="P")
        parser.add_argument("--telephony-account-connection", required=True, metavar="ID")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--area-code", default="", metavar="A")
        what.add_argument("--phone-number", default="", metavar="N")
        what.add_argument("--csv", metavar="FILE", help="many wants, as the page's template has them")
        parser.add_argument("--yes", action="store_true", help="with --csv: order it, not only check it")
        parser.add_argument("--inbound-agent", default="", metavar="ID")
        parser.add_argument("--quantity", default="1", metavar="N")
        parser.add_argument("--label", default="", metavar="TEXT", help="is written on the numbers")
        parser.add_argument("--tag", action="append", default=[], metavar="TAG", dest="tags")
        parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="for the lines to end")
        parser.add_argument("--json", action="store_true", help="one JSON object per line")
        add_as(parser)

    def handle(self, **options) -> None:
        by = who(self, options)
        wanted = self.listed(options) if options["csv"] else self.asked(options)
        try:
            order, _ = place_order(by=by, form_token=uuid.uuid4().hex, **wanted)
        except OverLimit as error:
            self.stop(str(error))
        if order.approval == ApprovalState.WAITING:
            self.stderr.write(f"Order {order.pk} waits for approval by another person.")
        self.wait_for(order, options["wait"])
        self.report(order, as_json=options["json"])

    def asked(self, options: dict) -> dict:
        """The want that the options are, as keywords of `place_order`."""
        typed = {name: options[name] for name in WantForm.base_fields} | {"tags": ",".join(options["tags"])}
        form = WantForm(typed)
        if not form.is_valid():
            named = {"__all__": "", "tags": "--tag: "}
            self.stop(
                *(
                    f"{named.get(name, f'--{name.replace("_", "-")}: ')}{' '.join(errors)}"
                    for name, errors in form.errors.items()
                )
            )
        return form.wanted()

    def listed(self, options: dict) -> dict:
        """The wants of a file, as keywords of `place_order`."""
        account = {name: options[name] for name in ACCOUNT_FIELDS}
        form = AccountForm(account)
        if not form.is_valid():
            self.stop(*(" ".join(errors) for errors in form.errors.values()))
        try:
            with open(options["csv"], "rb") as file:
                wants, mistakes = read_wants(file)
        except OSError as error:
            self.stop(f"--csv: {error.strerror}")
        if mistakes:
            self.stop(*map(str, mistakes), "Nothing was ordered.")
        if not options["yes"]:
            what = in_words([(want.area_code, want.quantity) for want in wants])
            self.stop(f"The file is fine: {count_of(wants):,} lines ({what}). Add --yes to order them.")
        return account | {"wants": wants}

    def stop(self, *words: str) -> NoReturn:
        for line in words:
            self.stderr.write(line)
        sys.exit(BAD_INPUT)

    def wait_for(self, order: Order, seconds: float) -> None:
        """Until no line moves by itself any more, or SECONDS have passed."""
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
