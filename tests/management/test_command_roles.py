"""Commands that act in somebody's name do what that account may, and no more."""

import pytest
from django.contrib.auth.models import User
from django.core.management import get_commands, load_command_class

from numbers.models import Event, Number, Order, Plan, Price
from numbers.permissions import COMMANDS, RIGHTS, Right, Role
from tests.management.test_commands import buy, run
from tests.support.people import person
from tests.support.stack import ROOT
from tests.views.upkeep import agent, numbers

pytestmark = pytest.mark.django_db
ACCOUNT = ("--telephony-provider", "twilio", "--telephony-account-connection", "id of Twilio main")
ARGUMENTS = {
    "alarms": ("set", "--kind", "sync", "--on"),
    "buy": (*ACCOUNT, "--area-code", "415"),
    "agents": ("list",),
    "attention": ("list",),
    "views": ("list",),
    "assign": ("--nobody", "+14155550000"),
    "budget": ("show",),
    "drift": ("list",),
    "invoice": (
        str(ROOT / "tests/support/invoice.csv"),
        *("--telephony-provider", "twilio", "--month", "2020-01"),
    ),
    "link": ("--phone-number", "+14155550123", "--telephony-account-connection", "id of Twilio main"),
    "order": ("cancel", "999"),
    "plan": ("list",),
    "review": ("list",),
    "label": ("--label", "New", "+14155550000"),
    "people": ("invite", "eve"),
    "prices": ("--telephony-provider", "twilio", "--monthly", "1.15"),
    "prove": ("+14155550000", "--from", "+14155550000"),
    "gate": ("pause", "--reason", "To see"),
    "reconcile": (),
    "release": ("--yes", "+14155550000"),
    "sync": (),
}


def test_the_table_names_every_command_of_ours_and_who_may():
    ours = {name for name, app in get_commands().items() if app == "numbers"}
    assert set(COMMANDS) == ours
    taking = {
        name
        for name in ours
        if "--as" in load_command_class("numbers", name).create_parser("manage.py", name).format_help()
    }
    assert taking == {name for name, right in COMMANDS.items() if right}
    assert taking == set(ARGUMENTS)


@pytest.mark.parametrize("role", [*Role, None], ids=lambda role: role or "none")
def test_a_role_reaches_as_far_as_on_the_pages(fluents, role):
    numbers(1, agent=agent())
    vera = person("vera", *([role] if role else []))
    rights = RIGHTS[role] if role else frozenset[Right]()
    for name, arguments in ARGUMENTS.items():
        before = Event.objects.count()
        status, _, err = run(name, *arguments, "--as", "vera")
        if COMMANDS[name] in rights:
            assert "allowed to do this" not in err
            assert (status, name) != (2, name)
            continue
        assert (status, "--as: vera isn't allowed to do this." in err) == (2, True), name
        assert "Nothing was changed." in err
        event = Event.objects.get(action="access.denied", after={"command": name})
        assert (event.actor, Event.objects.count()) == (vera, before + 1)
    allowed = {event.actor_name for event in Event.objects.exclude(action="access.denied")} - {""}
    assert allowed <= {"vera"}
    assert Order.objects.exists() == (Right.BUY in rights)
    assert User.objects.filter(username="eve").exists() == (Right.PEOPLE in rights)
    assert Price.objects.exists() == (Right.PRICES in rights)
    assert Plan.objects.filter(act="release").exists() == (Right.RELEASE in rights)


def test_an_order_belongs_to_the_account_it_was_placed_as(fluents):
    bob = person("bob", Role.BUYER)
    assert buy("--area-code", "415", "--as", "bob")[0] == 3
    assert Order.objects.get().requested_by == bob


@pytest.mark.parametrize("name", ["nobody", "BOB", ""])
def test_an_account_that_is_not_there_does_nothing(fluents, name):
    person("bob", Role.BUYER)
    status, _, err = buy("--area-code", "415", f"--as={name}")
    assert (status, Order.objects.exists()) == ((2, False) if name else (3, True))
    assert not name or err.startswith("--as: there's no account named")


def test_without_a_name_the_shell_acts_as_before():
    numbers(1)
    assert run("label", "--label", "New", "+14155550000")[0] == 3
    assert Plan.objects.get().requested_by_name.endswith("(command line)")
    assert Number.objects.exists()
