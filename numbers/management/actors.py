"""In whose name a command acts: the account of `--as`, or whoever's shell it is."""

import getpass
import sys
import uuid

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser

from numbers.roles import COMMANDS, may, refusal
from numbers.services.history import By, record

BAD_INPUT = 2


def add_as(parser: CommandParser) -> None:
    parser.add_argument(
        "--as", dest="account", default="", metavar="NAME", help="in the name of this account, if it may"
    )


def who(command: BaseCommand, options: dict) -> By:
    """Whoever acts. Ends the command where the account of `--as` may not do this.

    A shell that runs our commands holds the database and the token in any case: without `--as`
    nobody is asked, and the history names the shell's user.
    """
    request_id = uuid.uuid4().hex
    if not (name := options["account"]):
        return By(name=f"{getpass.getuser()} (command line)", request_id=request_id)
    if not (user := User.objects.filter(username=name).first()):
        stop(command, f"--as: no account is called {name}.")
    by, word = By.person(user, request_id), command.__module__.rpartition(".")[2]
    if not may(user, COMMANDS[word]):
        reason = refusal(user, COMMANDS[word])
        record(action="access.denied", by=by, reason=reason, after={"command": word})
        stop(command, f"--as: {name} may not do this. {reason} Nothing was changed.")
    return by


def stop(command: BaseCommand, words: str) -> None:
    command.stderr.write(words)
    sys.exit(BAD_INPUT)
