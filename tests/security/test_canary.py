"""The secrets that Fluents nests in its answers, and our own token, stay out of all that we keep or show."""

import io
import logging
import re
import time
import traceback

import pytest
from django.apps import apps
from django.core.cache import cache
from django.core.management.base import BaseCommand
from django.db import connection
from django.test import Client
from django.urls import reverse

from numbers.fluents import FluentsError
from numbers.models import Number, Order, Tag
from numbers.services.audit.events import record_event
from numbers.services.inventory import sync
from numbers.services.inventory.sync_requests import ask_for_sync
from tests.support import canary
from tests.support.books import go_on, line_of, rest, run_worker_until_idle
from tests.support.calls import read_calls
from tests.support.stack import TOKEN, Stack

FAULTS = [
    "reset_after",
    "truncated",
    "wrong_type",
    "taken",
    "huge",
    {"fault": "wrong_number", "commit": "none"},
    {"fault": "error_after", "status": 502, "body": "html"},
    {"fault": "status", "status": 400, "message": "inbound_agent is not known"},
    {"fault": "status", "status": 402, "message": "Balance too low"},
    {"fault": "status", "status": 401, "message": "Unauthorized"},
]
WORDS = ("CANARY", TOKEN)
CALLER = re.compile(r"(?<![0-9a-f-])(\+?1)?\d{3}55501\d\d(?![0-9a-f])")  # as the sandbox makes them up


def database() -> str:
    """Every column of every table, as the database holds it."""
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 -- our own tables
            rows += [f"{table}: {row!r}" for row in cursor.fetchall()]
    return "\n".join(rows)


def leaks(text: str) -> list[str]:
    return [row[:200] for row in text.splitlines() if any(word in row for word in WORDS)]


@pytest.fixture
def story(fluents, transactional_db, caplog, django_user_model):
    """A day with everything in it: a sync, purchases, failures, unknowns and errors. Gives its texts."""
    caplog.set_level(logging.DEBUG)
    fluents.control("reset", {"numbers": 12})
    texts = []
    sync.sync()
    agent = fluents.get("/v1/agents/list").json()["items"][0]
    rest(line_of(fluents, inbound_agent=agent["id"]))
    for fault in FAULTS:
        fluents.control("faults", [fault])
        line = line_of(fluents, inbound_agent=agent["id"])
        for _ in range(4):
            go_on(line)
        apps.get_model("numbers.Gate").objects.update(breaker="closed", needs_person=False)
    for path in ("numbers", "agents", "account_connections"):
        for fault in ("truncated", "wrong_type", "redirect"):
            fluents.control("faults", [{"fault": fault, "path": f"/v1/{path}/list", "times": 3}])
            try:
                sync.sync()
            except FluentsError:
                texts.append(traceback.format_exc())
            fluents.control("faults", method="DELETE")
    ask_for_sync()
    run_worker_until_idle()
    texts.append(caplog.text)
    return texts


def test_the_sandbox_really_tells_secrets(fluents):
    fluents.control("reset", {"numbers": 2})
    for path in ("numbers", "agents", "account_connections"):
        assert "CANARY" in fluents.get(f"/v1/{path}/list").text


def test_no_secret_is_in_the_database_a_log_an_error_or_on_a_page(story, django_user_model):
    assert leaks(database()) == []
    assert leaks("\n".join(story)) == []
    ada = django_user_model.objects.create_superuser("ada")
    client = Client()
    client.force_login(ada)
    pages = [reverse(name) for name in ("overview", "number-list", "order-list", "order-new", "activity")]
    pages += [order.get_absolute_url() for order in Order.objects.all()]
    pages += [number.get_absolute_url() for number in Number.objects.all()[:5]]
    shown = [client.get(page) for page in pages]
    assert {answer.status_code for answer in shown} == {200}
    assert [leak for answer in shown for leak in leaks(answer.text)] == []
    assert [leak for answer in shown for leak in leaks(str(answer.headers))] == []


def test_nothing_of_a_caller_is_in_the_database_a_log_or_on_a_page(
    fluents, transactional_db, caplog, settings, django_user_model
):
    """Neither numbers nor what was said: of calls, only counts are kept."""
    caplog.set_level(logging.DEBUG)
    settings.CALLS_SECONDS = 28800
    fluents.control("reset", {"numbers": 12})
    sync.sync()
    fluents.control("calls", {"count": 250, "days": 20, "until": time.time() - 3600, "wrong": 0.1})
    told = fluents.get("/v1/calls/list", size=100).text
    assert CALLER.search(told)
    for fault in ("truncated", "wrong_type", "huge"):
        fluents.control("faults", [{"fault": fault, "path": "/v1/calls/list", "times": 3}])
        read_calls()
        fluents.control("faults", method="DELETE")
    assert read_calls().until
    ada = Client()
    ada.force_login(django_user_model.objects.create_superuser("ada"))
    number = Number.objects.filter(wrong_agent=True).first()
    names = ("overview", "number-list", "agent-list", "attention", "numbers-csv", "numbers-json", "activity")
    pages = [reverse(name) for name in names] + [
        number.get_absolute_url(),
        f"{number.get_absolute_url()}release/",
    ]
    answers = [ada.get(page) for page in pages]
    shown = [b"".join(a.streaming_content).decode() if a.streaming else a.text for a in answers]
    for text in (database(), caplog.text, *shown):
        assert CALLER.search(text) is None
        assert leaks(text) == []


def test_the_dump_would_find_a_secret(db):
    Order.objects.create(form_token=f"x{TOKEN}", quantity=1)
    assert len(leaks(database())) == 1
    assert len(canary.taken()) == 1


def keep(client: Client, text: str) -> None:
    session = client.session
    session["x"] = text
    session.save()


def test_whatever_tells_a_secret_anywhere_in_the_suite_is_found(db, client, bob, tmp_path):
    """What listens to every test hears logs, answers, exports, errors, commands and the database."""
    client.force_login(bob)
    log = logging.getLogger("numbers.x")
    places = {
        "a log record": lambda: log.warning("it is %s", "CANARY-1"),
        "a traceback": lambda: log.error("x", exc_info=ValueError("CANARY-2")),
        "an event": lambda: record_event(action="x", after={"deep": ["CANARY-3"]}),
        "the cache": lambda: cache.set("x", {"y": "CANARY-4"}),
        "a session": lambda: keep(client, "CANARY-5 " * 30),
        "many rows": lambda: Tag.objects.bulk_create([Tag(name="x"), Tag(name="CANARY-6")]),
        "an error of Fluents": lambda: FluentsError(request="x", detail="CANARY-7"),
        "a command": lambda: BaseCommand(stdout=io.StringIO()).stdout.write("CANARY-8"),
        "a page": lambda: client.get("/numbers/?q=CANARY-9"),
        "our token": lambda: record_event(action="x", reason=f"Bearer {TOKEN}"),
    }
    for place, tell in places.items():
        tell()
        assert canary.taken(), place
    Tag.objects.all().delete()
    Number.objects.create(e164="+14155550100", label="CANARY-9")
    assert canary.taken()
    assert b"CANARY" in b"".join(client.get("/numbers/export.csv").streaming_content)
    assert canary.taken()
    with Stack(tmp_path, "http://127.0.0.1:9") as stack:
        (tmp_path / "web.txt").write_text("Traceback: CANARY")
        assert stack.told() == ["web.txt"]
        (tmp_path / "web.txt").unlink()
