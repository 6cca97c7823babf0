import re

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandParser

from numbers.management.help import ExplainedCommand

OURS = ("dashboard", "numbers")
FOR_OTHERS = {"work", "demo_data", "messages", "seed_numbers"}  # for other commands, and for our pictures


class Command(ExplainedCommand):
    examples = """
  manage.py commands
  manage.py commands --markdown
"""
    help = "List our commands with their options; --help of each has examples."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--markdown", action="store_true", help="print the table in README.md")

    def handle(self, **options) -> None:
        told = "| `{}` | {} |" if options["markdown"] else "{}\n    {}"
        if options["markdown"]:
            self.stdout.write("| command | does |\n|---|---|")
        usual = re.findall(r" \[[^][]*\]", usage_of("check", BaseCommand()))
        for name, app in sorted(get_commands().items()):
            if app not in OURS or name in FOR_OTHERS:
                continue
            command = load_command_class(app, name)
            usage, does = usage_of(name, command), " ".join(command.help.split())
            for option in usual:
                usage = usage.replace(option, "", 1)
            if options["markdown"]:
                usage, does = usage.replace("|", "\\|"), does.replace("|", "\\|")
            self.stdout.write(told.format(usage, does))


def usage_of(name: str, command: BaseCommand) -> str:
    """How `command` is called, in one line."""
    return " ".join(command.create_parser("manage.py", name).format_usage().split()[1:])
