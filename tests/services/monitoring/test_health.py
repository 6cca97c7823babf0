"""What monitors are told is what the books say, and no more."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from numbers.db.clock import db_now
from numbers.models import Agent, Attempt, Journal, Number, SyncState
from numbers.services.monitoring import health
from numbers.services.spending import gate
from numbers.states import LineState, NumberStatus, Outcome
from tests.support.books import bare_line
from tests.support.queries import count as count_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def counted_anew():
    health.counted.cache_clear()


def ago(seconds: float):
    return db_now() - timedelta(seconds=seconds)


def worker(seconds: float) -> None:
    Journal.objects.create(name="here", machine="here", path="/journal", seen_at=ago(seconds))


def scrape(client, **headers) -> dict:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_ready_tells_how_the_buying_goes(client):
    worker(3)
    bare_line(LineState.PLANNED, due_at=ago(500))
    bare_line(LineState.UNKNOWN, due_at=ago(-500))
    SyncState.objects.update(synced_at=ago(60))
    answer = client.get("/readyz")
    told = answer.json()
    assert answer.status_code == 200
    assert told["oldest_due_seconds"] == pytest.approx(500, abs=30)
    assert told["synced_seconds"] == pytest.approx(60, abs=30)
    assert told["worker_seen_seconds"] == pytest.approx(3, abs=30)
    assert (told["ready"], told["database"], told["unapplied_migrations"]) == (True, "ok", [])
    assert (told["gate"], told["workers"]) == ("open", 1)
    assert told["warnings"] == ["lines are overdue"]


def test_a_paused_gate_and_a_silent_worker_are_told_but_pages_are_served(client):
    worker(health.LATE + 60)
    gate.pause(reason="a secret of the house")
    SyncState.objects.update(error="Fluents refused.")
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["warnings"] == [
        "buying is paused", "no worker was seen recently", "the last sync failed"
    ]  # fmt: skip
    assert "secret" not in answer.text


def test_a_database_that_is_behind_is_not_ready(client):
    MigrationRecorder(connection).record_unapplied("numbers", "0001_initial")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["unapplied_migrations"] == ["numbers.0001_initial"]


def test_a_database_of_a_newer_release_is_ready(client):
    MigrationRecorder(connection).record_applied("numbers", "9999_of_tomorrow")
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("headers", "address", "status"),
    [
        ({}, "127.0.0.1", 403),
        ({"Authorization": "Bearer wrong"}, "10.0.0.7", 403),
        ({"Authorization": "Bearer the token of the monitors"}, "203.0.113.5", 200),
        ({}, "10.0.0.7", 200),
        ({"X-Forwarded-For": "10.0.0.7"}, "10.0.0.7", 403),
        ({}, "2001:db8::1", 403),
    ],
)
def test_metrics_are_for_the_token_and_for_listed_addresses(client, settings, headers, address, status):
    settings.METRICS_TOKEN = "the token of the monitors"
    settings.METRICS_ADDRESSES = ["10.0.0.0/24"]
    assert client.get("/metrics", headers=headers, REMOTE_ADDR=address).status_code == status


def test_metrics_are_for_nobody_unless_set(client):
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 403


def test_metrics_are_what_the_books_say(client, settings):
    settings.METRICS_TOKEN = "the token of the monitors"
    agent = Agent.objects.create(api_id="agent-1", name="Reception")
    Number.objects.create(e164="+14155550100", agent=agent)
    Number.objects.create(e164="+14155550101", drifted=True)
    Number.objects.create(e164="+14155550102", status=NumberStatus.RELEASED)
    line = bare_line(LineState.UNKNOWN, phone_number="+14155550103", due_at=ago(40))
    bare_line(LineState.FAILED)
    outcomes = [(Outcome.UNKNOWN, 10), (Outcome.REFUSED, 20), (Outcome.REFUSED, 30), (Outcome.BOUGHT, 7200)]
    for n, (outcome, seconds) in enumerate(outcomes):
        Attempt.objects.create(line=line, n=n, generation=1, outcome=outcome, finished_at=ago(seconds))
    worker(1)
    found = scrape(client, Authorization="Bearer the token of the monitors")
    assert found["fluents_lines", "unknown"] == 1
    assert found["fluents_lines", "planned"] == 0
    assert ("fluents_lines", "failed") not in found
    sends = {key[1]: value for key, value in found.items() if key[0] == "fluents_sends_last_hour"}
    assert {name: count for name, count in sends.items() if count} == {"unknown": 1, "refused": 2}
    numbers = {key[1]: value for key, value in found.items() if key[0] == "fluents_numbers"}
    assert numbers == {"owned": 2, "unassigned": 1, "drifted": 1}
    assert (found["fluents_gate", "open"], found["fluents_gate", "paused"]) == (1, 0)
    assert found["fluents_oldest_due_seconds",] == pytest.approx(40, abs=30)
    assert (found["fluents_workers",], found["fluents_lines_due",]) == (1, 1)
    assert ("fluents_synced_seconds",) not in found


def test_figures_cost_a_few_queries_whatever_there_is(client):
    counts = []
    for more in (1, 20):
        health.counted.cache_clear()
        for _ in range(more):
            bare_line(LineState.REVIEW)
        with CaptureQueriesContext(connection) as queries:
            health.figures()
        counts.append(count_of(queries))
    assert counts[0] == counts[1] <= 16
