import uuid

from django.core.management.base import CommandParser

from numbers.listing.export import line_rows
from numbers.management.act_command import BAD_INPUT, NOT_DONE, ActCommand, Rows
from numbers.models import Number, Order
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.inventory.agent_names import AgentNames
from numbers.services.orders.approvals import approve, digest_of, lines_of, refuse
from numbers.services.orders.items import missing_of
from numbers.services.orders.placement import cancel_line, cancel_rest, place_order
from numbers.services.plans.lifecycle import plan_change
from numbers.services.typed_values import Unreadable
from numbers.states import FINAL, ApprovalState, LineState


class Command(ActCommand):
    help = (
        "Show one order, approve or refuse it, cancel what hasn't been sent, assign what it bought, or order"
        " what it missed."
    )
    acts = {
        "show": None,
        "approve": Right.APPROVE,
        "refuse": Right.APPROVE,
        "cancel": Right.BUY,
        "assign": Right.ASSIGN,
        "again": Right.BUY,
    }
    examples = """
  manage.py order show 17                                       its lines; with --json its digest, too
  manage.py order approve 17 --digest DIGEST --as eve           exactly what `show` has shown
  manage.py order refuse 17 --digest DIGEST --reason "Too many" --as eve
  manage.py order cancel 17                                     every line that nothing was sent for
  manage.py order cancel 17 --line 204                          one of them
  manage.py order assign 17 --agent Reception                   creates a plan; apply it by `plan`
  manage.py order again 17                                      what it didn't get; with --yes orders that
"""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("order", type=int, help="its number")
        parser.add_argument(
            "--digest", default="", help="what `show --json` names: stands for what was shown"
        )
        parser.add_argument("--reason", default="", metavar="TEXT", help="why it is refused")
        parser.add_argument("--line", type=int, metavar="ID", help="cancel this line alone")
        parser.add_argument("--agent", default="", metavar="ID|NAME", help="who answers what it bought")
        parser.add_argument("--yes", action="store_true", help="order it again, which may cost money")

    def do_show(self, by: Actor, options: dict) -> Rows:
        order = Order.objects.get(pk=options["order"])
        about = {"order": order.pk, "approval": order.approval, "digest": digest_of(order, lines_of(order))}
        lines = [
            {name: value for name, value in row.items() if value} for row in line_rows(order.lines.all())
        ]
        return [about, *lines] if options["json"] else lines

    def do_approve(self, by: Actor, options: dict) -> Rows:
        self.need(options, digest="--digest, from `order show --json`")
        order = approve(order_id=options["order"], digest=options["digest"], by=by)
        return [{"order": order.pk, "approval": ApprovalState.APPROVED.value}]

    def do_refuse(self, by: Actor, options: dict) -> Rows:
        self.need(options, digest="--digest, from `order show --json`", reason="--reason")
        order = refuse(order_id=options["order"], digest=options["digest"], by=by, reason=options["reason"])
        return [{"order": order.pk, "approval": ApprovalState.REFUSED.value}]

    def do_cancel(self, by: Actor, options: dict) -> Rows:
        order = Order.objects.get(pk=options["order"])
        if options["line"]:
            order.lines.get(pk=options["line"])
            count = int(cancel_line(line_id=options["line"], by=by))
        else:
            count = cancel_rest(order_id=order.pk, by=by)
        if not count:
            self.stop(1, "Nothing could be cancelled: every line has moved on.")
        return [{"order": order.pk, "cancelled": count}]

    def do_assign(self, by: Actor, options: dict) -> Rows:
        order = Order.objects.get(pk=options["order"])
        self.need(options, agent="--agent")
        try:
            agent = AgentNames().find(options["agent"])
        except Unreadable as error:
            self.stop(BAD_INPUT, str(error))
        bought = Number.objects.owned().filter(lines__order=order, lines__state=LineState.BOUGHT)
        plan = plan_change(by=by, numbers=bought, changes={"agent": agent.api_id if agent else ""})
        return [{"plan": plan.pk, "state": plan.state, "rows": plan.rows.count()}]

    def do_again(self, by: Actor, options: dict) -> Rows:
        order = Order.objects.get(pk=options["order"])
        wants, first = missing_of(order), order.lines.select_related("connection").first()
        if not wants or not first or order.lines.exclude(state__in=[*FINAL, LineState.REVIEW]).exists():
            self.stop(NOT_DONE, "This order has no missing lines, or is still in progress.")
        if not options["yes"]:
            return [want.as_json() for want in wants]
        new, _ = place_order(
            by=by,
            form_token=uuid.uuid4().hex,
            telephony_provider=first.telephony_provider,
            telephony_account_connection=first.connection.api_id,
            wants=wants,
            again_of=order,
        )
        return [{"order": new.pk, "again_of": order.pk, "lines": new.quantity, "approval": new.approval}]
