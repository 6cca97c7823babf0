"""Items of docs/security.md that no other test covers whole."""

import hashlib
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import django_htmx
import pytest
from django.contrib import admin
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from numbers.forms.buying import new_form_token
from numbers.management.commands.demo import write_private
from numbers.models import Agent, Connection, Line, Number, Order, Plan, SavedView, Tag
from numbers.services import placing
from numbers.services.changing import plan_change
from numbers.services.history import By, record
from numbers.states import LineState
from tests.books import bare_line
from tests.pages.test_every_page import READABLE
from tests.stack import ROOT
from tests.test_door import PASSWORD

#: What others wrote and we only carry. A change of one of them is a change that somebody has to look at.
HTMX = Path(django_htmx.__file__).parent / "static/django_htmx/htmx-2.min.js"
CARRIED = [
    (
        ROOT / "static/vendor/tabler/tabler.min.css",
        "09c0ad77d135f90fd8cbc583824b2fdbd247adbc001234d27a36f284bfecab5e",
    ),
    (HTMX, "71ea67185bfa8c98c39d31717c6fce5d852370fcdfd129db4543774d3145c0de"),
]
EVIL = "\"><img src=x hx-get=/gate/ hx-trigger=load onerror=alert(1)>'{{7*7}}"
#: Where text becomes markup without being escaped: each of them escapes what it writes.
TRUSTED = {"numbers/rows.py": 1, "numbers/templatetags/inventory.py": 2, "numbers/templatetags/lines.py": 1}


@pytest.mark.parametrize(("path", "digest"), CARRIED)
def test_what_others_wrote_is_what_we_looked_at(path, digest):
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_no_template_and_no_code_lets_markup_through():
    for page in (ROOT / "templates").rglob("*.html"):
        found = re.findall(
            r"\|safe\b|autoescape off|hx-on|hx-vals=.js:|javascript:|\son\w+=", page.read_text()
        )
        assert found == [], page
    code = [path for app in ("numbers", "dashboard") for path in (ROOT / app).rglob("*.py")]
    trusting = {
        str(path.relative_to(ROOT)): count
        for path in code
        if (count := len(re.findall(r"\b(?:mark_safe|SafeString)\(", path.read_text())))
    }
    assert trusting == TRUSTED


