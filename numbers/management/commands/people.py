import json
import sys
from typing import NoReturn

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management.base import CommandParser

from numbers.management.actors import BAD_INPUT, add_as, who
from numbers.management.help import ExplainedCommand
from numbers.permissions import Role
from numbers.services.errors import NotDone
from numbers.services.people import accounts, links
from numbers.services.people.directory import Person, people

NOT_DONE = 1
EXAMPLES = """
  manage.py people --json                            everyone, one JSON object per line
  manage.py people invite eve --role buyer           prints the link once
  manage.py people invite eve --role buyer --mail eve@example.com
  manage.py people roles eve --role buyer --role approver
  manage.py people off eve                           deactivates the account and ends its sessions
  manage.py people factors eve                       resets two-factor login that eve has lost
  manage.py people link eve                          prints a link for a new password once
"""
ACTS = ["list", "invite", "roles", "off", "on", "sessions", "factors", "link"]


class Command(ExplainedCommand):
    examples = EXAMPLES
    codes = "0 done, 1 not possible right now, 2 bad input or not allowed"
    help = "List people, invite someone, assign roles, deactivate accounts, or reset two-factor login."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", nargs="?", choices=ACTS, default="list", help="what to do (default: list)")
        parser.add_argument("name", nargs="?", default="", help="the username")
        parser.add_argument("--role", action="append", default=[], choices=Role.values, help="repeatable")
        parser.add_argument(
            "--mail",
            default="",
            metavar="ADDRESS",
            help="email address of a new person; the link is sent there",
        )
        parser.add_argument("--json", action="store_true", help="print JSON")
        add_as(parser)

    def handle(self, **options) -> None:
        if options["act"] == "list":
            self.list(options)
            return
        if not options["name"]:
            self.stop(BAD_INPUT, f"people {options['act']}: give an account.")
        by = who(self, options)
        try:
            done = getattr(self, f"do_{options['act']}")(by, options)
        except NotDone as error:
            self.stop(NOT_DONE, str(error))
        except PermissionDenied as error:
            self.stop(BAD_INPUT, f"--as: {options['account']} isn't allowed to do this. {error}")
        if options["json"]:
            self.stdout.write(json.dumps({"account": options["name"], **done}))
            return
        self.stdout.write(" ".join(f"{key}: {shown(value)}" for key, value in done.items()))

    def list(self, options: dict) -> None:
        for person in people():
            row = described(person)
            if options["json"]:
                self.stdout.write(json.dumps(row))
            else:
                about = ", ".join(row["roles"]) or "no role"
                factors = ", ".join(row["factors"]) or "no two-factor login"
                self.stdout.write(f"{row['account']:<20} {row['state']:<8} {about} · {factors}")

    def do_invite(self, by, options: dict) -> dict:
        roles = [Role(value) for value in options["role"]]
        user, token = accounts.invite(by=by, username=options["name"], roles=roles, email=options["mail"])
        return self.hand_over(user, token, by, options["mail"])

    def do_link(self, by, options: dict) -> dict:
        user = self.account(options["name"])
        token = accounts.make_link(by=by, user_id=user.pk)
        return self.hand_over(user, token, by, "")

    def do_roles(self, by, options: dict) -> dict:
        roles = [Role(value) for value in options["role"]]
        changed = accounts.set_roles(by=by, user_id=self.account(options["name"]).pk, roles=roles)
        return {"changed": changed, "roles": options["role"]}

    def do_off(self, by, options: dict) -> dict:
        return {"changed": accounts.switch(by=by, user_id=self.account(options["name"]).pk, on=False)}

    def do_on(self, by, options: dict) -> dict:
        return {"changed": accounts.switch(by=by, user_id=self.account(options["name"]).pk, on=True)}

    def do_sessions(self, by, options: dict) -> dict:
        return {"ended": accounts.end_all_sessions(by=by, user_id=self.account(options["name"]).pk)}

    def do_factors(self, by, options: dict) -> dict:
        return {"removed": accounts.remove_factors(by=by, user_id=self.account(options["name"]).pk)}

    def hand_over(self, user: User, token: str, by, address: str) -> dict:
        if address and links.send(user=user, token=token, by=by):
            return {"sent": address}
        return {"link": links.url_of(token)}

    def account(self, name: str) -> User:
        if not (user := User.objects.filter(username=name).first()):
            self.stop(BAD_INPUT, f"There's no account named {name}.")
        return user

    def stop(self, code: int, text: str) -> NoReturn:
        self.stderr.write(text)
        sys.exit(code)


def described(person: Person) -> dict:
    return {
        "account": person.user.get_username(),
        "email": person.user.email,
        "state": person.state,
        "superuser": person.user.is_superuser,
        "roles": [str(role) for role in person.roles],
        "factors": person.factors,
        "sessions": person.sessions,
        "seen_at": person.seen_at.isoformat() if person.seen_at else None,
    }


def shown(value: object) -> str:
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)
