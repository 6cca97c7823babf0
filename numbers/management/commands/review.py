from django.core.management.base import CommandParser

from numbers.management.act_command import BAD_INPUT, ActCommand, Rows
from numbers.models import Line
from numbers.permissions import Right
from numbers.services.audit.events import Actor
from numbers.services.purchasing.review import ask_to_look, close, was_bought, was_not_bought
from numbers.states import LineState
from numbers.telephony.phone import NotAPhoneNumber, read_listed_number


class Command(ActCommand):
    help = "List the lines that need a person, or decide on one, as on the review page."
    acts = {"list": None, "bought": Right.BUY, "again": Right.BUY, "close": Right.BUY, "look": Right.BUY}
    examples = """
  manage.py review                                              the waiting lines, with what we know
  manage.py review bought 204 --number "+1 415 555 0123" --reason "It's on the invoice"
  manage.py review again 204 --reason "The invoice has nothing"       it wasn't bought: try again
  manage.py review close 204 --reason "No longer needed"              close it without a number
  manage.py review look 204                                           check with Fluents again
"""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("line", nargs="?", type=int, help="its id")
        parser.add_argument("--number", default="", help="the number that was bought")
        parser.add_argument("--reason", default="", metavar="TEXT", help="how you know; kept in the history")

    def do_list(self, by: Actor, options: dict) -> Rows:
        waiting = Line.objects.filter(state=LineState.REVIEW).order_by("pk")
        names = ("pk", "order_id", "phone_number", "area_code", "reason")
        return [dict(zip(("line", *names[1:]), row, strict=True)) for row in waiting.values_list(*names)]

    def do_bought(self, by: Actor, options: dict) -> Rows:
        self.need(options, line="a line's id", number="--number", reason="--reason")
        try:
            e164 = read_listed_number(options["number"])
        except NotAPhoneNumber as error:
            self.stop(BAD_INPUT, str(error))
        return said(was_bought(line_id=options["line"], phone_number=e164, by=by, reason=options["reason"]))

    def do_again(self, by: Actor, options: dict) -> Rows:
        self.need(options, line="a line's id", reason="--reason")
        return said(was_not_bought(line_id=options["line"], by=by, reason=options["reason"]))

    def do_close(self, by: Actor, options: dict) -> Rows:
        self.need(options, line="a line's id", reason="--reason")
        return said(close(line_id=options["line"], by=by, reason=options["reason"]))

    def do_look(self, by: Actor, options: dict) -> Rows:
        self.need(options, line="a line's id")
        line = Line.objects.get(pk=options["line"], state=LineState.REVIEW)
        ask_to_look(line)
        return said(line)


def said(line: Line) -> Rows:
    return [{"line": line.pk, "state": line.state, "phone_number": line.phone_number}]
