import json

from django.core.management.base import CommandParser

from numbers.listing.export import line_rows
from numbers.management.help import ExplainedCommand
from numbers.models import Line
from numbers.states import LineState

#: States that the table gives the reason of; the JSON gives it for every line that is not bought.
SAYS_WHY = {LineState.FAILED, LineState.REVIEW, LineState.UNKNOWN}


class Command(ExplainedCommand):
    examples = """
  manage.py orders
  manage.py orders --json
"""
    help = (
        "List every line: order, line, state, phone_number, area_code, attempts, error, requested_by,"
        " created_at, settled_at; test_call and test_call_reason where the order has its lines called."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object per line")

    def handle(self, **options) -> None:
        for row in line_rows(Line.objects.all()):
            if options["json"]:
                self.stdout.write(json.dumps(row))
                continue
            what = row["phone_number"] or row["area_code"]
            who = f"for {row['requested_by']}" if row["requested_by"] else ""
            state = LineState(row["state"]).label
            self.stdout.write(f"{row['order']:>6} {row['line']:>7}  {state:<24} {what:<16} {who}".rstrip())
            if row["error"] and row["state"] in SAYS_WHY:
                self.stdout.write(f"{'':16} {row['error']}")
            if row.get("test_call"):
                self.stdout.write(
                    f"{'':16} Test call: {row['test_call']}. {row['test_call_reason']}".rstrip()
                )
