"""PostgreSQL, or the way to it, says nothing any more: no error, no end, no answer."""

import contextlib
import threading
import time

import pytest

from tests.faults.hands import Hands, Trouble
from tests.faults.silence import Silence
from tests.faults.test_provider import bought_once
from tests.faults.webs import Buyer, Webs

WITHIN = 30  # seconds until all goes on


@pytest.fixture
def silence(cluster):
    silence = Silence(cluster.port)
    yield silence
    silence.close()


@pytest.fixture
def arena(make_arena, cluster, silence):
    """What is started from now on reaches its database by way of `silence`."""
    arena = make_arena("postgres", LEASE_SECONDS=30)
    arena.stack.env["DATABASE_URL"] = arena.books.url.replace(f":{cluster.port}/", f":{silence.port}/")
    yield arena
    arena.close()


def test_workers_and_webs_whose_sessions_go_silent_go_on(arena, silence):
    """Everything that they have asked for is never answered."""
    arena.start_worker()
    buyer = Buyer(arena, Webs(arena, 1), seed=1)
    bought_once(arena, arena.place()[0])
    buyer.ask("GET", "/orders/new/")
    silence.fall()
    fell = time.monotonic()
    [line_id] = arena.place()
    buyer.ask("GET", "/orders/new/")
    line = bought_once(arena, line_id, WITHIN)
    assert len(arena.posts(line["e164"])) == 1
    assert time.monotonic() < fell + WITHIN, arena.tail()
    assert arena.workers[0].poll() is None


def test_a_dead_machine_that_holds_the_gate_stops_nobody_for_long(arena, silence):
    """Its session is ended by the server. Whoever waits for the gate meanwhile is told after ten seconds."""
    dead = Hands(arena.stack)
    holding = threading.Thread(target=hold, args=[dead], daemon=True)
    holding.start()
    waiting = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'"
    arena.until(lambda: arena.books.rows(waiting))
    silence.fall()
    began = time.monotonic()
    with pytest.raises(Trouble, match="lock timeout"):
        arena.place()
    assert 8 < time.monotonic() - began < 15
    arena.place()
    assert time.monotonic() - began < WITHIN
    dead.process.kill()
    dead.close()


def hold(hands: Hands) -> None:
    with contextlib.suppress(AssertionError, Trouble):  # it is killed, or its session is ended
        hands.hold_gate(seconds=60)