class Elements(HTMLParser):
    """Looks for what EVIL would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.evil = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        about = dict(attrs)
        if about.get("src") == "x" or about.get("hx-trigger") == "load" or "onerror" in about:
            self.evil.append(self.get_starttag_text())


@pytest.mark.django_db
def test_markup_in_whatever_fluents_sends_is_text_on_every_page(admin_client, admin_user):
    now, who = timezone.now(), By.person(admin_user)
    agent = Agent.objects.create(pk=1, api_id="a", name=EVIL, known_as=f"x{EVIL}", label=EVIL, synced_at=now)
    gone = Agent.objects.create(api_id=EVIL[:60], name=EVIL, gone_at=now)
    own = Connection.objects.create(api_id=EVIL[:60], label=EVIL, telephony_provider="twilio", synced_at=now)
    number = Number.objects.create(
        e164="+14155550100", label=EVIL, description=EVIL, agent=agent, connection=own, bought_by=EVIL,
        drifted=True, bought_at=now,
        drift={"label": {"ours": EVIL, "theirs": EVIL}, "agent": {"ours": "a", "theirs": EVIL}},
    )  # fmt: skip
    number.tags.add(Tag.objects.create(name=EVIL[:50]))
    Number.objects.create(e164="+14155550101", label=EVIL, agent=gone, connection=own)
    line = bare_line(
        LineState.REVIEW, phone_number="+14155550102", connection=own, agent=agent, reason=EVIL, label=EVIL
    )
    Line.objects.filter(pk=line.pk).update(tags=[EVIL])
    SavedView.objects.create(user=admin_user, name=EVIL[:60])
    Plan.objects.create(title=EVIL, requested_by=admin_user, requested_by_name=EVIL)
    plan_change(by=who, numbers=Number.objects.all(), changes={"label": f"{EVIL}!"}, title=EVIL)
    record(
        action=EVIL[:50],
        by=By(name=EVIL),
        reason=EVIL,
        number=number,
        before={"label": EVIL},
        after={EVIL: EVIL},
    )
    shown = 0
    pages = [
        *READABLE,
        line.order.get_absolute_url(),
        f"/review/{line.pk}/",
        f"/plans/{Plan.objects.last().pk}/",
    ]
    for path in pages:
        for headers in ({}, {"HX-Request": "true", "HX-Target": "number-rows"}):
            answer = admin_client.get(path, headers=headers)
            text = answer.text
            parser = Elements()
            parser.feed(text)
            assert parser.evil == [], path
            assert "'49" not in text
            shown += "&lt;img src=x" in text
    assert shown > 20


@pytest.mark.django_db
def test_fields_that_a_form_does_not_have_change_nothing_of_an_order(client, bob, admin_user):
    Connection.objects.create(api_id="main", telephony_provider="twilio", synced_at=timezone.now())
    client.force_login(bob)
    form = {
        "telephony_provider": "twilio", "telephony_account_connection": "main", "area_code": "415",
        "quantity": "1", "form_token": new_form_token(bob.pk), "confirmed": "1",
        "state": "bought", "price": "0", "cost_once": "0", "user": admin_user.pk,
        "requested_by": admin_user.pk, 
        "id": "77", "pk": "77", "order": "77", "generation": "9", "number": "1", "approved_by": admin_user.pk,
        "created_at": "2001-01-01", "requested_by_name": "admin", "lease_until": "2999-01-01",
    }  # fmt: skip
    assert client.post("/orders/new/", form).status_code == 302
    order = Order.objects.get()
    line = order.lines.get()
    assert (order.requested_by, order.requested_by_name, order.created_at.year > 2025) == (bob, "bob", True)
    assert (line.state, line.number, line.generation, line.lease_until) == (LineState.PLANNED, None, 0, None)
    assert 77 not in (order.pk, line.pk)


@pytest.mark.django_db
def test_when_the_limits_cannot_be_read_nothing_is_ordered(bob, monkeypatch):
    Connection.objects.create(api_id="main", telephony_provider="twilio", synced_at=timezone.now())
    client = Client(raise_request_exception=False)
    client.force_login(bob)

    def unreadable(**kwargs):
        raise DatabaseError("the table is locked")

    monkeypatch.setattr(placing, "limits", unreadable)
    form = {
        "telephony_provider": "twilio", "telephony_account_connection": "main", "area_code": "415",
        "quantity": "1", "form_token": new_form_token(bob.pk), "confirmed": "1",
    }  # fmt: skip
    assert client.post("/orders/new/", form).status_code == 500
    assert (Order.objects.count(), Line.objects.count()) == (0, 0)


@pytest.mark.django_db
def test_a_new_secret_key_keeps_sessions_and_forms_while_the_old_one_is_named(client, bob, settings):
    client.post("/accounts/login/", {"username": "bob", "password": PASSWORD})
    old, token = settings.SECRET_KEY, new_form_token(bob.pk)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key for the tests, long enough", [old]
    assert client.get("/orders/new/").status_code == 200
    form = {"form_token": token, "quantity": "x"}
    assert "not valid any more" not in client.post("/orders/new/", form).text
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a third key for the tests, long enough", []
    assert client.get("/orders/new/").status_code == 302


def test_what_the_demo_writes_down_is_for_our_own_user(tmp_path):
    before = os.umask(0)
    try:
        write_private(tmp_path / ".env", "SECRET_KEY=x")
    finally:
        os.umask(before)
    assert oct((tmp_path / ".env").stat().st_mode & 0o777) == "0o600"


@pytest.mark.django_db
def test_the_admin_changes_no_task_either(admin_client, rf, admin_user):
    request = rf.get("/")
    request.user = admin_user
    tasks = admin.site._registry[DBTaskResult]
    assert not tasks.has_add_permission(request)
    assert not tasks.has_change_permission(request)
    assert not tasks.has_delete_permission(request)


@pytest.mark.django_db
def test_figures_for_machines_are_for_those_who_show_the_token(client, settings):
    settings.METRICS_TOKEN, settings.METRICS_ADDRESSES = "a long token for the tests", []
    assert client.get("/metrics").status_code in (401, 403, 404)
    assert client.get("/metrics", headers={"Authorization": "Bearer another"}).status_code in (401, 403, 404)
    for path in (
        "/.git/config",
        "/.env",
        "/static/../.env",
        "/static/%2e%2e/manage.py",
        "/var/dashboard.sqlite3",
    ):
        assert client.get(path).status_code == 404, path


def test_the_bill_of_materials_lists_exactly_the_pinned_packages(capsys):
    call_command("sbom")
    bill = json.loads(capsys.readouterr().out)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    listed = {part["name"]: part for part in bill["components"]}
    text = (ROOT / "requirements.txt").read_text()
    pinned = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))
    assert {name: part["version"] for name, part in listed.items()} == pinned
    assert len(pinned) == len(bill["components"]) > 20
    hashes = [
        found["content"] for part in listed.values() for found in part["externalReferences"][0]["hashes"]
    ]
    assert sorted(hashes) == sorted(re.findall(r"sha256:(\w+)", text))
    assert listed["Django".lower()]["licenses"] == [{"expression": "BSD-3-Clause"}]
    elsewhere = {name for name, part in listed.items() if "licenses" not in part}
    assert elsewhere <= {"colorama", "tzdata"}  # for Windows


def test_the_audit_looks_at_every_pinned_package_and_fails_where_it_cannot():
    make = (ROOT / "Makefile").read_text()
    (command,) = re.findall(r"^audit:.*\n\t(.*)$", make, re.MULTILINE)
    assert {"--strict", "--require-hashes", "requirements.txt"} <= set(command.split())


def test_every_test_that_the_table_names_is_there():
    table = (ROOT / "docs/security.md").read_text()
    named = set(re.findall(r"`(test_\w+)(?:…)?`", table))
    files = {path.stem: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    tests = set(re.findall(r"^def (test_\w+)", "\n".join(files.values()), re.MULTILINE))
    missing = {name for name in named if not any(test.startswith(name) for test in [*tests, *files])}
    assert missing == set()
    assert len(named) > 60
