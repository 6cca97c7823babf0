"""In whose turn lines pass the gate: people take turns, however much each of them has ordered.

A line has no turn of its own. Who is served next is decided when the gate lets a line through, so
lines that were cancelled, have failed or are paused take none.
"""

import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from itertools import count
from threading import Condition

from numbers.models import Line
from numbers.services.fluents_client import release
from numbers.services.turns import Turns

Person = Hashable


def person_of(line: Line) -> Person:
    """Whose line it is: an account, or what a command names."""
    return line.order.requested_by_id, line.order.requested_by_name


class Queue:
    """Lines of this process in front of the gate: one at a time tries to pass."""

    def __init__(self) -> None:
        self._turns, self._changed = Turns(), Condition()
        self._number = count(1)
        self._waiting: list[tuple[Person, int]] = []
        self._trying = self._busy = self._closed = False
        self._open_at = 0.0  # by the monotonic clock

    @contextmanager
    def place_for(self, person: Person) -> Iterator["Place"]:
        """A place in the queue, until the line has passed or given up."""
        place = Place(self, (person, next(self._number)))
        with self._changed:
            self._waiting.append(place.ticket)
        try:
            yield place
        finally:
            with self._changed:
                self._waiting.remove(place.ticket)
                self._trying = self._trying and not place.trying
                if not self._waiting:
                    self._open_at = 0.0  # the next one asks for itself
                self._changed.notify_all()

    def wait(self, ticket: tuple[Person, int], seconds: float) -> bool:
        """Until it is the turn of `ticket`; False where that takes longer than `seconds`."""
        end = time.monotonic() + seconds
        with self._changed:
            while True:
                now = time.monotonic()
                mine = not self._trying and self._next() == ticket
                if mine and now >= self._open_at:
                    self._trying = True
                    return True
                if now >= end or self._closed:
                    return False
                until = min(end, self._open_at) if mine else end
                self._changed.wait(max(0.001, until - now))

    def end(self) -> None:
        """Nobody waits any more: this process ends."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self) -> tuple[Person, int]:
        return min(self._waiting, key=lambda ticket: (self._turns.last(ticket[0]), ticket[1]))

    def passed(self, person: Person) -> None:
        self._turns.served(person)

    def closed(self, seconds: float, *, busy: bool) -> None:
        """Nobody can pass for `seconds`; then the next one tries again."""
        with self._changed:
            self._trying, self._busy, self._open_at = False, busy, time.monotonic() + seconds
            self._changed.notify_all()

    def opened(self) -> None:
        """A purchase has ended: somebody may pass, if nothing but that was in the way."""
        with self._changed:
            if self._busy:
                self._busy, self._open_at = False, 0.0
                self._changed.notify_all()


class Place:
    """One line's place in a queue."""

    def __init__(self, queue: Queue, ticket: tuple[Person, int]) -> None:
        self.queue, self.ticket, self.trying = queue, ticket, False

    def come(self, seconds: float) -> bool:
        """Wait until it is this line's turn to try; False where that takes longer than `seconds`.

        Who has to wait keeps no database connection.
        """
        self.trying = self.queue.wait(self.ticket, 0)
        if not self.trying and seconds > 0:
            release()
            self.trying = self.queue.wait(self.ticket, seconds)
        return self.trying

    def passed(self) -> None:
        self.queue.passed(self.ticket[0])

    def closed(self, seconds: float, *, busy: bool) -> None:
        """The gate lets nobody through for `seconds`, or until a purchase has ended where it is `busy`."""
        self.trying = False
        self.queue.closed(seconds, busy=busy)
