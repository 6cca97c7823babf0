"""Calls: invented traffic, the list that tells of them, calls that are placed, and the ledger."""

import time
from collections import Counter
from datetime import datetime

import pytest

from tests.support.stack import wait_until


@pytest.fixture
def fleet(sandbox):
    sandbox.control("reset", {"numbers": 40})
    return sandbox


def pages(sandbox, **params) -> list[dict]:
    """All that the list tells, page after page."""
    items, page = [], 1
    while True:
        answer = sandbox.get("/v1/calls/list", page=page, size=100, **params).json()
        items += answer["items"]
        if not answer["has_more"]:
            return items
        page += 1


def ledger(sandbox) -> dict:
    return sandbox.control("calls", method="GET")


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def place(sandbox, line: str, other: str, **fields):
    body = {
        "from_number": line,
        "to_number": other,
        "agent_phone_number": line,
        "agent": sandbox.get("/v1/agents/list").json()["items"][0]["id"],
        "telephony_provider": "twilio",
        "context": {},
        "telephony_params": {},
        **fields,
    }
    return sandbox.call("POST", "/v1/calls/create", json=body, headers={"X-Request-Id": "probe-1"})


def lines(sandbox) -> tuple[str, str]:
    """Two lines that somebody answers."""
    items = sandbox.get("/v1/numbers/list", size=100).json()["items"]
    answered = [n["number"] for n in items if "inbound_agent" in n and not n["outbound_only"]]
    return answered[0], answered[1]


def test_the_list_tells_what_the_ledger_holds(fleet):
    ended = time.time() - 7200
    fleet.control("calls", {"count": 3000, "days": 7, "until": ended, "wrong": 0.05})
    told = Counter()
    for call in pages(fleet, sort_column="start_time", sort_desc="true"):
        seconds = round(epoch(call["end_time"]) - epoch(call["start_time"]))
        answered = call["stage_outcome"] == "human_disconnected"
        key = (call["agent_phone_number"], call["start_time"][:10], call.get("agent"))
        told[*key, "outgoing" if call["is_outgoing"] else "incoming"] += 1
        told[*key, "seconds"] += seconds if answered else 0
        told[*key, "failed"] += not answered
    held = Counter()
    for day in ledger(fleet)["days"]:
        for what in ("incoming", "outgoing", "seconds", "failed"):
            held[day["number"], day["day"], day["agent"], what] += int(day[what])
    assert +told == +held
    assert ledger(fleet)["total"] == 3000


