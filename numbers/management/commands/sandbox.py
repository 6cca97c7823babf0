import os
import signal
from argparse import Namespace

from django.core.management.base import BaseCommand, CommandParser

from numbers.sandbox.__main__ import add_options, run
from numbers.supervisor import until_parent_is_gone


class Command(BaseCommand):
    help = "Run the Fluents API sandbox. Same as: python -m numbers.sandbox"
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_options(parser)

    def handle(self, *args: str, **options: object) -> None:
        until_parent_is_gone(lambda: os.kill(os.getpid(), signal.SIGTERM))
        raise SystemExit(run(Namespace(**options)))
