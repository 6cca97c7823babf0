from django.core.management.base import CommandParser
from django.db.models import Q

from numbers.management.plans import PlanCommand
from numbers.models import Agent
from numbers.services.changing import CannotChange


class Command(PlanCommand):
    help = "Say who answers numbers. Exit status: 0 all done, 1 some failed, 2 bad input, 3 still open."

    def add_arguments(self, parser: CommandParser) -> None:
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--agent", metavar="ID|NAME")
        who.add_argument("--nobody", action="store_true", help="no agent answers")
        super().add_arguments(parser)

    def changes(self, options: dict) -> dict:
        if options["nobody"]:
            return {"agent": ""}
        word = options["agent"]
        found = list(Agent.objects.filter(Q(api_id=word) | Q(name=word), gone_at=None))
        exact = [agent for agent in found if agent.api_id == word] or found
        if len(exact) != 1:
            many = f"{len(exact)} agents are called {word}; give the id of one." if exact else ""
            raise CannotChange(many or f"No agent is called {word}. `manage.py sync` may find it.")
        return {"agent": exact[0].api_id}
