import json

from django.core.management.base import BaseCommand, CommandParser

from numbers.models import Number
from numbers.reports import csv_lines, number_rows


class Command(BaseCommand):
    help = "Write every number, as CSV that can be edited and read in again, or as one JSON object per line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["csv", "json"], default="csv")

    def handle(self, **options) -> None:
        rows = number_rows(Number.objects.all())
        lines = csv_lines(rows) if options["format"] == "csv" else (json.dumps(row) for row in rows)
        for line in lines:
            self.stdout.write(line.removesuffix("\r\n"))
