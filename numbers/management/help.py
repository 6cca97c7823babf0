"""How `--help` is laid out."""

from argparse import RawDescriptionHelpFormatter

from django.core.management.base import BaseCommand, CommandParser, DjangoHelpFormatter


class Layout(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Django's order of options, with what is below them as it is written."""


class ExplainedCommand(BaseCommand):
    """A command whose `--help` ends with EXAMPLES, and with what the exit codes mean."""

    examples = ""
    codes = ""

    def create_parser(self, *args, **kwargs) -> CommandParser:
        epilog = "examples:\n" + self.examples.strip("\n")
        epilog += f"\n\nexit codes: {self.codes}" if self.codes else ""
        return super().create_parser(*args, epilog=epilog, formatter_class=Layout, **kwargs)
