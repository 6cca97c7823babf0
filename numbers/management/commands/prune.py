import json

from django.core.management.base import CommandError, CommandParser

from numbers.management.help import ExplainedCommand
from numbers.services.monitoring.retention import prune

LEAST = 30  # days; a purchase that is being argued about with the provider needs its evidence


class Command(ExplainedCommand):
    examples = """
  manage.py prune --dry-run
  manage.py prune --days 365
"""
    help = (
        "Delete finished tasks, ended sessions, and old checks, answers, and comparisons. Events, orders,"
        " lines, and numbers are always kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=int, default=180, help="delete evidence older than this (default: 180)"
        )
        parser.add_argument("--dry-run", action="store_true", help="count only")
        parser.add_argument("--json", action="store_true", help="one JSON object with the counts")

    def handle(self, *, days: int, dry_run: bool, **options) -> None:
        if days < LEAST:
            raise CommandError(f"Evidence must be kept for at least {LEAST} days.")
        counts = prune(days=days, dry_run=dry_run)
        if options["json"]:
            self.stdout.write(json.dumps(counts))
        else:
            verb = "Would delete" if dry_run else "Deleted"
            self.stdout.write(
                f"{verb} " + ", ".join(f"{count} {what}" for what, count in counts.items()) + "."
            )
