"""In whose name a command acts: the account of `--as`, or the shell's user."""

import sys
import uuid
from typing import NoReturn

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser

from numbers.permissions import COMMANDS, Right, may, refusal
from numbers.services.audit.events import Actor, record_event

BAD_INPUT = 2


def add_as(parser: CommandParser) -> None:
    parser.add_argument("--as", dest="account", default="", metavar="NAME", help="act as this account")


def who(command: BaseCommand, options: dict, right: Right | None = None) -> Actor:
    """The actor. Ends the command where the account of `--as` may not do this.

    `right` is what the act at hand asks for where the command has several.

    A shell that runs our commands holds the database and the token in any case: without `--as`
    nobody is asked, and the history names the shell's user.
    """
    request_id = uuid.uuid4().hex
    if not (name := options["account"]):
        return Actor.command(request_id)
    if not (user := User.objects.filter(username=name).first()):
        stop(command, f"--as: there's no account named {name}.")
    by, word = Actor.person(user, request_id), command.__module__.rpartition(".")[2]
    right = right or COMMANDS[word]
    if not right or not may(user, right):
        reason = refusal(user, right)
        record_event(action="access.denied", by=by, reason=reason, after={"command": word})
        stop(command, f"--as: {name} isn't allowed to do this. {reason} Nothing was changed.")
    return by


def stop(command: BaseCommand, words: str) -> NoReturn:
    command.stderr.write(words)
    sys.exit(BAD_INPUT)
