from django.core.management.base import CommandParser
from django.db.models import QuerySet

from numbers.management.act_command import BAD_INPUT, ActCommand, Rows
from numbers.models import Number
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.inventory.drift import accept_theirs
from numbers.services.plans.push import plan_push_ours
from numbers.telephony.phone import NotAPhoneNumber, pretty, read_listed_number


class Command(ActCommand):
    help = "List the numbers that differ from Fluents, use its values, or keep ours."
    acts = {"list": None, "accept": Right.ASSIGN, "push": Right.ASSIGN}
    examples = """
  manage.py drift --json                        every difference with both values
  manage.py drift accept +14155550123           updates our records
  manage.py drift push +14155550123             creates a plan; `manage.py plan apply` applies it
"""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("numbers", nargs="*", metavar="NUMBER")

    def do_list(self, by: Actor, options: dict) -> Rows:
        found = Number.objects.filter(drifted=True).order_by("e164")
        return [{"number": e164, "drift": drift} for e164, drift in found.values_list("e164", "drift")]

    def do_accept(self, by: Actor, options: dict) -> Rows:
        return [{"accepted": accept_theirs(by=by, numbers=self.named(options))}]

    def do_push(self, by: Actor, options: dict) -> Rows:
        plan = plan_push_ours(by=by, numbers=self.named(options))
        return [{"plan": plan.pk, "state": plan.state}]

    def named(self, options: dict) -> QuerySet[Number]:
        """The numbers that are named; ends the command where one is none of ours, or doesn't differ."""
        self.need(options, numbers="at least one number")
        try:
            wanted = {read_listed_number(text) for text in options["numbers"]}
        except NotAPhoneNumber as error:
            self.stop(BAD_INPUT, str(error))
        found = Number.objects.filter(e164__in=wanted, drifted=True)
        if missing := wanted - set(found.values_list("e164", flat=True)):
            self.stop(1, f"{pretty(min(missing))} doesn't differ, or isn't one of our numbers.")
        return found
