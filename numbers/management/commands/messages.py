"""`manage.py messages`: every message of the product in one place, for proofreading."""

from typing import Any

from django.core.management.base import BaseCommand

from numbers.management.messages import messages


class Command(BaseCommand):
    """Print every text that people read, under the file that it is written in."""

    help = "Print every message of the product, file by file, for proofreading."
    requires_system_checks = ()

    def handle(self, **_options: Any) -> None:
        """Print a heading for each file and a line for each message."""
        last = None
        for message in messages():
            if message.path != last:
                self.stdout.write(f"\n{message.path}")
                last = message.path
            self.stdout.write(f"  {message.line}: {message.text}")
