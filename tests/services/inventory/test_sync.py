"""The local copy of what the account owns."""

import json
from datetime import timedelta

import pytest
import responses
from django.core import serializers
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.fluents import FluentsError, Unauthorized
from numbers.models import Agent, Connection, Event, Number, SyncState
from numbers.services.inventory import merge
from numbers.services.inventory.sightings import LAST_SEEN
from numbers.services.inventory.sync import Counts, client, db_now, sync, sync_numbers
from numbers.services.inventory.upsert import SAID
from numbers.states import LineState, NumberStatus
from tests.support.books import line_of, rest
from tests.support.queries import count as count_of

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
    state = SyncState.objects.get()
    assert (state.error, state.synced_at is not None) == ("", True)
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
    assert (told.number.e164, told.reason) == (number, "Fluents no longer lists it.")
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
    assert Agent.objects.get().name == "Old"


def test_an_agent_that_a_shifting_list_did_not_show_is_not_gone(settings):
    settings.FLUENTS_API_URL = "https://fluents.test"

    def pages(*pages: str, total: int) -> Counts:
        with responses.RequestsMock() as mock:
            for path in ("account_connections", "numbers"):
                mock.get(f"https://fluents.test/v1/{path}/list", json={"items": [], "has_more": False})
            for n, ids in enumerate(pages, start=1):
                items = [{"id": agent} for agent in ids]
                body = {"items": items, "has_more": n < len(pages), "total": total}
                mock.get("https://fluents.test/v1/agents/list", json=body)
            return sync()

    pages("abc", total=3)
    pages("ab", "b", total=3)
    assert not Agent.objects.exclude(gone_at=None).exists()
    pages("ab", total=2)
    assert Agent.objects.exclude(gone_at=None).get().api_id == "c"


def test_a_page_of_numbers_costs_the_same_queries_however_many_it_holds(fluents):
    counts = []
    for numbers in (5, 30, 90):
        fluents.control("reset", {"numbers": numbers})
        SyncState.objects.update(gone_accepted=numbers)
        sync()  # what is gone since the last round is settled here
        with CaptureQueriesContext(connection) as queries:
            sync_numbers(map(SAID, client().numbers()), db_now(), lambda what, count: None)
        counts.append(count_of(queries))
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
        SyncState.objects.get().error == "Fluents gave no clear answer. Fluents says: Internal server error."
    )
    sync()
    assert SyncState.objects.get().error == ""


def test_a_wrong_token_is_told_in_plain_words(fluents):
    fluents.control("config", {"token": "another"})
    with pytest.raises(Unauthorized):
        sync()
    assert SyncState.objects.get().error.startswith("Fluents doesn't accept our token (FLUENTS_API_TOKEN).")


def test_nothing_of_the_secrets_of_agents_and_connections_is_kept(fluents):
    fluents.control("reset", {"numbers": 40})
    assert "CANARY" in fluents.get("/v1/numbers/list").text
    sync()
    assert "CANARY" not in dump()
    kept = {key for number in Number.objects.all() for key in number.answer}
    assert kept == {
        "id", "number", "active", "label", "description", "outbound_only", "telephony_provider",
        "telephony_account_connection", "inbound_agent", "inbound_agent_name", "tags", "user_id",
        "example_context", "config", "sms_enabled", "is_routing_number",
    }  # fmt: skip
    assert json.loads(dump())


def test_only_connections_that_can_hold_numbers_are_offered(fluents):
    sync()
    assert set(Connection.objects.values_list("label", flat=True)) == {
        "Twilio main",
        "Twilio West Coast",
        "Telnyx backup",
    }


ROWS = {
    "account_connections": {"id": "c-1", "type": "account_connection_twilio"},
    "agents": {"id": "a-1", "name": "Front desk"},
    "numbers": {"id": "n-1", "number": "+14155550101"},
}


def lists(mock, **extra) -> None:
    """The three lists, each with its row and what EXTRA adds; None: without its row."""
    for path, row in ROWS.items():
        items = [] if extra.get(path, ()) is None else [row, *extra.get(path, ())]
        mock.get(f"https://fluents.test/v1/{path}/list", json={"items": items, "has_more": False})


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"numbers": [{"number": {"e164": "+14155550102"}}, 7, None]}, "3 numbers from Fluents"),
        ({"numbers": [{"number": "+14155550102 x7"}]}, "1 number from Fluents"),
        ({"agents": [{"name": "No id"}]}, "1 agent from Fluents"),
        (
            {"account_connections": ["text"], "agents": [1.5]},
            "1 connection from Fluents couldn't be read, 1 agent",
        ),
    ],
)
def test_a_sync_that_could_not_read_everything_says_so_and_marks_nothing_gone(settings, extra, said):
    settings.FLUENTS_API_URL = "https://fluents.test"
    with responses.RequestsMock() as mock:
        lists(mock)
        sync()
    Number.objects.create(e164="+14155550199", synced_at=db_now() - timedelta(days=1))
    Agent.objects.create(api_id="a-9", synced_at=db_now() - timedelta(days=1))
    Connection.objects.create(api_id="c-9", synced_at=db_now() - timedelta(days=1))
    with responses.RequestsMock() as mock:
        lists(mock, **extra)
        counts = sync()
    assert (counts.gone, counts.unreadable) == (0, sum(map(len, extra.values())))
    state = SyncState.objects.get()
    assert state.error.startswith(said)
    assert state.error.endswith("couldn't be read, so nothing was marked as gone.")
    assert Number.objects.filter(status=NumberStatus.GONE).count() == 0
    assert (
        Agent.objects.exclude(gone_at=None).count() == Connection.objects.exclude(gone_at=None).count() == 0
    )
    with responses.RequestsMock() as mock:
        lists(mock)
        mock.get("https://fluents.test/v1/numbers", status=404)
        assert sync().gone == 1
    assert SyncState.objects.get().error == ""
    assert (
        Agent.objects.exclude(gone_at=None).count() == Connection.objects.exclude(gone_at=None).count() == 1
    )


