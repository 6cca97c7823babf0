"""Fault 51: the database's clock jumps an hour ahead, and back."""

import time

import pytest

from tests.faults.clocks import HOUR
from tests.faults.test_provider import bought_once, fault

LAG = 2.0  # seconds by which reads trail; the windows are longer
TIDY = 20  # seconds until times are brought back that are too far off


@pytest.fixture
def arena(make_arena, engine):
    arena = make_arena(engine, jumps=True, SETTLE_WINDOW=4, REFUSAL_WINDOW=3)
    arena.start_worker()
    bought_once(arena, arena.place()[0])
    yield arena
    arena.close()


TOLD = ["reset_after", {"fault": "replay", "status": 404, "message": "Not available"}]


@pytest.mark.parametrize("told", TOLD, ids=["no answer", "refused"])
def test_51_an_hour_that_did_not_pass_settles_nothing(arena, told):
    """Bought, and reads do not show it yet: no clock may say that the window is over."""
    arena.config(lookup_lag=LAG, repeat_buy="charge")
    fault(arena, told)
    [line_id] = arena.place()
    arena.in_state(line_id, "unknown")
    arena.clock.set(HOUR)
    [line] = arena.settled([line_id], 60)
    assert line["state"] == ("bought" if told == "reset_after" else "review"), arena.story(line_id)
    assert len(arena.posts(line["phone_number"])) == len(arena.charges_of(line_id)) == 1
    arena.clock.set(0)


def test_51_what_was_written_in_an_hour_that_did_not_pass_holds_nothing_up(arena):
    """Due times, leases, the pause that Fluents asked for, the start of a worker."""
    arena.clock.set(HOUR)
    arena.stop_workers()
    arena.start_worker()
    fault(arena, {"fault": "rate_limited", "retry_after": "3"}, {"fault": "hang_after", "seconds": 3})
    ids = arena.place(4)
    arena.until(lambda: arena.books.gate()["not_before"])
    arena.clock.set(0)
    began = time.monotonic()
    for line_id in [*ids, *arena.place(2)]:
        bought_once(arena, line_id, 2 * TIDY)
    assert time.monotonic() - began < 2 * TIDY
