from django.core.management.base import CommandParser

from numbers.management.plans import PlanCommand
from numbers.services.changing import CannotChange
from numbers.states import Act


class Command(PlanCommand):
    help = (
        "Give numbers up for good, or detach them. "
        "Exit status: 0 all done, 1 some failed, 2 bad input, 3 still open."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--detach", action="store_true", help="the connection keeps the numbers")
        parser.add_argument("--yes", action="store_true", help="needed, as this cannot be taken back")
        super().add_arguments(parser)

    def changes(self, options: dict) -> dict:
        if not options["yes"]:
            raise CannotChange("This cannot be taken back. Add --yes to do it. Nothing was changed.")
        self.act = Act.DETACH if options["detach"] else Act.RELEASE
        return {}
