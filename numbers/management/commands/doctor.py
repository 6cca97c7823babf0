import json
import sys
from dataclasses import asdict

from django.core.management.base import BaseCommand, CommandParser

from numbers.services.examining import BAD, examine


class Command(BaseCommand):
    help = "Look this deployment over and say what to mend. Exit status 1 when something must be."
    requires_system_checks = []  # they are among what is told

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object per finding")

    def handle(self, **options) -> None:
        bad = 0
        for found in examine():
            bad += found.state == BAD
            if options["json"]:
                self.stdout.write(json.dumps(asdict(found)))
                continue
            self.stdout.write(f"{found.state:<5} {found.name:<11} {found.said}")
            if found.hint:
                self.stdout.write(f"{'':<17} {found.hint}")
        if not options["json"]:
            self.stdout.write(f"{bad} to mend." if bad else "Nothing must be mended.")
        sys.exit(1 if bad else 0)
