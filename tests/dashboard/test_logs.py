"""A record is one record, whatever is in it, and carries the ids that lead to the rest."""

import json
import logging
import sys

import pytest
from django.db import transaction
from django.http import HttpResponse

from dashboard import logs, middleware
from numbers.services.audit.events import SYSTEM
from numbers.services.people import accounts
from numbers.services.purchasing.transitions import move
from numbers.states import LineState
from tests.support.books import bare_line

FORGED = "bob\n2026-01-01 INFO numbers order 1 placed\x1b[2J\u2028x"


def record(message: str = "%s", *args, **extra) -> logging.LogRecord:
    made = logging.LogRecord("numbers.moves", logging.INFO, "", 0, message, args, None)
    made.__dict__ |= extra
    logs.AddRequestId().filter(made)
    return made


def test_a_name_with_line_breaks_forges_nothing():
    text = logs.LineFormatter().format(record("placed by %s", FORGED))
    assert text.splitlines() == [text]
    assert "\\n2026-01-01" in text
    assert "\\x1b[2J\\u2028" in text
    as_json = logs.JsonFormatter().format(record("placed by %s", FORGED))
    assert as_json.splitlines() == [as_json]
    assert json.loads(as_json)["message"] == f"placed by {FORGED}"


def test_json_has_the_ids_and_nothing_else_of_a_record():
    given = record("moved", line_id=7, order_id=3, plan_id=None, token="hidden")
    entry = json.loads(logs.JsonFormatter().format(given))
    assert entry.pop("at").endswith("+00:00")
    assert entry == {
        "level": "info", "logger": "numbers.moves", "message": "moved", "order_id": 3, "line_id": 7
    }  # fmt: skip
    assert logs.LineFormatter().format(given).endswith(" INFO numbers.moves moved order_id=3 line_id=7")


@pytest.mark.parametrize("formatter", [logs.LineFormatter(), logs.JsonFormatter()])
def test_a_traceback_stays_inside_its_record(formatter):
    try:
        raise ValueError(FORGED)
    except ValueError:
        made = record("failed")
        made.exc_info = sys.exc_info()
    first, *others = formatter.format(made).split("\n")
    assert "ValueError" in "".join([first, *others])
    assert all(line.startswith("    ") for line in others)


def test_what_is_logged_during_a_request_carries_its_id(rf, caplog):
    caplog.handler.addFilter(logs.AddRequestId())

    def view(request):
        logging.getLogger("numbers").warning("placed")
        return HttpResponse()

    request = rf.get("/", headers={"X-Request-Id": "proxy-id-12345"})
    assert middleware.request_id(view)(request)["X-Request-Id"] == "proxy-id-12345"
    assert [found.request_id for found in caplog.records] == ["proxy-id-12345"]
    assert logs.request_id.get() == ""


@pytest.mark.django_db(transaction=True)
def test_every_move_of_a_line_is_logged_once_it_is_on_the_books(caplog):
    line = bare_line(LineState.PLANNED)
    with caplog.at_level(logging.INFO, "numbers.moves"):
        with transaction.atomic():
            move(line, LineState.FAILED, reason="a secret")
            transaction.set_rollback(True)
        move(line, LineState.CANCELLED, reason="a secret")
    (found,) = caplog.records
    assert found.getMessage() == f"line {line.pk}: planned -> cancelled"
    assert (found.line_id, found.order_id) == (line.pk, line.order_id)


@pytest.mark.django_db
def test_a_link_that_opens_an_account_is_in_no_log(client, caplog):
    """Django logs the address of whatever it refuses, such as a password that is too short."""
    _, token = accounts.invite(by=SYSTEM, username="vera", roles=[])
    short = {"new_password1": "short", "new_password2": "short"}
    assert client.post(f"/account/link/{token}/", short).status_code == 422
    (found,) = [record for record in caplog.records if record.name == "django.request"]
    for formatter in (logs.LineFormatter(), logs.JsonFormatter()):
        assert "/account/link/***/" in formatter.format(found)
        assert token not in formatter.format(found)
