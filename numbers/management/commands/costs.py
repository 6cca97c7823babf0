import json
import sys

from django.core.management.base import CommandParser

from numbers.currencies import priced
from numbers.db.clock import db_now
from numbers.management.help import ExplainedCommand
from numbers.models import MonthCost
from numbers.services.costs.months import cost_rows, count_month, months_due

BAD_INPUT = 2


class Command(ExplainedCommand):
    examples = """
  manage.py costs --by agent
  manage.py costs --month 2026-11 --json
"""
    help = "Show what our lines cost month by month, by agent and by tag (estimates). Exit status: 0."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--month", default="", metavar="MONTH", help="this one alone, such as 2026-10")
        parser.add_argument("--by", choices=MonthCost.Kind.values, help="these figures alone")
        parser.add_argument("--json", action="store_true", help="one JSON object per figure")

    def handle(self, **options) -> None:
        for month in months_due(db_now()):
            count_month(month)
        rows = MonthCost.objects.filter(**({"kind": options["by"]} if options["by"] else {}))
        found = [row for row in cost_rows(rows) if options["month"] in ("", row["month"])]
        if options["month"] and not found:
            self.stderr.write("--month: nothing was counted for it. Use a month such as 2026-10.")
            sys.exit(BAD_INPUT)
        for row in found:
            if options["json"]:
                self.stdout.write(json.dumps(row))
                continue
            cost = priced(row["cost"], row["currency"]) if row["currency"] else "no price"
            name = row["name"] or {"all": "All lines", "agent": "Unassigned", "tag": "No tag"}[row["kind"]]
            used = "not known" if row["used_lines"] is None else f"{row['used_lines']} used"
            lines = f"{row['lines']:>7} lines  {used:>10}"
            self.stdout.write(f"{row['month']}  {row['kind']:<5}  {lines}  {cost:>14}  {name}")
