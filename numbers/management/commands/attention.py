from django.core.management.base import CommandParser

from numbers.forms.attention import SnoozeForm
from numbers.management.act_command import BAD_INPUT, NOT_DONE, ActCommand, Rows
from numbers.models import Snooze
from numbers.services.audit.events import Actor
from numbers.services.monitoring import attention

LISTED = 100  # of each kind


class Command(ActCommand):
    help = "List what needs a person, snooze an item, or bring it back."
    acts = {"list": None, "snooze": None, "wake": None}  # the services ask for the right of the kind
    examples = """
  manage.py attention --json
  manage.py attention snooze unassigned 812 --days 7 --reason "Goes live in May"
  manage.py attention wake unassigned 812
"""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("kind", nargs="?", choices=Snooze.Kind.values, help="as `list` names it")
        parser.add_argument("item", nargs="?", type=int, help="as `list` names it")
        parser.add_argument("--days", type=int, default=7, help="1, 3, 7 or 30 (default: 7)")
        parser.add_argument("--reason", default="", metavar="TEXT", help="kept in the history")

    def do_list(self, by: Actor, options: dict) -> Rows:
        kinds = [Snooze.Kind(options["kind"])] if options["kind"] else list(Snooze.Kind)
        return [
            {"kind": kind.value, "item": item.pk, "what": str(item)}
            for kind in kinds
            for item in attention.open_items(kind).order_by("pk")[:LISTED]
        ]

    def do_snooze(self, by: Actor, options: dict) -> Rows:
        self.need(options, kind="a kind", item="an item", reason="--reason")
        form = SnoozeForm(options)
        if not form.is_valid():
            self.stop(BAD_INPUT, " ".join(str(error) for errors in form.errors.values() for error in errors))
        try:
            kept = attention.snooze(by=by, **form.cleaned_data)
        except LookupError:
            self.stop(NOT_DONE, "There is no such item.")
        return [{"kind": kept.kind, "item": kept.item, "until": kept.until}]

    def do_wake(self, by: Actor, options: dict) -> Rows:
        self.need(options, kind="a kind", item="an item")
        if not attention.wake(by=by, kind=Snooze.Kind(options["kind"]), item=options["item"]):
            self.stop(NOT_DONE, "It isn't snoozed.")
        return [{"kind": options["kind"], "item": options["item"]}]
