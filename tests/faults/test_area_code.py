"""Faults 41 to 43: where no exact number can be bought, and where nothing can even be looked up."""

import pytest

from tests.faults.test_provider import bought_once, fault

pytestmark = pytest.mark.either

HANG = 2.5

# name: (fault, state in the end). A purchase that left no trace cannot be proven absent: a person decides.
ANSWERS = {
    "02_reset_before_commit": ("reset_before", "review"),
    "03_reset_after_commit": ("reset_after", "bought"),
    "04_timeout_after_commit": ({"fault": "hang_after", "seconds": HANG}, "bought"),
    "05_commit_after_timeout": (
        {"fault": "late_commit", "answer": "hang", "seconds": HANG, "delay": 1.3},
        "bought",
    ),
    "06_commit_after_the_window": ({"fault": "late_commit", "answer": "reset", "delay": 5}, "review"),
    "07_500_nothing_done": ("error_before", "review"),
    "08_502_html_done": ({"fault": "error_after", "status": 502, "body": "html"}, "bought"),
    "09_slow_down": ({"fault": "rate_limited", "retry_after": "1"}, "bought"),
    "11_cut_json": ("truncated", "bought"),
    "13_empty": ("empty", "bought"),
    "14_taken": ("taken", "review"),
}


@pytest.fixture
def area(arena):
    arena.config(disabled_paths=["/v1/numbers/available"])
    return arena


@pytest.mark.parametrize("name", ANSWERS)
def test_41_answer(area, name):
    this, state = ANSWERS[name]
    fault(area, this)
    ids = area.place(2)
    lines = area.settled(ids)
    assert sorted(line["state"] for line in lines) == sorted([state, "bought"]), area.story(ids[0])
    for line in lines:
        charges = [charge["number"] for charge in area.charges_of(line["id"])]
        late = name.startswith("06")
        if line["state"] == "bought":
            assert charges == [line["e164"]], area.story(line["id"])
        else:
            assert len(area.books.attempts(line["id"])) == 1
            assert late or not charges
        assert line["guarantee"] == "snapshot"
    if name.startswith("06"):  # it lands while the line is under review: reconciling finds it
        area.until(lambda: not area.sandbox.control("faults", method="GET")["late_commits_due"])
        charged = {c["number"] for line_id in ids for c in area.charges_of(line_id)}
        booked = {line["e164"] for line in lines}
        assert charged - booked <= {found["phone_number"] for found in area.hands.reconcile()}


def test_41_gateway_replay(area):
    """The gateway buys a second number on its own. Nobody can prevent that; reconciling names it."""
    fault(area, "replay")
    [line_id] = area.place()
    [line] = area.settled([line_id])
    charged = {charge["number"] for charge in area.charges_of(line_id)}
    assert len(charged) == 2
    assert len(area.books.attempts(line_id)) == 1
    unbooked = charged - {line["e164"]}
    assert unbooked <= {found["phone_number"] for found in area.hands.reconcile()}


def test_42_a_purchase_in_the_console_meanwhile(area):
    """Two new numbers in the area: which one is ours cannot be told."""
    fault(area, {"fault": "hang_after", "seconds": HANG})
    [line_id] = area.place(area_code="616")
    area.until(lambda: area.charges_of(line_id))
    area.sandbox.control("numbers", {"area_code": "616", "telephony_account_connection": area.connection})
    [line] = area.settled([line_id])
    assert line["state"] == "review", area.story(line_id)
    assert "Several numbers" in line["reason"]
    assert len(area.books.attempts(line_id)) == 1


def test_42_on_another_connection(area):
    """Then it is no candidate."""
    others = [c["id"] for c in area.sandbox.get("/v1/account_connections/list").json()["items"]]
    fault(area, {"fault": "hang_after", "seconds": HANG})
    [line_id] = area.place(area_code="616")
    area.until(lambda: area.charges_of(line_id))
    area.sandbox.control("numbers", {"area_code": "616", "telephony_account_connection": others[1]})
    bought_once(area, line_id)


BLIND = {
    "reset_before": "review",
    "reset_after": "review",
    "error_before": "review",
    "truncated": "review",
    "taken": "review",
    "rate_limited": "review",
}


@pytest.fixture
def blind(engine, make_arena, standing):
    """A worker remembers for a minute what its API can do, so this one has seen no other."""
    key = f"blind {engine}"
    if key not in standing:
        # Nothing here hangs, and a slow answer would be one more unknown.
        standing[key] = make_arena(engine, FLUENTS_READ_TIMEOUT=20, LEASE_SECONDS=30)
        standing[key].start_worker()
    standing[key].calm()
    standing[key].config(only_buy=True)
    return standing[key]


@pytest.mark.xdist_group("only buy")
@pytest.mark.parametrize("name", BLIND)
def test_only_buy(blind, name):
    """Nothing can be looked up: every unknown goes to a person, and nothing is sent twice."""
    arena = blind
    fault(arena, name)
    ids = arena.place(2)
    lines = arena.settled(ids)
    assert sorted(line["state"] for line in lines) == ["bought", "review"], [arena.story(i) for i in ids]
    for line_id in ids:
        assert len(arena.books.attempts(line_id)) == 1
    bought = next(line["id"] for line in lines if line["state"] == "bought")
    bought_once(arena, bought)
