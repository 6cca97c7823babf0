import getpass
import json
import sys
import time
import uuid

from django.core.management.base import BaseCommand, CommandParser

from numbers.forms import WantForm
from numbers.models import Order
from numbers.reports import line_rows
from numbers.services.history import By
from numbers.services.placing import OverLimit, place_order
from numbers.states import DRIVEN, LineState

ALL_BOUGHT, SOME_FAILED, BAD_INPUT, STILL_OPEN = 0, 1, 2, 3


class Command(BaseCommand):
    help = "Place an order. Exit status: 0 all lines bought, 1 some failed, 2 bad input, 3 still open."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--telephony-provider", required=True, metavar="P")
        parser.add_argument("--telephony-account-connection", required=True, metavar="ID")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--area-code", default="", metavar="A")
        what.add_argument("--phone-number", default="", metavar="N")
        parser.add_argument("--inbound-agent", default="", metavar="ID")
        parser.add_argument("--quantity", default="1", metavar="N")
        parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="for the lines to end")
        parser.add_argument("--json", action="store_true", help="one JSON object per line")

    def handle(self, **options) -> None:
        form = WantForm({name: options[name] for name in WantForm.base_fields})
        if not form.is_valid():
            for name, errors in form.errors.items():
                option = "" if name == "__all__" else f"--{name.replace('_', '-')}: "
                self.stderr.write(f"{option}{' '.join(errors)}")
            sys.exit(BAD_INPUT)
        by = By(name=f"{getpass.getuser()} (command line)", request_id=uuid.uuid4().hex)
        try:
            order, _ = place_order(by=by, form_token=uuid.uuid4().hex, **form.wanted())
        except OverLimit as error:
            self.stderr.write(str(error))
            sys.exit(BAD_INPUT)
        self.wait_for(order, options["wait"])
        self.report(order, as_json=options["json"])

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
