from argparse import Namespace

from django.core.management.base import BaseCommand, CommandParser

from numbers.sandbox.__main__ import add_options, run


class Command(BaseCommand):
    help = "Runs the stand-in for the Fluents API. The same as: python -m numbers.sandbox"
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_options(parser)

    def handle(self, *args: str, **options: object) -> None:
        raise SystemExit(run(Namespace(**options)))
