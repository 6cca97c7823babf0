import json
import sys
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from django.conf import settings
from django.core.management.base import CommandParser

from numbers.currencies import CURRENCIES
from numbers.management.actors import add_as, who
from numbers.management.help import ExplainedCommand
from numbers.models import Price
from numbers.services.orders.prices import (
    UnknownConnection,
    WrongPrice,
    described,
    price_table,
    remove_price,
    set_price,
)

BAD_INPUT = 2
ORDER = ("telephony_provider", "connection", "-valid_from")
EXAMPLES = """
  manage.py prices                    the table; * marks current prices
  manage.py prices --json
  manage.py prices --telephony-provider twilio --monthly 1.15
  manage.py prices --telephony-provider twilio --monthly 1.25 --from 2027-01-01
  manage.py prices --telephony-provider twilio --from 2027-01-01 --remove    before it begins
"""


class Command(ExplainedCommand):
    examples = EXAMPLES
    codes = "0 done, 2 bad input or not allowed"
    help = "List the price table for estimates, set a price with --monthly, or take back one to come."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--telephony-provider", default="", metavar="P")
        parser.add_argument("--telephony-account-connection", default="", metavar="ID")
        parser.add_argument("--monthly", metavar="AMOUNT", help="monthly price per line; sets the price")
        parser.add_argument("--once", default="0", metavar="AMOUNT", help="setup fee per line")
        parser.add_argument(
            "--currency", default="USD", metavar="CODE", help="currency of both (default: USD)"
        )
        parser.add_argument(
            "--from", dest="valid_from", metavar="DATE", help="the first day, as 2027-01-01 (default: today)"
        )
        parser.add_argument("--remove", action="store_true", help="take back the price of that --from")
        parser.add_argument("--json", action="store_true", help="one JSON object per line")
        add_as(parser)

    def handle(self, **options) -> None:
        if options["remove"]:
            self.remove(options)
        elif options["monthly"] is not None:
            self.set(options)
        current = {price.pk for price in price_table().values()}
        for price in Price.objects.select_related("connection").order_by(*ORDER):
            if options["json"]:
                about = {"set_by": price.set_by_name, "in_force": price.pk in current}
                self.stdout.write(json.dumps(described(price) | about))
                continue
            where = f"{price.connection} ({price.connection.api_id})" if price.connection else "all others"
            amounts = f"{price.once:>8} once {price.monthly:>8} a month {price.currency}"
            mark = "*" if price.pk in current else " "
            days = f"from {price.valid_from}"
            self.stdout.write(f"{mark} {price.telephony_provider:<10} {amounts}  {days}  {where}")

    def set(self, options: dict) -> None:
        by = who(self, options)
        if options["telephony_provider"] not in settings.TELEPHONY_PROVIDERS:
            known = ", ".join(settings.TELEPHONY_PROVIDERS)
            self.stop(f"--telephony-provider: one of {known}")
        amounts = {name: self.amount(name, options[name]) for name in ("once", "monthly")}
        if options["currency"] not in CURRENCIES:
            self.stop("--currency: use an ISO 4217 code in capitals, such as USD or EUR")
        day = self.day(options["valid_from"]) if options["valid_from"] else None
        try:
            set_price(
                by=by,
                telephony_provider=options["telephony_provider"],
                telephony_account_connection=options["telephony_account_connection"],
                currency=options["currency"],
                valid_from=day,
                **amounts,
            )
        except UnknownConnection as error:
            self.stop(f"--telephony-account-connection: {error}")
        except WrongPrice as error:
            self.stop(str(error))

    def remove(self, options: dict) -> None:
        by, day = who(self, options), self.day(options["valid_from"] or "")
        of = Price.objects.filter(telephony_provider=options["telephony_provider"], valid_from=day)
        connection = options["telephony_account_connection"]
        price = (
            of.filter(connection__api_id=connection) if connection else of.filter(connection=None)
        ).first()
        if not price:
            self.stop("There's no such price.")
        if not remove_price(by=by, price_id=price.pk):
            self.stop("This price is already in effect, so it can't be removed. Set a new one instead.")

    def day(self, text: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError:
            self.stop("--from: use a date such as 2027-01-01")

    def amount(self, name: str, text: str) -> Decimal:
        """An amount of money with two decimals at most."""
        try:
            value = Decimal(text)
            fits = value.is_finite() and 0 <= value < 1_000_000 and value == round(value, 2)
        except InvalidOperation:
            fits = False
        if not fits:
            self.stop(f"--{name}: use an amount such as 1.15")
        return value

    def stop(self, text: str) -> NoReturn:
        self.stderr.write(text)
        sys.exit(BAD_INPUT)
