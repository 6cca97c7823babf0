"""Work that runs without a request: leases that ran out, ends that are told, seals, beats, what is due.

Every worker process does all of it; whatever two of them do at once is done once.
"""

import logging
import time
from threading import Event, Lock, Thread

from django.conf import settings
from django.db import DatabaseError, connection

from numbers.db import news
from numbers.db.clock import db_now, steady_since
from numbers.db.leases import mend_leases
from numbers.db.wake import hear, stir
from numbers.fluents import FluentsError
from numbers.models import CountedMonth, Figures, Invoice, Reconciliation, SyncRequest

from .audit import seals
from .calls import proof_work as proofs
from .calls import reader as calls
from .calls import row_proofs, sample
from .inventory.sync import look
from .inventory.sync_requests import ask_for_sync
from .monitoring import alarms
from .notifications.notices import orders_ended, tell_ends
from .orders import line_proofs
from .orders.endings import orders_over, record_endings
from .plans import runner as rows
from .purchasing import expiry as lines
from .purchasing.recovery import keep_journal
from .spending import gate, obstacles, registry

log = logging.getLogger(__name__)

QUIET = 5.0  # seconds between two rounds where nothing happens
BUSY = 0.5  # and where something does
TIDY_EVERY = 20
JOURNAL_EVERY = 5
ALARMS_EVERY = 60
SEAL_ALL_EVERY = 3600


class Scheduler:
    """The rounds of one process. `keeper`: it also keeps the send journal of its machine."""

    def __init__(self, *, keeper: bool) -> None:
        self.keeper, self.looking = keeper, Lock()
        self.bell = Event()
        self.tidy_at = self.seal_at = self.journal_at = self.alarms_at = 0.0

    def run(self, ending: Event) -> None:
        """Round after round, until `ending` is set."""
        hear(lambda what: self.bell.set())
        while not ending.is_set():
            self.bell.clear()
            try:
                self.round()
            except Exception as error:  # whatever it is, the next round is as good as this one
                words = "This round of the scheduler was cut short: %s"
                log.warning(
                    words, type(error).__name__, exc_info=not isinstance(error, DatabaseError | OSError)
                )
            finally:
                connection.close()
            if not ending.wait(BUSY):
                self.bell.wait(QUIET - BUSY)

    def round(self) -> int:
        """Everything whose time has come; how much was done."""
        steady_since()  # a jump of the clock is noticed by comparing with a moment before it
        now = time.monotonic()
        done = lines.expire_leases() if lines.expired().exists() else 0
        done += tell_ends() if orders_ended().exists() else 0
        done += record_endings() if orders_over().exists() else 0
        for asked in (line_proofs, row_proofs):
            done += asked.ask_for_calls() if asked.are_due() else 0
        done += seals.seal()
        if now >= self.tidy_at:
            self.tidy_at = now + TIDY_EVERY
            done += rows.finish_all()
            self.mend_times()
            self.sync()
            done += sample.ask_for_sample()
            news.forget()
        if self.keeper and now >= self.journal_at:
            self.journal_at = now + JOURNAL_EVERY
            keep_journal()
            if obstacles.must_look() and self.looking.acquire(blocking=False):
                Thread(target=self.look, name="look", daemon=True).start()
        if now >= self.alarms_at:
            self.alarms_at = now + ALARMS_EVERY
            done += alarms.look()
        if now >= self.seal_at:
            self.seal_at = now + SEAL_ALL_EVERY
            seals.seal_all()
        return done

    def look(self) -> None:
        """Read all numbers at Fluents before the first purchase, beside everything else: it takes long."""
        try:
            held = look()
            log.info("Fluents was looked at before the first purchase; %s numbers hold lines", held)
            stir("lines")
        except (FluentsError, DatabaseError) as error:
            log.warning("Fluents could not be looked at yet: %s", type(error).__name__)
        finally:
            connection.close()
            self.looking.release()

    def sync(self) -> None:
        """Have everything read where the last time is long enough ago."""
        if not (settings.SYNC_SECONDS and settings.FLUENTS_API_TOKEN):
            return
        last = SyncRequest.objects.first()
        if not last or not 0 <= (db_now() - last.asked_at).total_seconds() < settings.SYNC_SECONDS:
            ask_for_sync()

    def mend_times(self) -> None:
        """After a clock was ahead and was set right again: nothing waits longer than it ever has to."""
        if sum([lines.mend_times(), rows.mend_times(), gate.mend_times(), registry.mend_times()]):
            stir()
        for kind in (SyncRequest, Reconciliation, Figures, CountedMonth, Invoice):
            mend_leases(kind.objects.all())
        calls.mend_times()
        proofs.mend_times()
