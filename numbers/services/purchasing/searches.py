"""One search for all lines of an area that are under way at the same time in this process.

What a search found is used up, a number for each line, and forgotten after KEEP_SECONDS or with the last
of these lines: whatever is for sale now may be sold in a moment.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from numbers.services.fluents_client import release

KEEP_SECONDS = 10.0
Key = tuple[str, ...]


@dataclass(slots=True)
class Search:
    """What was found for one area, for the lines that share it."""

    lock: Lock = field(default_factory=Lock)
    lines: int = 0
    offers: list[str] = field(default_factory=list)
    kept_until: float = 0.0


class Searches:
    def __init__(self) -> None:
        self._lock = Lock()
        self._searches: dict[Key, Search] = {}

    @contextmanager
    def shared(self, key: Key) -> Iterator[Search]:
        """The search of this area; the first line begins it, the last one forgets it."""
        with self._lock:
            search = self._searches.setdefault(key, Search())
            search.lines += 1
        try:
            yield search
        finally:
            with self._lock:
                search.lines -= 1
                if not search.lines:
                    del self._searches[key]

    def offers(self, key: Key, ask: Callable[[], list[str]]) -> Iterator[str]:
        """Numbers for one line, each given to no other: what is there already, then those of one search.

        `ask` searches. Raises what `ask` raises.
        """
        asked = False
        with self.shared(key) as search:
            while True:
                with alone(search.lock):
                    if not search.offers or time.monotonic() > search.kept_until:
                        if asked:
                            return
                        asked = True
                        search.offers = ask()
                        search.kept_until = time.monotonic() + KEEP_SECONDS
                    if not search.offers:
                        return
                    offer = search.offers.pop()
                yield offer


@contextmanager
def alone(lock: Lock) -> Iterator[None]:
    """Hold `lock`. Waiting, which may take as long as a search, keeps no database connection."""
    if not lock.acquire(blocking=False):
        release()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
