import re
import sys
from decimal import Decimal, InvalidOperation

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from numbers.management.people import add_as, who
from numbers.models import Price
from numbers.services.pricing import UnknownConnection, set_price

BAD_INPUT = 2


class Command(BaseCommand):
    help = "List our own price table, or set a price with --monthly. Estimates are made of it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--telephony-provider", default="", metavar="P")
        parser.add_argument("--telephony-account-connection", default="", metavar="ID")
        parser.add_argument("--monthly", metavar="AMOUNT", help="a line and month; sets the price")
        parser.add_argument("--once", default="0", metavar="AMOUNT", help="a line, when it is bought")
        parser.add_argument("--currency", default="USD", metavar="CODE", help="of both (default: USD)")
        add_as(parser)

    def handle(self, **options) -> None:
        if options["monthly"] is not None:
            self.set(options)
        for price in Price.objects.select_related("connection").order_by("telephony_provider", "connection"):
            where = f"{price.connection} ({price.connection.api_id})" if price.connection else "all others"
            amounts = f"{price.once:>8} once {price.monthly:>8} a month {price.currency}"
            self.stdout.write(f"{price.telephony_provider:<10} {amounts}  {where}")

    def set(self, options: dict) -> None:
        by = who(self, options)
        if options["telephony_provider"] not in settings.TELEPHONY_PROVIDERS:
            known = ", ".join(settings.TELEPHONY_PROVIDERS)
            self.stop(f"--telephony-provider: one of {known}")
        amounts = {name: self.amount(name, options[name]) for name in ("once", "monthly")}
        if not re.fullmatch("[A-Z]{3}", options["currency"]):
            self.stop("--currency: three letters such as USD or EUR")
        names = ("telephony_provider", "telephony_account_connection")
        try:
            set_price(by=by, **{name: options[name] for name in (*names, "currency")}, **amounts)
        except UnknownConnection as error:
            self.stop(f"--telephony-account-connection: {error}")

    def amount(self, name: str, text: str) -> Decimal:
        """An amount of money with two decimals at most."""
        try:
            value = Decimal(text)
            fits = value.is_finite() and 0 <= value < 1_000_000 and value == round(value, 2)
        except InvalidOperation:
            fits = False
        if not fits:
            self.stop(f"--{name}: an amount such as 1.15")
        return value

    def stop(self, text: str) -> None:
        self.stderr.write(text)
        sys.exit(BAD_INPUT)
