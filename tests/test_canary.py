"""The secrets that Fluents nests in its answers, and our own token, stay out of all that we keep or show."""

import io
import logging
import traceback

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from numbers import fluents as api
from numbers.models import Number, Order
from numbers.services import syncing
from numbers.services.driving import drive
from numbers.tasks import drive_line, sync_all
from tests.books import go_on, line_of, rest
from tests.stack import TOKEN

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
