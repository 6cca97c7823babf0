from django.core.management.base import CommandParser

from numbers.management.act_command import BAD_INPUT, ActCommand, Rows
from numbers.models import Agent
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.inventory.agent_names import AgentNames
from numbers.services.inventory.drift import acknowledge_agent
from numbers.services.monitoring import statistics
from numbers.services.plans.lifecycle import replace_agent
from numbers.services.typed_values import Unreadable


class Command(ActCommand):
    help = "List agents, acknowledge one that was renamed or deleted, or give its numbers to another."
    acts = {"list": None, "acknowledge": Right.ASSIGN, "replace": Right.ASSIGN}
    examples = """
  manage.py agents --json                             with how many numbers each one answers
  manage.py agents acknowledge Reception              its new name is known from now on
  manage.py agents replace "Old desk" --by Reception  creates a plan; `manage.py plan apply` applies it
  manage.py agents replace "Old desk" --nobody        the same, and no one answers
"""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("agent", nargs="?", default="", metavar="ID|NAME")
        other = parser.add_mutually_exclusive_group()
        other.add_argument("--by", default="", metavar="ID|NAME", help="who answers from now on")
        other.add_argument("--nobody", action="store_true", help="unassign the numbers")

    def do_list(self, by: Actor, options: dict) -> Rows:
        counts, _ = statistics.by_agent()
        return [
            {
                "agent": agent.api_id,
                "name": str(agent),
                "numbers": counts.get(agent.pk, 0),
                "state": "deleted" if agent.gone_at else "renamed" if agent.is_renamed else "",
            }
            for agent in Agent.objects.order_by("name", "pk")
        ]

    def do_acknowledge(self, by: Actor, options: dict) -> Rows:
        agent = self.named(options, "agent", Agent.objects.all())
        acknowledge_agent(by=by, agent=agent)
        return [{"agent": agent.api_id, "acknowledged": str(agent)}]

    def do_replace(self, by: Actor, options: dict) -> Rows:
        agent = self.named(options, "agent", Agent.objects.all())
        if not options["nobody"]:
            self.need(options, by="--by or --nobody")
        other = None if options["nobody"] else self.named(options, "by", Agent.objects.filter(gone_at=None))
        plan = replace_agent(by=by, agent=agent, other=other)
        return [{"plan": plan.pk, "state": plan.state, "rows": plan.rows.count()}]

    def named(self, options: dict, name: str, among) -> Agent:
        self.need(options, agent="an agent's id or name")
        try:
            found = AgentNames(among).find(options[name])
        except Unreadable as error:
            self.stop(BAD_INPUT, str(error))
        return found or self.stop(BAD_INPUT, "Name an agent.")
