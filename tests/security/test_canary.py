"""The secrets that Fluents nests in its answers, and our own token, stay out of all that we keep or show."""

import io
import logging
import traceback

import pytest
from django.apps import apps
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.test import Client
from django.urls import reverse

from numbers import fluents as api
from numbers.models import Number, Order, Tag
from numbers.services import syncing
from numbers.services.driving import drive
from numbers.services.history import record
from numbers.tasks import drive_line, sync_all
from tests import canary
from tests.books import go_on, line_of, rest
from tests.stack import TOKEN, Stack

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
    syncing.sync()
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
                syncing.sync()
            except api.FluentsError:
                texts.append(traceback.format_exc())
            fluents.control("faults", method="DELETE")
    drive_line.enqueue(line_id=line.pk)
    sync_all.enqueue()
    drive(line_id=line.pk)
    call_command(
        "db_worker", batch=True, startup_delay=False, reload=False, verbosity=0, stdout=io.StringIO()
    )
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
        "an event": lambda: record(action="x", after={"deep": ["CANARY-3"]}),
        "the cache": lambda: cache.set("x", {"y": "CANARY-4"}),
        "a session": lambda: keep(client, "CANARY-5 " * 30),
        "many rows": lambda: Tag.objects.bulk_create([Tag(name="x"), Tag(name="CANARY-6")]),
        "an error of Fluents": lambda: api.FluentsError(request="x", detail="CANARY-7"),
        "a command": lambda: BaseCommand(stdout=io.StringIO()).stdout.write("CANARY-8"),
        "a page": lambda: client.get("/numbers/?q=CANARY-9"),
        "our token": lambda: record(action="x", reason=f"Bearer {TOKEN}"),
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
