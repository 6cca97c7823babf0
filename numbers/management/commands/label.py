from django.core.management.base import CommandParser

from numbers.management.plan_command import PlanCommand

GIVEN = {"label": "label", "description": "description", "tag": "tags_add", "untag": "tags_remove"}


class Command(PlanCommand):
    examples = """
  manage.py label --label "Front desk" --tag sales +14155550123
  manage.py label --untag spring --file numbers.csv
"""
    help = (
        "Label, describe, or tag numbers. Exit status: 0 all done, 1 some failed, 2 bad input, 3 still open."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--label", metavar="TEXT")
        parser.add_argument("--description", metavar="TEXT")
        parser.add_argument("--outbound-only", choices=["yes", "no"])
        parser.add_argument("--tag", action="append", metavar="TAG", help="add this tag; repeatable")
        parser.add_argument("--untag", action="append", metavar="TAG", help="remove this tag")
        super().add_arguments(parser)

    def changes(self, options: dict) -> dict:
        changes = {key: options[name] for name, key in GIVEN.items() if options[name] is not None}
        if options["outbound_only"]:
            changes["outbound_only"] = options["outbound_only"] == "yes"
        return changes
