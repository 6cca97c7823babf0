"""Faults 46 to 49: whose number it is, with others on the account, another line's answer, a wrong token."""

import time

import pytest

from tests.faults.hands import Trouble
from tests.faults.test_provider import bought_once, fault

pytestmark = pytest.mark.either

LINES = 20  # of each dashboard


def test_46_two_dashboards_on_one_account(engine, make_arena):
    """Each line that is bought was charged for itself, in whichever of the two databases it is."""
    one = make_arena(engine, REFUSAL_WINDOW=3, GATE_IN_FLIGHT=4)
    two = make_arena(engine, REFUSAL_WINDOW=3, GATE_IN_FLIGHT=4, FLUENTS_API_URL=one.sandbox.url)
    try:
        one.config(stock_per_area_code=60, lookup_lag=1.0, latency_ms=[50, 150])
        placed = [(arena, arena.place(LINES)) for arena in (one, two)]
        for arena, _ in placed:
            arena.start_worker()
        keys, bought = set(), 0
        for arena, ids in placed:
            for line in arena.settled(ids, 180):
                mine = {attempt["key"] for attempt in arena.books.attempts(line["id"])}
                charged = [c["number"] for c in one.sandbox.charges() if c["request_id"] in mine]
                keys |= mine
                if line["state"] == "bought":
                    bought += 1
                    assert charged == [line["e164"]], arena.story(line["id"])
                else:
                    assert line["state"] == "review", arena.story(line["id"])
                    assert not charged, arena.story(line["id"])
                    assert "isn't available" in line["reason"]
        charges = one.sandbox.charges()
        assert {charge["request_id"] for charge in charges} <= keys
        assert len(charges) == bought >= LINES
    finally:
        one.close()
        two.close()


def test_47_a_cached_answer(arena):
    """The number of another line is never a second line's: a person decides what came of the second."""
    arena.config(disabled_paths=["/v1/numbers/available"], lookup_lag=2.0)
    [first_id] = arena.place()
    [first] = arena.settled([first_id])
    fault(arena, "cached")
    [second_id] = arena.place()
    [second] = arena.settled([second_id])
    assert (first["state"], second["state"]) == ("bought", "review"), arena.story(second_id)
    assert f"belongs to line 1 of order {first['order_id']}" in second["reason"]
    assert len(arena.charges_of(first_id)) == 1
    assert not arena.charges_of(second_id)


def paused_by(arena) -> str:
    gate = arena.books.gate()
    return gate["pause_reason"] if gate["paused"] else ""


def test_48_a_token_of_another_account(fresh):
    """Nothing is bought there, what was sent is not taken for absent, and nothing comes onto the books."""
    arena = fresh
    arena.sandbox.control("numbers", {"area_code": "303"})
    arena.stack.manage("sync")
    ours = arena.books.sync_state()["user_id"]
    arena.config(lookup_lag=30.0)
    fault(arena, "reset_after")
    [sent] = arena.place()
    arena.drive(sent)
    assert arena.books.line(sent)["state"] == "unknown"
    arena.hands.belong_to(user_id="account-2")
    [waiting] = arena.place()
    arena.start_worker()
    arena.until(lambda: paused_by(arena))
    arena.sandbox.control("numbers", {"area_code": "206"})
    assert arena.stack.manage("sync", check=False).returncode == 1
    time.sleep(2 * arena.window)
    assert paused_by(arena).startswith(
        "Our records belong to account account-2, but the settings point to account "
    )
    assert arena.books.line(sent)["state"] == "unknown", arena.story(sent)
    assert not any(look["complete"] for look in arena.books.looks(sent))
    assert (arena.books.line(waiting)["state"], len(arena.posts())) == ("planned", 1)
    assert len(arena.books.numbers()) == 1
    arena.config(lookup_lag=0.0)
    arena.hands.belong_to(user_id=ours)
    arena.stack.manage("sync")
    arena.hands.open_gate()
    for line_id in (sent, waiting):
        bought_once(arena, line_id)
    assert len(arena.posts()) == 2


def test_49_suspiciously_many_numbers_are_gone(fresh):
    """Nothing is marked and nothing is bought until a person has said that it is right."""
    arena = fresh
    arena.sandbox.control("reset", {"numbers": 30})
    arena.calm()
    arena.stack.manage("sync")
    for e164 in arena.sandbox.owned()[:11]:
        arena.sandbox.call("DELETE", "/_sandbox/numbers", params={"phone_number": e164})
    done = arena.stack.manage("sync", check=False)
    said = "Fluents lists 11 of our 30 numbers as gone. Nothing was changed."
    assert (done.returncode, said in done.stderr, paused_by(arena)) == (1, True, said)
    assert {number["status"] for number in arena.books.numbers().values()} == {"active"}
    arena.start_worker()
    [line_id] = arena.place()
    arena.until(lambda: said in arena.books.line(line_id)["reason"])
    with pytest.raises(Trouble, match="NotOpened"):
        arena.hands.open_gate()
    arena.stack.manage("sync", "--accept", "--reason", "We gave them up.")
    assert sum(number["status"] == "gone" for number in arena.books.numbers().values()) == 11
    assert not arena.posts()
    arena.hands.open_gate()
    bought_once(arena, line_id)
