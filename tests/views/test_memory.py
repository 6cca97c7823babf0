"""What pages leave behind in a process: the same, however many other things people look for."""

import gc
import tracemalloc
from itertools import count

import pytest
from django.db import connection

from tests.bench.soak import PAGES
from tests.views.upkeep import differing, numbers

pytestmark = pytest.mark.django_db
SOUGHT = [page for page in PAGES if "{n}" in page]
ROUNDS, LEFT = 12, 150_000  # bytes: a piece of a page kept for each round would be nearly twice as much


def test_searches_for_other_things_leave_nothing_behind(staff):
    numbers(60, start=100)
    differing(3)
    sought = count(100)

    def look(rounds: int) -> int:
        """Bytes of Python's that are left after so many rounds of these pages."""
        for n, _ in zip(sought, range(rounds), strict=False):
            for page in SOUGHT:
                assert staff.get(page.format(n=n)).status_code == 200, page
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        settled = look(ROUNDS)
        assert look(ROUNDS) - settled < LEFT
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps its pages itself")
def test_each_connection_keeps_few_pages_of_a_database_that_grows():
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA cache_size").fetchone() == (-512,)
