"""Arenas for the tests: one an engine, as new for each test, where the test needs none of its own."""

import os
import warnings
from pathlib import Path

import pytest

from tests.faults.arena import QUIET, Arena
from tests.faults.postgres import Cluster, Unavailable

SMALL = {
    "LEASE_SECONDS": 4,
    "SETTLE_WINDOW": 2,
    "REFUSAL_WINDOW": 1,
    "FLUENTS_READ_TIMEOUT": 1.5,
    "FLUENTS_CONNECT_TIMEOUT": 1,
    "GATE_RATE": 0,
}
HERE = Path(__file__).parent
ENGINES = ("sqlite", "postgres")


def pytest_collection_modifyitems(config, items):
    """All of these take their time. Where the database hardly matters, tests take turns on the two of them;
    FAULTS=all runs each on both."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("storm")
    if os.environ.get("FAULTS") == "all":
        return
    seen: dict[str, int] = {}
    kept, left_out = [], []
    for item in items:
        engine = getattr(item, "callspec", None) and item.callspec.params.get("engine")
        if not engine or not item.get_closest_marker("either"):
            kept.append(item)
            continue
        turn = seen.setdefault(item.nodeid.replace(engine, ""), len(seen))
        (kept if ENGINES[turn % 2] == engine else left_out).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left_out)


@pytest.fixture(scope="session")
def cluster():
    """PostgreSQL, or a loud skip. In CI there is no excuse."""
    try:
        cluster = Cluster()
    except Unavailable as error:
        if os.environ.get("CI"):
            raise
        warnings.warn(f"NOT TESTED WITH POSTGRESQL: {error}", UserWarning, stacklevel=1)
        pytest.skip(f"NOT TESTED WITH POSTGRESQL: {error}")
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def make_arena(request, tmp_path_factory):
    """A maker of arenas; NAME is their folder and database."""
    count = iter(range(1000))

    def make(engine: str, **settings) -> Arena:
        name = f"arena_{os.getpid()}_{next(count)}"
        url = request.getfixturevalue("cluster").database_url(name) if engine == "postgres" else ""
        return Arena(tmp_path_factory.mktemp(name), database_url=url, **{**SMALL, **settings})

    return make


@pytest.fixture(scope="session")
def standing(make_arena):
    """The arenas that tests share, with a worker each, by engine."""
    arenas: dict[str, Arena] = {}
    yield arenas
    for arena in arenas.values():
        arena.close()


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture
def arena(engine, standing, make_arena):
    """A running product on which nothing is open and nothing is wrong."""
    arena = standing.get(engine)
    if arena and not healthy(arena):
        arena.close()
        arena = None
    if arena is None:
        arena = standing[engine] = make_arena(engine)
        arena.start_worker()
    arena.calm()
    return arena


def healthy(arena: Arena) -> bool:
    gate = arena.books.gate()
    running = arena.workers and all(worker.poll() is None for worker in arena.workers)
    calm = all(line["state"] in QUIET for line in arena.books.lines())
    return bool(running and calm and not gate["paused"] and gate["breaker"] == "closed")


@pytest.fixture
def fresh(engine, make_arena):
    """An arena of the test's own; no worker runs yet."""
    arena = make_arena(engine)
    yield arena
    arena.close()