def test_traffic_follows_line_area_and_hour_and_the_seed(fleet):
    def hours(**fields) -> Counter:
        fleet.control("reset", {"numbers": 40, "areas": {"415": 1}})
        fleet.control("calls", {"count": 4000, "days": 14, "until": 1_800_000_000, **fields})
        return Counter(call["start_time"] for call in pages(fleet))

    first = hours()
    assert first == hours() != hours(seed=1)
    at_night = sum(count for moment, count in first.items() if 8 <= int(moment[11:13]) < 14)  # UTC
    assert at_night < 0.05 * first.total()
    busy = Counter(day["number"] for day in ledger(fleet)["days"] for _ in range(int(day["incoming"])))
    assert busy.most_common(1)[0][1] > 5 * sorted(busy.values())[len(busy) // 2]
    assert len(busy) < 40


def test_late_calls_are_told_of_when_they_are_reported(fleet):
    fleet.control("calls", {"count": 500, "days": 1, "late": 0.5, "until": time.time()})
    number = fleet.owned()[0]
    fleet.control("calls", {"calls": [{"number": number, "at": time.time() - 9, "reported_after": 9999}]})
    before = pages(fleet)
    assert len(before) < 501 == ledger(fleet)["total"]
    reported = fleet.control("calls/report")["reported"]
    assert reported == 501 - len(before)
    assert len(pages(fleet)) == 501


def test_a_page_shifts_while_it_is_read(fleet):
    fleet.control("calls", {"count": 25})
    fleet.fault("calls_meanwhile", path="/v1/calls/list", skip=1, count=4)
    first, second = (
        fleet.get("/v1/calls/list", page=page, sort_column="start_time", sort_desc="true").json()["items"]
        for page in (1, 2)
    )
    again = {call["id"] for call in first} & {call["id"] for call in second}
    assert len(again) == 4
    assert ledger(fleet)["total"] == 29


def test_late_calls_come_in_the_middle_while_it_is_read(fleet):
    fleet.control("calls", {"count": 25, "days": 1, "until": time.time() - 60})
    newest = pages(fleet, sort_column="start_time", sort_desc="true")[0]["id"]
    fleet.fault("calls_meanwhile", path="/v1/calls/list", ago=86_400)
    assert pages(fleet, sort_column="start_time", sort_desc="true")[0]["id"] == newest
    assert ledger(fleet)["total"] == 26
    fleet.fault("odd_list", path="/v1/calls/list", how="strange_items")
    assert None in fleet.get("/v1/calls/list").json()["items"]


def test_an_api_without_calls(fleet):
    fleet.control("config", {"calls": False})
    for method, path in (("GET", "/v1/calls/list"), ("GET", "/v1/calls"), ("POST", "/v1/calls/create")):
        assert fleet.call(method, path).json()["message"] == f"Cannot {method} {path}"


def test_a_call_is_placed_and_picked_up_at_the_other_end(fleet):
    fleet.control("config", {"call_seconds": [0.1, 0.2]})
    line, other = lines(fleet)
    placed = place(fleet, line, other)
    assert placed.status_code == 201
    assert (placed.json()["status"], placed.json()["is_outgoing"]) == ("not_started", True)
    wait_until(lambda: fleet.get("/v1/calls", id=placed.json()["id"]).json()["status"] == "ended")
    own, theirs = pages(fleet)
    assert (own["id"], own["from_number"], own["to_number"]) == (placed.json()["id"], line, other)
    number = fleet.get("/v1/numbers", phone_number=other).json()
    assert (theirs["is_outgoing"], theirs["agent"]) == (False, number["inbound_agent"]["id"])
    assert theirs["stage_outcome"] == "human_disconnected"
    (entry,) = ledger(fleet)["placed"]
    assert (entry["line"], entry["other"], entry["request_id"]) == (line, other, "probe-1")


@pytest.mark.parametrize("how", ["wrong_agent", "no_answer", "reset_after", "unassigned"])
def test_what_can_become_of_a_placed_call(fleet, how):
    fleet.control("config", {"call_seconds": [0, 0]})
    line, other = lines(fleet)
    right = fleet.get("/v1/numbers", phone_number=other).json()["inbound_agent"]["id"]
    if how == "unassigned":
        fleet.control(f"numbers?phone_number={other.replace('+', '%2B')}", {"inbound_agent": None}, "PATCH")
    else:
        fleet.fault(how, path="/v1/calls/create")
    if how == "reset_after":
        with pytest.raises(OSError, match="reset"):
            place(fleet, line, other)
    else:
        assert place(fleet, line, other).status_code == 201
    (theirs,) = (call for call in pages(fleet) if not call["is_outgoing"])
    answered = theirs["stage_outcome"] == "human_disconnected"
    assert (answered, theirs.get("agent") == right) == {
        "wrong_agent": (True, False),
        "no_answer": (False, False),
        "reset_after": (True, True),
        "unassigned": (False, False),
    }[how]
    assert len(ledger(fleet)["placed"]) == 1


def test_calls_that_cannot_be_placed_are_refused(fleet):
    line, other = lines(fleet)
    empty = fleet.call("POST", "/v1/calls/create", json={})
    assert (empty.status_code, "to_number should not be empty" in empty.json()["message"]) == (400, True)
    for fields, status in (
        ({"agent": "Nobody"}, 404),
        ({"agent": 5}, 400),
        ({"to_number": "911"}, 400),
        ({"context": "none"}, 400),
        ({"from_number": "+14155550100"}, 404),
    ):
        assert place(fleet, line, other, **fields).status_code == status, fields
    assert ledger(fleet)["total"] == 0


def test_calls_are_looked_up_with_their_secrets(fleet):
    fleet.control("calls", {"calls": [{"number": fleet.owned()[0], "agent": next_agent(fleet)}]})
    (listed,) = pages(fleet)
    call = fleet.get("/v1/calls", id=listed["id"]).json()
    assert "CANARY" in call["transcript"]
    assert "CANARY" in call["agent"]["prompt"]["content"]
    assert "CANARY" in str(listed["telephony_account_connection"]["credentials"])
    assert call["from_number"][5:10] == "55501"
    assert fleet.get("/v1/calls").status_code == 400
    assert fleet.get("/v1/calls", id="nobody").status_code == 404
    for bad in ({"size": 0}, {"sort_column": "agent"}, {"filters": "{"}, {"sort_desc": "maybe"}):
        assert fleet.get("/v1/calls/list", **bad).status_code == 400
    assert fleet.get("/v1/calls/list", filters="").status_code == 200


def next_agent(sandbox) -> str:
    return sandbox.get("/v1/agents/list").json()["items"][0]["id"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"count": -1},
        {"count": 5, "late": 2},
        {"count": 5, "speed": 2},
        {"calls": [{"number": "x"}]},
        {"calls": [{"number": "+14155550100", "outcome": "fine"}]},
        {"calls": [{"number": "+14155550100", "agent": "nobody"}]},
        {"calls": [5]},
    ],
)
def test_traffic_that_makes_no_sense_is_refused(fleet, body):
    assert fleet.call("POST", "/_sandbox/calls", json=body).status_code == 400
    assert ledger(fleet)["total"] == 0
