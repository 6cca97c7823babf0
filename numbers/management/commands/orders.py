import json

from django.core.management.base import BaseCommand, CommandParser

from numbers.models import Line
from numbers.reports import line_rows
from numbers.states import LineState


class Command(BaseCommand):
    help = "List every line of every order."

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
            if row["error"]:
                self.stdout.write(f"{'':16} {row['error']}")
