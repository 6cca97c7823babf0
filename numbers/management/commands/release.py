from django.core.management.base import CommandParser

from numbers.management.plan_command import PlanCommand
from numbers.services.plans.lifecycle import CannotChange
from numbers.states import Act


class Command(PlanCommand):
    examples = """
  manage.py release +14155550123 --yes
  manage.py release --detach --file numbers.csv --yes --json
"""
    help = (
        "Release numbers permanently, or detach them. Exit status: 0 all done, 1 some failed, 2 bad"
        " input, 3 still open."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--detach", action="store_true", help="detach: the connection keeps the numbers")
        parser.add_argument("--yes", action="store_true", help="required, because this can't be undone")
        super().add_arguments(parser)

    def changes(self, options: dict) -> dict:
        if not options["yes"]:
            raise CannotChange("This can't be undone. Nothing was changed. Add --yes to continue.")
        self.act = Act.DETACH if options["detach"] else Act.RELEASE
        return {}
