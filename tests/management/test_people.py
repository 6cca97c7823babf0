"""`manage.py people` does what the page does, for scripts."""

import json
import re

import pytest
from django.contrib.auth.models import User
from django.core.management import load_command_class
from django.test import Client

from numbers.models import Event, Price
from numbers.permissions import Role, roles_of
from tests.management.test_commands import run
from tests.support.people import person

pytestmark = pytest.mark.django_db
PASSWORD = "a long password of eve"


def test_a_person_from_the_invitation_to_the_end(client):
    person("ada", Role.ADMIN, password=PASSWORD)
    status, out, _ = run("people", "invite", "eve", "--role", "buyer", "--as", "ada")
    (link,) = re.findall(r"/account/link/\S+", out)
    assert (status, client.get(link).status_code) == (0, 200)
    assert run("people", "roles", "eve", "--role", "viewer", "--role", "approver", "--json")[0] == 0
    eve = User.objects.get(username="eve")
    assert roles_of(eve) == [Role.VIEWER, Role.APPROVER]
    status, out, _ = run("people", "--json")
    rows = {row["account"]: row for row in map(json.loads, out.splitlines())}
    assert (rows["eve"]["state"], rows["eve"]["roles"]) == ("invited", ["viewer", "approver"])
    browser = Client()
    browser.force_login(eve)
    assert json.loads(run("people", "sessions", "eve", "--json")[1]) == {"account": "eve", "ended": 1}
    assert run("people", "factors", "eve")[1].strip() == "removed: none"
    assert "link: " in run("people", "link", "eve")[1]
    assert run("people", "off", "eve")[1].strip() == "changed: True"
    assert run("people", "link", "eve")[0] == 1
    assert run("people", "on", "eve")[0] == 0
    by = Event.objects.order_by("pk").values_list("actor_name", flat=True)
    assert by[0] == "ada"
    assert by[1].endswith(" (command line)")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("off", "ada"), 1),
        (("roles", "ada"), 1),
        (("off", "nobody"), 2),
        (("off",), 2),
        (("off", "bob", "--as", "bob"), 2),
        (("off", "ada", "--as", "ada"), 2),
        (("invite", "ada"), 1),
    ],
)
def test_what_cannot_be_done_says_so_and_changes_nothing(arguments, status):
    person("ada", Role.ADMIN, password=PASSWORD)
    person("bob", Role.BUYER, password=PASSWORD)
    found, _, err = run("people", *arguments)
    assert (found, bool(err)) == (status, True)
    assert User.objects.filter(is_active=True).count() == 2
    assert not Event.objects.exclude(action="access.denied").exists()


def test_prices_have_days_and_json():
    own = ("--telephony-provider", "twilio", "--monthly")
    assert run("prices", *own, "1.15")[0] == 0
    assert run("prices", *own, "2", "--from", "2999-01-01")[0] == 0
    assert run("prices", *own, "2", "--from", "2001-01-01")[0] == 2
    assert run("prices", *own, "2", "--from", "soon")[0] == 2
    rows = [json.loads(line) for line in run("prices", "--json")[1].splitlines()]
    assert [(row["monthly"], row["in_force"]) for row in rows] == [("2.00", False), ("1.15", True)]
    assert Price.objects.count() == 2


@pytest.mark.parametrize("name", ["people", "prices"])
def test_the_help_has_examples(name):
    text = load_command_class("numbers", name).create_parser("manage.py", name).format_help()
    assert f"  manage.py {name} --json" in text
    assert "exit codes: 0 done" in text
