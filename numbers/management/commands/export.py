import json
from itertools import batched

from django.core.management.base import CommandParser

from numbers.listing.downloads import PORTION
from numbers.listing.export import NUMBER_COLUMNS, number_rows
from numbers.management.help import ExplainedCommand
from numbers.models import Number
from numbers.services.csv_tables import csv_lines


class Command(ExplainedCommand):
    examples = """
  manage.py export > numbers.csv                edit it, then `manage.py plan upload numbers.csv`
  manage.py export --format json | head
"""
    help = "Export every number as CSV that you can edit and upload again, or as one JSON object per line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["csv", "json"], default="csv")

    def handle(self, **options) -> None:
        rows = number_rows(Number.objects.all())
        as_csv = options["format"] == "csv"
        lines = csv_lines(rows, NUMBER_COLUMNS) if as_csv else (json.dumps(row) for row in rows)
        for portion in batched(lines, PORTION):
            self.stdout.write("\n".join([line.removesuffix("\r\n") for line in portion]))
