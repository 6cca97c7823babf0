from django.core.management.base import CommandParser

from numbers.management.act_command import BAD_INPUT, ActCommand, Rows
from numbers.models import Connection
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.inventory.agent_names import AgentNames
from numbers.services.plans.release import link_number
from numbers.services.typed_values import Unreadable
from numbers.telephony.phone import NotAPhoneNumber, read_listed_number


class Command(ActCommand):
    help = "Start using a number that a connection already has."
    acts = {"link": Right.BUY}
    examples = """
  manage.py link --phone-number "+1 415 555 0123" --telephony-account-connection ID --inbound-agent Reception
"""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--phone-number", required=True, metavar="N")
        parser.add_argument("--telephony-account-connection", required=True, metavar="ID")
        parser.add_argument(
            "--inbound-agent", default="", metavar="ID|NAME", help="who answers (default: no agent)"
        )

    def do_link(self, by: Actor, options: dict) -> Rows:
        try:
            e164 = read_listed_number(options["phone_number"])
            agent = AgentNames().find(options["inbound_agent"])
        except (NotAPhoneNumber, Unreadable) as error:
            self.stop(BAD_INPUT, str(error))
        connection = Connection.objects.filter(api_id=options["telephony_account_connection"], gone_at=None)
        if not (held := connection.first()):
            self.stop(BAD_INPUT, "Unknown connection. Run `manage.py sync` first.")
        number = link_number(by=by, phone_number=e164, connection=held, agent=agent)
        return [{"number": number.e164, "agent": number.agent.api_id if number.agent else ""}]
