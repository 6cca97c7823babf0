"""`manage.py gate`: whether lines may be sent, and the switch."""

import json

import pytest

from numbers.models import Connection, Event, Gate, Journal, Number
from numbers.services.purchasing.recovery import start_journal
from numbers.services.spending import registry
from numbers.states import LineState, Origin, Standing
from tests.management.test_commands import run
from tests.support.books import bare_line
from tests.support.people import person

pytestmark = pytest.mark.django_db


def gate(*arguments: str) -> tuple[int, str, str]:
    return run("gate", *arguments)


def state() -> dict:
    return json.loads(gate("--json")[1])


@pytest.fixture
def doubted() -> Journal:
    """The database is doubted, and a journal has not reported."""
    row = Journal.objects.create(name="worker-2", machine="m2", path="/m2.journal")
    registry.doubt("Restored.", reporter=None)
    return row


def unexplained(e164: str = "+14155550100", *, drift: dict | None = None) -> Number:
    drift = {"appeared": True} if drift is None else drift
    return Number.objects.create(
        e164=e164,
        area_code=e164[2:5],
        origin=Origin.FOUND,
        connection=Connection.objects.get_or_create(api_id="connection-1")[0],
        standing=Standing.HOLDS,
        drift=drift,
        drifted=bool(drift),
    )


def test_the_state_in_words_and_as_json():
    start_journal()
    assert gate() == (0, f"Buying is open.\n{listed(Journal.objects.get(), 'in use')}\n", "")
    told = state()
    assert {name: told[name] for name in ("state", "reason", "by", "missing", "held", "baseline")} == {
        "state": "open",
        "reason": "",
        "by": "",
        "missing": [],
        "held": [],
        "baseline": 0,
    }
    [row] = told["journals"]
    assert set(row) == {"name", "machine", "path", "last_seen", "reported", "missing"}


def listed(row: Journal, word: str) -> str:
    return f"{row.name:<24} {word:<8} {row.machine}:{row.path}"


def test_pausing_and_opening_leave_their_reasons_in_the_history():
    assert gate("pause", "--reason", "Audit.") == (0, "Buying is paused.\n", "")
    assert (state()["state"], state()["reason"]) == ("paused", "Audit.")
    assert gate("open", "--reason", "Audit is over.") == (0, "Buying has resumed.\n", "")
    told = Event.objects.filter(action__startswith="gate.").order_by("pk")
    assert [(event.action, event.reason) for event in told] == [
        ("gate.paused", "Audit."),
        ("gate.opened", "Audit is over."),
    ]
    assert told[0].actor_name.endswith("(command line)")
    assert json.loads(gate("--json", "pause", "--reason", "Again.")[1]) == {"done": "Buying is paused."}


@pytest.mark.parametrize("act", ["pause", "open", "retire"])
def test_a_reason_is_needed(act, capsys):
    name = ["worker-2"] if act == "retire" else []
    with pytest.raises(Exception, match="--reason"):
        gate(act, *name)
    assert gate(act, *name, "--reason", " ")[0] == 2


def test_opening_too_early_is_refused_and_says_who_is_missing(doubted):
    assert state()["missing"] == ["worker-2"]
    status, out, err = gate("open", "--reason", "Compared.")
    assert (status, out) == (2, "")
    assert "worker-2 (m2:/m2.journal, last seen" in err
    assert gate("open", "--without", "worker-3", "--reason", "Compared.")[0] == 2
    assert Gate.objects.get().paused is True
    assert gate("open", "--without", "worker-2", "--reason", "Its disk is lost.")[0] == 0
    assert (state()["state"], state()["missing"]) == ("open", [])


def test_a_retired_journal_is_not_waited_for(doubted):
    assert gate("retire", "worker-2", "--reason", "Sold.") == (0, "worker-2 is retired.\n", "")
    assert gate("open", "--reason", "Compared.")[0] == 0
    status, _, err = gate("retire", "worker-2", "--reason", "Sold.")
    assert (status, err) == (2, "No journal in use is named worker-2. In use: none.\n")


def test_a_number_that_holds_its_area_is_accepted_waived_or_attributed():
    accepted, waived, attributed = (unexplained(f"+1415555010{n}") for n in range(3))
    line = bare_line()
    assert {row["phone_number"] for row in state()["held"]} == {accepted.e164, waived.e164, attributed.e164}
    assert gate("accept", "+1 415 555 0100", "--reason", "Bought in the console.")[0] == 0
    assert gate("waive", "+14155550101", "--reason", "Nobody knows.")[0] == 0
    assert gate("attribute", "+14155550102", "--line", str(line.pk), "--reason", "On the invoice.")[0] == 0
    assert state()["held"] == []
    line.refresh_from_db()
    assert (line.state, line.phone_number) == (LineState.UNKNOWN, attributed.e164)
    assert list(Number.objects.order_by("e164").values_list("standing", flat=True)) == [
        Standing.EXPLAINED,
        Standing.WAIVED,
        Standing.UNEXPLAINED,  # until its line has found it
    ]
    for act in (("accept",), ("waive",), ("attribute", "--line", str(line.pk))):
        assert gate(*act, "+14155550100", "--reason", "Again.")[0] == 2
    assert gate("attribute", "+14155550101", "--line", str(line.pk), "--reason", "No.")[0] == 2
    acts = ["number.accepted", "number.waived", "number.attributed"]
    assert set(acts) <= set(Event.objects.values_list("action", flat=True))


def test_the_numbers_of_the_first_reading_are_accepted_in_one_act():
    unexplained("+14155550100", drift={})
    unexplained("+14155550101", drift={})
    later = unexplained("+14155550102")
    assert state()["baseline"] == 2
    assert gate("accept", "--baseline", "--reason", "All ours.")[1] == "2 numbers accepted.\n"
    event = Event.objects.get(action="baseline.accepted")
    assert (event.after, event.reason) == ({"numbers": 2}, "All ours.")
    assert [row["phone_number"] for row in state()["held"]] == [later.e164]


def test_a_buyer_may_pause_and_not_open():
    person("vera", "buyer")
    assert gate("pause", "--reason", "Odd.", "--as", "vera")[0] == 0
    status, _, err = gate("open", "--reason", "Fine.", "--as", "vera")
    assert (status, "vera isn't allowed to do this" in err) == (2, True)
    assert Gate.objects.get().paused is True
