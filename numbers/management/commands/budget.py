from decimal import Decimal, InvalidOperation

from django.conf import settings
from django.core.management.base import CommandParser

from numbers.currencies import priced
from numbers.management.act_command import BAD_INPUT, ActCommand, Rows
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.orders.budgets import set_budget, standings


class Command(ActCommand):
    help = "Show how much of each monthly budget is used, or set or remove the budget of a tag."
    acts = {"show": None, "set": Right.PRICES, "remove": Right.PRICES}
    examples = """
  manage.py budget                             all of them; BUDGET_MONTH is that of all lines
  manage.py budget set --tag west --amount 100
  manage.py budget remove --tag west
"""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--tag", default="", metavar="TAG")
        parser.add_argument("--amount", default="", metavar="AMOUNT", help=f"in {settings.LIMIT_CURRENCY}")

    def do_show(self, by: Actor, options: dict) -> Rows:
        return [
            {
                "tag": row.tag or None,
                "budget": str(row.most),
                "used": str(row.used),
                "percent": row.percent,
                "currency": settings.LIMIT_CURRENCY,
            }
            if options["json"]
            else {"name": row.tag or "All lines", "words": row.words}
            for row in standings()
        ]

    def do_set(self, by: Actor, options: dict) -> Rows:
        self.need(options, tag="--tag", amount="--amount")
        try:
            amount = Decimal(options["amount"])
            fits = amount.is_finite() and amount == round(amount, 2)
        except InvalidOperation:
            fits = False
        if not fits:
            self.stop(BAD_INPUT, "--amount: use an amount such as 100")
        set_budget(by=by, tag=options["tag"], amount=amount)
        return [{"tag": options["tag"], "budget": priced(amount, settings.LIMIT_CURRENCY)}]

    def do_remove(self, by: Actor, options: dict) -> Rows:
        self.need(options, tag="--tag")
        set_budget(by=by, tag=options["tag"], amount=None)
        return [{"tag": options["tag"], "budget": "removed"}]
