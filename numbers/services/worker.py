"""The worker: it claims what is due, and carries each of it out in a thread.

The rows are the queue. Every kind of work is a module with the same few functions (`Work`); what it claims
is leased, so a thread that hangs is fenced by its lease and another worker continues. Purchases, changes and
notices share nothing but the process; work of minutes has threads of its own, so that it never holds up a
purchase.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from threading import Condition, Event, Thread
from typing import Any, Protocol

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from numbers.db.clock import db_now
from numbers.db.leases import LeaseLost
from numbers.db.wake import LOOK_EVERY, hear, watch

from .calls import proof_work as proofs
from .calls import reader as calls
from .costs import invoices, months
from .fluents_client import get_ready
from .inventory import reconciliation, sync_requests
from .monitoring import statistics
from .notifications import delivery
from .plans import builder as plans
from .plans import runner as changes
from .purchasing import unknowns
from .purchasing import worker as lines
from .scheduler import Scheduler

log = logging.getLogger(__name__)

BEAT_EVERY = 1.0  # seconds between two signs of life
SOONEST = 0.01  # seconds between two looks
EASE = 4  # looking may take a fifth of the time
LOOK_UPS, NOTICES = 8, 2  # threads
CLOCK_STEP = timedelta(milliseconds=20)  # by which the database's clock may seem to go back
LIGHT = 4  # kinds of work that are waited for at the end; the others take minutes


class Work[Job](Protocol):
    """One kind of rows that are due. All of it may be called by several processes at once."""

    NAME: str

    def claim(self, *, limit: int) -> Sequence[Job]:
        """Take at most `limit` rows that are due, with a lease."""

    def run(self, job: Job) -> None:
        """Carry out one of them. Raises LeaseLost where somebody else has it by now."""

    def defer(self, job: Job, error: Exception) -> None:
        """Give back what `run` has raised `error` for."""

    def next_due(self, after: datetime, /) -> datetime | None:
        """When there is more to do than there was at `after`; None where nobody knows."""


class Threads:
    """At most size threads for one kind of work, begun when they are needed. size 1 may be inline: none."""

    def __init__(self, name: str, size: int, *, inline: bool = False) -> None:
        self.name, self.size, self.inline = name, size, inline
        self.busy = self.begun = 0
        self._jobs: deque[Callable[[], None]] = deque()
        self._changed = Condition()

    @property
    def room(self) -> int:
        return self.size - self.busy

    def start(self, act: Callable[[], None]) -> None:
        """Run `act`, which raises nothing, in a thread that is free."""
        with self._changed:
            self.busy += 1
            if not self.inline:
                self._jobs.append(act)
                if self.begun < self.busy:
                    self.begun += 1
                    Thread(target=self._serve, name=f"{self.name} {self.begun}", daemon=True).start()
                self._changed.notify()
                return
        try:
            act()
        finally:
            self.busy -= 1

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs)
                act = self._jobs.popleft()
            try:
                act()
            finally:
                with self._changed:
                    self.busy -= 1
                    self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Until nothing runs any more; False where that takes longer than `seconds`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.busy, seconds)


class Desk:
    """One kind of work, with the threads that it has in this process."""

    def __init__(self, work: Work, threads: Threads, done: Callable[[], None]) -> None:
        self.work, self.threads, self.done = work, threads, done
        self.look_at = 0.0  # not before, by the monotonic clock
        self.due_at = 0.0
        self.news = True

    def next_look(self) -> float:
        return self.look_at if self.news else max(self.look_at, self.due_at)

    def look(self) -> int:
        """Claim what there is room for and start it; how much that was."""
        began, self.news = time.monotonic(), False
        as_of = db_now() - CLOCK_STEP  # what becomes due while `claim` looks would be missed by a later one
        jobs = self.work.claim(limit=self.threads.room) if self.threads.room > 0 else ()
        for job in jobs:
            self.threads.start(partial(self.carry_out, job))
        self.due_at = began + self.pause(as_of)
        now = time.monotonic()
        self.look_at = now + max(SOONEST, EASE * (now - began) if not self.threads.inline else 0)
        return len(jobs)

    def pause(self, as_of: datetime) -> float:
        """Seconds until there is more to do than there was `as_of` then, as far as that is known."""
        if self.threads.room <= 0 or not (due := self.work.next_due(as_of)):
            return LOOK_EVERY[connection.vendor]
        return min(max((due - db_now()).total_seconds(), 0.0) + 0.001, LOOK_EVERY[connection.vendor])

    def carry_out(self, job: Any) -> None:
        try:
            self.work.run(job)
        except LeaseLost as lost:
            log.info("%s", lost)
        except Exception as error:
            log.warning("%s: %s", self.work.NAME, type(error).__name__, exc_info=not is_outage(error))
            self.defer(job, error)
        finally:
            if not self.threads.inline:  # else it is the caller's
                connection.close()
            self.news = True
            self.done()

    def defer(self, job: Any, error: Exception) -> None:
        try:
            self.work.defer(job, error)
        except Exception as another:  # its lease runs out
            log.warning("%s: %s", self.work.NAME, type(another).__name__, exc_info=not is_outage(another))


class Worker:
    """All that one process does. `beat` is called about once a second while its loop runs.

    `in_flight` lines are under way at once; 1 runs them without threads. `keeper`: it also keeps the send
    journal of its machine. `alone`: everything runs in the caller's thread, see `until_idle`.
    """

    def __init__(
        self,
        *,
        in_flight: int,
        keeper: bool = False,
        beat: Callable[[], None] = lambda: None,
        alone: bool = False,
    ) -> None:
        self.beat = beat
        self.ending, self.bell, self.asked_to_end = Event(), Event(), False
        self.scheduler = Scheduler(keeper=keeper)
        sizes = [(lines, in_flight), (unknowns, min(in_flight, LOOK_UPS))]
        sizes += [(changes, settings.PLAN_IN_FLIGHT), (delivery, NOTICES)]
        background = (plans, sync_requests, proofs, calls, reconciliation, statistics, months, invoices)
        sizes += [(heavy, 1) for heavy in background]
        self.desks = [
            Desk(work, Threads(work.NAME, 1 if alone else size, inline=alone), self.bell.set)
            for work, size in sizes
        ]
        if in_flight == 1:
            self.desks[0].threads.inline = True

    def run(self) -> None:
        """Work until `end` is called."""
        hear(self.ring)
        for act in (watch, self.scheduler.run):
            Thread(target=act, args=[self.ending], name=act.__qualname__, daemon=True).start()
        Thread(target=get_ready, name="get_ready", daemon=True).start()
        while not (self.asked_to_end or self.ending.is_set()):
            self.beat()
            self.look()
            self.bell.wait(self.pause())
            self.bell.clear()
        self.ending.set()

    def ring(self, what: str = "") -> None:
        """There may be work of this name, or of any. Unknown lines are lines, too."""
        for desk in self.desks:
            desk.news = desk.news or desk.work.NAME.endswith(what)
        self.bell.set()

    def end(self) -> None:
        """Claim nothing any more, from within a second on.

        Touches no lock: a signal handler interrupts the loop wherever it is, also while it holds one.
        """
        self.asked_to_end = True

    def finish(self, seconds: float) -> None:
        """Wait for what is under way, for `seconds` at most; work of minutes is left to its lease."""
        lines.stop()
        end = time.monotonic() + seconds
        for desk in self.desks[:LIGHT]:
            while not desk.threads.wait(BEAT_EVERY) and time.monotonic() < end:
                self.beat()

    def look(self) -> int:
        """One look for work of each kind that may have some; how much was begun."""
        now = time.monotonic()
        ready = [desk for desk in self.desks if now >= desk.next_look()]
        return sum([self.look_at(desk) for desk in ready])

    def look_at(self, desk: Desk) -> int:
        try:
            return desk.look()
        except (OperationalError, InterfaceError) as error:
            log.warning("Waiting for the database: %s", type(error).__name__)
            connection.close()
            desk.look_at, desk.news = time.monotonic() + BEAT_EVERY, True
            return 0

    def pause(self) -> float:
        """Seconds until the next look, unless the bell rings."""
        soonest = min(desk.next_look() for desk in self.desks)
        return max(0.0, min(soonest - time.monotonic(), BEAT_EVERY))

    def until_idle(self, *, rounds: int = 1000) -> None:
        """Do all that is due now. Only of a worker that was made ALONE."""
        for _ in range(rounds):
            done = self.scheduler.round()
            for desk in self.desks:
                desk.look_at, desk.news = 0.0, True
            if not self.look() and not done:
                return
        raise RuntimeError(f"there is still work after {rounds} rounds")


def is_outage(error: Exception) -> bool:
    return isinstance(error, (OperationalError, InterfaceError))


def in_flight_by_default() -> int:
    """As many lines get ready as are sent."""
    return max(8, 2 * settings.GATE_IN_FLIGHT)
