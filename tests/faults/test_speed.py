"""Buying at the speed that the gate allows, with an API that takes its time; and in whose turn."""

import os
import re
from pathlib import Path

import pytest

from tests.faults.arena import Arena, children

pytestmark = [pytest.mark.storm, pytest.mark.xdist_group("storms")]  # timed: never beside a storm
SLOW = {"LEASE_SECONDS": 90, "FLUENTS_READ_TIMEOUT": 45, "FLUENTS_CONNECT_TIMEOUT": 3}
BY_DEFAULT = {"GATE_RATE": 1, "GATE_IN_FLIGHT": 4}
MEGABYTE = 1024
ALL = os.environ.get("FAULTS") == "all"
PACE = [("postgres", 20, 30), *([("sqlite", 100, 115)] if ALL else [])]
LINES = 20 if ALL else 8  # one a second


@pytest.fixture
def slow(make_arena):
    """A maker of arenas with a worker of two processes and an API that takes SECONDS a call."""
    arenas: list[Arena] = []

    def make(engine: str, *, seconds: float, in_flight: int | None = None, **settings) -> Arena:
        arena = make_arena(engine, **SLOW, **settings)
        arenas.append(arena)
        arena.processes = 2
        arena.start_worker(in_flight=in_flight or 2 * settings["GATE_IN_FLIGHT"])
        arena.until(lambda: len(arena.processes_at_work()) == 2)
        looked = "SELECT looked_at FROM numbers_syncstate"  # as it is before the first purchase
        arena.until(lambda: arena.books.rows(looked)[0]["looked_at"])
        arena.config(latency_ms=[int(1000 * seconds)] * 2, stock_per_area_code=2000)
        return arena

    yield make
    for arena in arenas:
        arena.close()


def seconds_of(arena: Arena, ids: list[int], *, most: float) -> float:
    """From the order to the last of these lines, all of them bought."""
    lines = arena.settled(ids, most + 30)
    assert {line["state"] for line in lines} == {"bought"}
    took = max(line["settled_at"] for line in lines) - min(line["created_at"] for line in lines)
    return took.total_seconds()


def in_time(arena: Arena, count: int, *, most: float) -> bool:
    """Whether so many lines are bought within `most` seconds; a machine that was busy has two goes."""
    return any(seconds_of(arena, arena.place(count), most=most) <= most for _ in range(2))


@pytest.mark.parametrize(("engine", "count", "most"), PACE)
def test_with_two_seconds_a_call_the_gate_keeps_its_pace(slow, engine, count, most):
    arena = slow(engine, seconds=2, **BY_DEFAULT)
    assert in_time(arena, count, most=most)


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_fifty_in_flight_take_two_rounds_for_a_hundred_lines(slow, engine):
    arena = slow(engine, seconds=2, GATE_RATE=0, GATE_IN_FLIGHT=50)
    search, look_up, purchase = 2, 2, 2
    most = 1.3 * (search + 2 * (look_up + purchase))
    ids = arena.place(100)
    arena.until(lambda: len(arena.books.rows("SELECT id FROM numbers_line WHERE state = 'sending'")) > 25)
    size = sum(megabytes(pid) for worker in arena.workers for pid in [worker.pid, *children(worker.pid)])
    assert seconds_of(arena, ids, most=most) <= most
    assert size <= 150, size


def megabytes(pid: int) -> float:
    """What a process costs: its own memory, and its share of what it shares."""
    return int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1]) / MEGABYTE


def test_lines_of_others_that_were_cancelled_take_no_turns(slow):
    arena = slow("sqlite", seconds=0.5, **BY_DEFAULT)
    arena.hands.pause(reason="so that they are cancelled before they begin")
    for line_id in arena.place(300, by="somebody else", area_code="646"):
        arena.hands.cancel(line_id=line_id)
    arena.hands.open_gate()
    assert in_time(arena, LINES, most=LINES + 2)


def test_people_take_turns_however_much_somebody_else_has_ordered(slow):
    arena = slow("sqlite", seconds=0.5, **BY_DEFAULT)
    arena.place(300, by="somebody else", area_code="646")
    arena.until(lambda: len(arena.posts()) > 3)
    assert in_time(arena, LINES, most=2 * LINES + 4)