def test_whole_numbers_as_ids_are_synced_and_nothing_is_gone(settings):
    settings.FLUENTS_API_URL = "https://fluents.test"
    rows = {
        "account_connections": {"id": 7, "type": "account_connection_twilio"},
        "agents": {"id": 8, "name": "A"},
    }
    for _ in range(2):
        with responses.RequestsMock() as mock:
            for path, row in (ROWS | rows).items():
                mock.get(f"https://fluents.test/v1/{path}/list", json={"items": [row], "has_more": False})
            counts = sync()
        assert (counts.connections, counts.agents, counts.numbers, counts.gone) == (1, 1, 1, 0)
    assert (Connection.objects.get().api_id, Agent.objects.get().api_id) == ("7", "8")


def test_a_look_up_that_answers_another_number_marks_nothing_gone(fluents):
    fluents.control("reset", {"numbers": 3})
    sync()
    Number.objects.create(e164="+14155550199", synced_at=db_now() - timedelta(days=1))
    fluents.fault("ignore_filter", path="/v1/numbers", times=9)
    with pytest.raises(FluentsError, match="GET /v1/numbers"):
        sync()
    assert Number.objects.filter(status=NumberStatus.GONE).count() == 0


class TestWhatDidNotChange:
    """A sync writes what differs; of all other numbers only that they were seen."""

    @pytest.fixture
    def books(self, fluents):
        fluents.control("reset", {"numbers": 12})
        sync()
        return fluents

    def touched(self) -> list[str]:
        """The numbers that a sync locks and writes whole."""
        seen = []
        plain = merge.write

        def write(rows, names):
            seen.extend(row.e164 for row in rows)
            return plain(rows, names)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(merge, "write", write)
            sync()
        return seen

    def test_nothing_is_written_but_that_it_was_seen(self, books):
        before = dict(Number.objects.values_list("e164", LAST_SEEN))
        assert self.touched() == []
        after = dict(Number.objects.values_list("e164", LAST_SEEN))
        assert all(after[e164] > before[e164] for e164 in before)
        assert sync().gone == 0

    def test_what_fluents_says_otherwise_is_written(self, books):
        number = Number.objects.first()
        where = {"phone_number": number.e164}
        books.call("PATCH", "/_sandbox/numbers", params=where, json={"label": "Theirs"})
        assert self.touched() == [number.e164]
        number.refresh_from_db()
        assert number.drift["label"]["theirs"] == "Theirs"
        assert self.touched() == []  # it differs still, in the same way

    @pytest.mark.parametrize("field", ["label", "description", "agent", "outbound_only"])
    def test_what_we_say_otherwise_is_written(self, books, field):
        number = Number.objects.exclude(agent=None).first()
        values = {"agent": None, "outbound_only": not number.outbound_only}
        Number.objects.filter(pk=number.pk).update(**{field: values.get(field, "Ours")})
        assert self.touched() == [number.e164]
        number.refresh_from_db()
        assert list(number.drift) == [field]

    def test_what_agrees_again_is_written(self, books):
        number = Number.objects.first()
        label = number.label
        Number.objects.filter(pk=number.pk).update(label="Ours")
        sync()
        Number.objects.filter(pk=number.pk).update(label=label)
        assert self.touched() == [number.e164]
        number.refresh_from_db()
        assert (number.drift, number.drifted) == ({}, False)
        assert Event.objects.filter(action="number.agreed").count() == 1

    def test_what_we_gave_up_is_looked_at_again(self, books):
        number = Number.objects.first()
        long_ago = db_now() - timedelta(days=2)
        Number.objects.filter(pk=number.pk).update(status=NumberStatus.RELEASED, synced_at=long_ago)
        assert self.touched() == [number.e164]

    def test_a_thousand_numbers_cost_few_statements(self, fluents):
        fluents.control("reset", {"numbers": 250})
        sync()
        with CaptureQueriesContext(connection) as asked:
            sync()
        assert len(asked) < 30, len(asked)
