"""Webs of several children each, as they are deployed, on a PostgreSQL that comes and goes."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.webs import Buyer, Webs, answers
from tests.support.stack import wait_until

WITHIN = 30  # seconds until all pages are there again


@pytest.fixture
def arena(make_arena):
    arena = make_arena("postgres", WEB_CONCURRENCY=2)
    yield arena
    arena.close()


def test_children_share_nothing_but_the_port(arena):
    """Two that spoke through one connection would read each other's answers."""
    [web] = Webs(arena, 1).all
    wait_until(lambda: len(web.serving) == 2)
    one, other = (sockets_of(pid) for pid in web.serving)
    assert len(one & other) == 1
    assert one & other <= sockets_of(web.process.pid)


def test_pages_are_there_again_once_the_database_is(arena, cluster):
    webs = Webs(arena, 1)
    buyer = Buyer(arena, webs, seed=1)
    buyer.ask("GET", "/orders/new/")
    cluster.restart_immediate()
    back = time.monotonic()
    with ThreadPoolExecutor(16) as people:  # as many as both children have threads
        pages = list(people.map(lambda _: buyer.ask("GET", "/orders/new/"), range(32)))
    assert all('id="purchase-form"' in page for page in pages)
    assert time.monotonic() < back + WITHIN


def test_a_web_starts_while_the_database_is_away(arena, cluster):
    webs = Webs(arena, 1)
    buyer = Buyer(arena, webs, seed=2)
    webs.all[0].process.terminate()
    webs.all[0].process.wait()
    cluster.stop_immediate()
    try:
        webs.keep()
        wait_until(lambda: answers(webs.all[0].url))
    finally:
        cluster.start()
    assert 'id="purchase-form"' in buyer.ask("GET", "/orders/new/")


def sockets_of(pid: int) -> set[str]:
    """Those that a process holds, by what the kernel calls them."""
    names = [str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()]
    return {name for name in names if name.startswith("socket:")}
