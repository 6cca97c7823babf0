"""How `--help` is laid out."""

import sys
from argparse import RawDescriptionHelpFormatter

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter
from django.db import DatabaseError

from dashboard.checks import SETTINGS
from numbers.services.monitoring import health


class Layout(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Django's order of options, with what is below them as it is written."""


class ExplainedCommand(BaseCommand):
    """A command whose `--help` ends with EXAMPLES, and with what the exit codes mean."""

    # To check pages as well would load all of them: a third of the time that a command takes.
    requires_system_checks = [SETTINGS]
    examples = ""
    codes = ""

    def create_parser(self, *args, **kwargs) -> CommandParser:
        epilog = "examples:\n" + self.examples.strip("\n")
        epilog += f"\n\nexit codes: {self.codes}" if self.codes else ""
        return super().create_parser(*args, epilog=epilog, formatter_class=Layout, **kwargs)

    def execute(self, *args, **options) -> str | None:
        try:
            return super().execute(*args, **options)
        except DatabaseError as error:
            why = health.why_unusable(error)
            if not why or options["traceback"]:
                raise
            self.stderr.write(why)
            sys.exit(1)
