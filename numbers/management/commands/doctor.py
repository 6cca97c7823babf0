import json
import sys
from dataclasses import asdict
from itertools import chain

from django.core.management.base import CommandParser

from numbers.management.help import ExplainedCommand
from numbers.services.monitoring.doctor import BAD, examine, try_mail


class Command(ExplainedCommand):
    examples = """
  manage.py doctor
  manage.py doctor --json
  manage.py doctor --mail you@example.com     sends a test email as well
"""
    codes = "0 no problems, 1 something to fix"
    help = "Check this deployment and list problems. Exit status 1 if there are any."
    requires_system_checks = []  # they are among what is told

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object per finding")
        parser.add_argument("--mail", metavar="ADDRESS", help="send a test email there, too")

    def handle(self, **options) -> None:
        bad = 0
        for found in chain(examine(), try_mail(options["mail"]) if options["mail"] else ()):
            bad += found.state == BAD
            if options["json"]:
                self.stdout.write(json.dumps(asdict(found)))
                continue
            self.stdout.write(f"{found.state:<5} {found.name:<11} {found.said}")
            if found.hint:
                self.stdout.write(f"{'':<17} {found.hint}")
        if not options["json"]:
            self.stdout.write(f"{bad} to fix." if bad else "No problems found.")
        sys.exit(1 if bad else 0)
