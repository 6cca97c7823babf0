"""Fault 50: looking up takes long, as there are many numbers, many lines, or a slow API."""

import os
from datetime import timedelta

import pytest

from tests.faults.test_provider import bought_once, fault
from tests.support.stack import wait_until

PAGES, LINES = 9, 300 if os.environ.get("FAULTS") == "all" else 100
SECONDS = 0.5  # a page: the whole list takes longer than a lease


@pytest.fixture
def many_numbers(make_arena, engine):
    arena = make_arena(engine, SETTLE_WINDOW=8)
    arena.sandbox.control("reset", {"numbers": 100 * PAGES - 50, "areas": {"206": 1}})
    arena.calm()
    yield arena
    arena.close()


def pages_read(arena, page: int) -> int:
    asked = arena.sandbox.requests(path="/v1/numbers/list")
    return sum(entry["query"].get("page") == str(page) for entry in asked)


@pytest.mark.either
def test_50_hundreds_of_lines_share_what_is_read_of_a_list_that_outlasts_their_leases(many_numbers):
    """Each needs three complete looks. Meanwhile lines that are still to be bought do not wait for them."""
    arena = many_numbers
    arena.start_worker()
    bought_once(arena, arena.place()[0])
    arena.config(latency_ms=[int(1000 * SECONDS)] * 2)
    before = pages_read(arena, PAGES)
    ids = arena.hands.never_answered(count=LINES, connection=arena.connection)
    bought_once(arena, arena.place()[0], 20)
    assert {line["state"] for line in arena.books.lines(*ids)} == {"unknown"}
    for line in arena.settled(ids, 120):
        assert (line["state"], line["reason"][:12]) == ("review", "Sent 3 times"), arena.story(line["id"])
        looks = [look["at"] for look in arena.books.looks(line["id"]) if look["complete"]]
        assert len(looks) >= 3
        assert looks[-1] - line["sent_at"] >= timedelta(seconds=arena.window)
        assert len(set(looks)) == len(looks)  # each of them another reading
    assert 3 <= pages_read(arena, PAGES) - before <= 30  # and not one for each look of each line
    assert "has moved on" not in arena.stack.logs()


@pytest.mark.either
def test_50_a_list_that_outlasts_a_lease_is_read_to_its_end_for_a_line_by_area_code(many_numbers):
    """Twice before the purchase, and twice for each look after it."""
    arena = many_numbers
    arena.config(disabled_paths=["/v1/numbers/available"], latency_ms=[int(1000 * SECONDS)] * 2)
    fault(arena, "reset_after")
    [line_id] = arena.place()
    assert arena.drive(line_id) == 0
    assert arena.books.line(line_id)["state"] == "unknown", arena.story(line_id)
    arena.start_worker()
    bought_once(arena, line_id, 60)
    assert len(arena.posts()) == 1
    assert "has moved on" not in arena.stack.logs()


@pytest.mark.either
def test_50_a_worker_that_is_asked_to_end_does_not_wait_for_the_rest_of_a_list(many_numbers):
    arena = many_numbers
    arena.start_worker()
    bought_once(arena, arena.place()[0])  # after its own look at Fluents
    before = pages_read(arena, 2)
    arena.config(latency_ms=[int(1000 * SECONDS)] * 2)
    [line_id] = arena.hands.never_answered(count=1, connection=arena.connection)
    wait_until(lambda: pages_read(arena, 2) > before)
    arena.workers[0].terminate()
    assert arena.workers[0].wait(3) == 0
    assert arena.books.line(line_id)["lease_until"] is None
    [look] = arena.books.looks(line_id)
    assert (look["complete"], "asked to end" in look["detail"]) == (False, True)
