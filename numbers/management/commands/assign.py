from django.core.management.base import CommandParser

from numbers.management.plan_command import PlanCommand
from numbers.services.inventory.agent_names import AgentNames
from numbers.services.plans.lifecycle import CannotChange
from numbers.services.typed_values import Unreadable


class Command(PlanCommand):
    examples = """
  manage.py assign --agent Reception +14155550123 --wait 30
  manage.py assign --agent Reception +14155550123 --prove +16465550100
  manage.py assign --nobody --file numbers.csv --json
"""
    help = "Assign numbers to an agent. Exit status: 0 all done, 1 some failed, 2 bad input, 3 still open."

    def add_arguments(self, parser: CommandParser) -> None:
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--agent", metavar="ID|NAME")
        who.add_argument("--nobody", action="store_true", help="unassign the numbers")
        parser.add_argument(
            "--prove",
            default="",
            metavar="NUMBER",
            help="call each number once it is assigned, from this line of ours, as a test",
        )
        super().add_arguments(parser)

    def changes(self, options: dict) -> dict:
        if options["nobody"]:
            if options["prove"]:
                raise CannotChange("No one would answer, so there's nothing to test.")
            return {"agent": ""}
        try:
            agent = AgentNames().find(options["agent"])
        except Unreadable as error:
            raise CannotChange(f"{error} Try `manage.py sync` first.") from None
        return {"agent": agent.api_id if agent else ""}
