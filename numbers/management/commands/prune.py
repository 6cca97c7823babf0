import json

from django.core.management.base import BaseCommand, CommandError, CommandParser

from numbers.services.pruning import prune

LEAST = 30  # days; a purchase that is being argued about with the provider needs its evidence


class Command(BaseCommand):
    help = (
        "Forget finished tasks, ended sessions, and look-ups, answers and comparisons that are old."
        " Events, orders, lines and numbers stay for good."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=180, help="evidence older than this (default: 180)")
        parser.add_argument("--dry-run", action="store_true", help="count only")
        parser.add_argument("--json", action="store_true", help="one JSON object with the counts")

    def handle(self, *, days: int, dry_run: bool, **options) -> None:
        if days < LEAST:
            raise CommandError(f"Evidence is kept for {LEAST} days at least.")
        counts = prune(days=days, dry_run=dry_run)
        if options["json"]:
            self.stdout.write(json.dumps(counts))
        else:
            verb = "Would forget" if dry_run else "Forgot"
            self.stdout.write(
                f"{verb} " + ", ".join(f"{count} {what}" for what, count in counts.items()) + "."
            )
