"""The local copy of what the account owns."""

import json

import pytest
import responses
from django.core import serializers
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.fluents import FluentsError, Unauthorized
from numbers.models import Agent, Connection, Event, Gate, Number
from numbers.services import syncing
from numbers.services.syncing import sync
from numbers.states import LineState, NumberStatus
from tests.books import line_of, rest

pytestmark = pytest.mark.django_db


def dump() -> str:
    rows = [*Connection.objects.all(), *Agent.objects.all(), *Number.objects.all(), *Event.objects.all()]
    return serializers.serialize("json", rows)


def test_everything_is_taken_in(fluents):
    fluents.control("reset", {"numbers": 30})
    counts = sync()
    assert (counts.connections, counts.agents, counts.numbers, counts.gone) == (3, 8, 30, 0)
    assert Connection.objects.filter(telephony_provider="twilio").count() == 2
    assert Agent.objects.get(name="Spanish line").language == "es"
    assert set(Number.objects.values_list("e164", flat=True)) == set(fluents.owned())
    assert Number.objects.filter(agent=None).count() == 6
    gate = Gate.objects.get()
    assert (gate.sync_error, gate.synced_at is not None) == ("", True)
    assert Event.objects.get().after == {"numbers": 30, "gone": 0}


def test_a_second_sync_adds_no_rows_and_keeps_our_values(fluents):
    fluents.control("reset", {"numbers": 5})
    sync()
    number, agent = Number.objects.first(), Agent.objects.get(name="French line")
    fluents.call("PATCH", "/_sandbox/numbers", params={"phone_number": number.e164}, json={"label": "Theirs"})
    ours = number.label
    fluents.call("PATCH", "/_sandbox/agents", params={"id": agent.api_id}, json={"name": "Ligne"})
    sync()
    number.refresh_from_db()
    agent.refresh_from_db()
    assert (Number.objects.count(), number.label, agent.name) == (5, ours, "Ligne")
    assert number.drift == {"label": {"ours": ours, "theirs": "Theirs"}}


def test_what_is_gone_upstream_stays_active(fluents):
    number = fluents.control("numbers", {})["number"]
    agent = fluents.control("agents", {"name": "Short-lived"})
    sync()
    fluents.call("DELETE", "/_sandbox/numbers", params={"phone_number": number})
    fluents.call("DELETE", "/_sandbox/agents", params={"id": agent["id"]})
    assert sync().gone == 1
    assert Number.objects.get().status == NumberStatus.GONE
    assert Agent.objects.get(name="Short-lived").gone_at is not None
    told = Event.objects.get(action="number.gone")
    assert (told.number.e164, told.reason) == (number, "Fluents does not list it any more.")
    assert sync().gone == 0


def test_what_comes_back_is_ours_again(fluents):
    number = fluents.control("numbers", {})["number"]
    sync()
    fluents.call("DELETE", "/_sandbox/numbers", params={"phone_number": number})
    sync()
    fluents.control("numbers", {"number": number})
    sync()
    assert Number.objects.get().status == NumberStatus.ACTIVE


def test_a_number_bought_a_moment_ago_is_not_called_gone_while_reads_lag(fluents):
    fluents.control("config", {"lookup_lag": 30})
    line = rest(line_of(fluents))
    assert line.state == LineState.BOUGHT
    counts = sync()
    assert (counts.gone, Number.objects.get().status) == (0, NumberStatus.ACTIVE)


def test_lists_that_shift_between_pages_lose_no_number(fluents):
    fluents.control("reset", {"numbers": 250})
    sync()
    fluents.fault("page_drift", path="/v1/numbers/list", times=100)
    assert sync().gone == 0
    assert Number.objects.filter(status=NumberStatus.ACTIVE).count() == 250


def test_a_row_that_a_shifting_list_shows_twice_is_one_row(settings):
    settings.FLUENTS_API_URL = "https://fluents.test"
    agents = [{"id": "agent-1", "name": "Old"}, {"id": "agent-1", "name": "New"}]
    with responses.RequestsMock() as mock:
        for path, items in [("account_connections", []), ("agents", agents), ("numbers", [])]:
            mock.get(f"https://fluents.test/v1/{path}/list", json={"items": items, "has_more": False})
        assert sync().agents == 1
    assert Agent.objects.get().name == "New"


def test_a_page_of_numbers_costs_the_same_queries_however_many_it_holds(fluents):
    counts = []
    for numbers in (5, 30, 90):
        fluents.control("reset", {"numbers": numbers})
        sync()  # what is gone since the last round is settled here
        with CaptureQueriesContext(connection) as queries:
            syncing.sync_numbers(syncing.db_now(), lambda what, count: None)
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2] <= 14


@pytest.mark.parametrize("path", ["account_connections", "agents", "numbers"])
def test_a_sync_that_fails_says_so_and_marks_nothing_gone(fluents, path):
    fluents.control("reset", {"numbers": 3})
    sync()
    fluents.fault("error_before", path=f"/v1/{path}/list", times=3)
    with pytest.raises(FluentsError):
        sync()
    assert Number.objects.filter(status=NumberStatus.GONE).count() == 0
    assert Agent.objects.filter(gone_at=None).count() == 8
    assert (
        Gate.objects.get().sync_error == "Fluents gave no clear answer. Fluents says: Internal server error."
    )
    sync()
    assert Gate.objects.get().sync_error == ""


def test_a_wrong_token_is_told_in_plain_words(fluents):
    fluents.control("config", {"token": "another"})
    with pytest.raises(Unauthorized):
        sync()
    assert Gate.objects.get().sync_error.startswith("Fluents does not accept our token (FLUENTS_API_TOKEN).")


def test_nothing_of_the_secrets_of_agents_and_connections_is_kept(fluents):
    fluents.control("reset", {"numbers": 40})
    assert "CANARY" in fluents.get("/v1/numbers/list").text
    sync()
    assert "CANARY" not in dump()
    kept = {key for number in Number.objects.all() for key in number.answer}
    assert kept == {
        "id", "number", "active", "label", "description", "outbound_only", "telephony_provider",
        "telephony_account_connection", "inbound_agent", "inbound_agent_name", "tags",
    }  # fmt: skip
    assert json.loads(dump())


def test_only_connections_that_can_hold_numbers_are_offered(fluents):
    sync()
    assert set(Connection.objects.values_list("label", flat=True)) == {
        "Twilio main",
        "Twilio West Coast",
        "Telnyx backup",
    }
