"""What commands share that do one act of several, as the buttons of a page do."""

import json
import sys
from collections.abc import Mapping
from typing import ClassVar, NoReturn

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.core.management.base import CommandParser

from numbers import fluents
from numbers.management.actors import add_as, who
from numbers.management.help import ExplainedCommand
from numbers.permissions import Right
from numbers.services.errors import NotDone, reason_of

DONE, NOT_DONE, BAD_INPUT = 0, 1, 2
NOUNS = {"Line": "line under review", "SavedView": "view"}  # of models that go by another name


class ActCommand(ExplainedCommand):
    """`acts`: what it can do, the first being the default, each with its right; a method `do_…` does it and
    returns what to print.
    """

    acts: ClassVar[Mapping[str, Right | None]] = {}
    codes = "0 done, 1 not possible as things stand, 2 bad input or not allowed"

    def add_arguments(self, parser: CommandParser) -> None:
        first = next(iter(self.acts))
        parser.add_argument(
            "act", nargs="?", choices=list(self.acts), default=first, help=f"default: {first}"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object per line")
        add_as(parser)

    def handle(self, **options) -> None:
        act = options["act"]
        by = who(self, options, self.acts[act])
        try:
            rows = getattr(self, f"do_{act}")(by, options)
        except ObjectDoesNotExist as error:
            model = type(error).__qualname__.partition(".")[0]
            self.stop(NOT_DONE, f"There's no such {NOUNS.get(model, model.lower())}.")
        except PermissionDenied as error:
            self.stop(BAD_INPUT, f"{error} Nothing was changed.")
        except (NotDone, fluents.FluentsError) as error:
            self.stop(NOT_DONE, reason_of(error))
        for row in rows:
            text = json.dumps(row, default=str) if options["json"] else "  ".join(map(str, row.values()))
            self.stdout.write(text)

    def need(self, options: dict, **named: str) -> None:
        """End where an option is missing that this act needs; `named` says how it is written."""
        for name, written in named.items():
            if not options[name]:
                self.stop(BAD_INPUT, f"{options['act']} needs {written}.")

    def stop(self, code: int, words: str) -> NoReturn:
        self.stderr.write(words)
        sys.exit(code)


type Rows = list[dict]
