"""Who kills: real signals to real processes, in an order that follows from the seed."""

import random
import signal
import threading
import time
from collections import Counter

from tests.faults.arena import Arena, children, send_signal
from tests.faults.backups import Backup
from tests.faults.clocks import HOUR
from tests.faults.postgres import Cluster

WEIGHTS = {
    **{"process": 10, "supervisor": 1, "family": 2, "term": 2, "term_all": 1, "freeze": 2},
    "trail": 2,
}
TRAIL = (0.4, 2.2)  # seconds
AHEAD, EACH = (1.0, 6.0), 30.0  # seconds that the clock is ahead; between two such strikes
WEB_WEIGHTS = {"web": 3, "web_family": 2, "web_term": 2}
KILLS = {"process", "supervisor", "family", "web", "web_family"}  # kill -9


class Nemesis(threading.Thread):
    """Strikes about every EVERY seconds until `stop`, at most MOST times; `counts` says what it did."""

    def __init__(
        self,
        arena: Arena,
        *,
        seed: int,
        every: float,
        most: int = 10_000,
        cluster: Cluster | None = None,
        kinds: dict[str, int] | None = None,
    ) -> None:
        super().__init__(daemon=True, name="nemesis")
        self.arena, self.every, self.most, self.cluster = arena, every, most, cluster
        self.random = random.Random(f"nemesis {seed}")
        self.weights = kinds or (
            WEIGHTS
            | ({"database": 1} if cluster else {})
            | (WEB_WEIGHTS if arena.webs else {})
            | ({"clock": 2} if arena.clock else {})
            | ({"silence": 2} if arena.silence else {})
        )
        self.back_at = self.rested_at = 0.0  # of the clock; of strikes that everything needs a while after
        self.counts: Counter[str] = Counter()
        self.frozen: dict[int, float] = {}
        self.ending = threading.Event()
        self.resting = threading.Lock()  # whoever has it is left alone
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.rage()
        except Exception as error:
            self.error = error
        finally:
            self.thaw(all_of_them=True)

    def rage(self) -> None:
        strikes, next_at = 0, time.monotonic() + self.pause()
        while not self.ending.wait(0.05):
            with self.resting:
                self.thaw()
                self.keep_workers()
                if time.monotonic() >= next_at and strikes < self.most:
                    strikes += self.strike()
                    next_at = time.monotonic() + self.pause()

    def strike(self) -> bool:
        kind = self.random.choices(list(self.weights), list(self.weights.values()))[0]
        if hit := getattr(self, kind)():
            self.counts[kind] += 1
        return hit

    def restore(self, backup: Backup) -> None:
        """The database as it was, under journals that were left alone."""
        with self.resting:
            workers = len(self.arena.workers)
            self.thaw(all_of_them=True)
            self.arena.stop_workers(signal.SIGKILL)
            backup.restore()
            if self.arena.clock:
                self.arena.clock.set(0)  # as it was in the backup, otherwise
            self.counts["restore"] += 1
            for _ in range(workers):
                self.arena.start_worker()

    def pause(self) -> float:
        return self.random.uniform(0.3, 1.7) * self.every

    def stop(self) -> None:
        """No more strikes; everything that was frozen or ended runs again."""
        self.ending.set()
        self.join(60)
        self.keep_workers()

    @property
    def kills(self) -> int:
        return sum(self.counts[kind] for kind in KILLS)

    def keep_workers(self) -> None:
        """What systemd would do: a supervisor that ended is started again."""
        workers = self.arena.workers
        for worker in [worker for worker in workers if worker.poll() is not None]:
            workers.remove(worker)
            self.arena.start_worker()
        if self.arena.webs:
            self.arena.webs.keep()

    def one_of(self, pids: list[int]) -> int | None:
        pids = sorted(set(pids) - self.frozen.keys())
        return self.random.choice(pids) if pids else None

    def hit(self, pids: list[int], signum: int) -> bool:
        pid = self.one_of(pids)
        return pid is not None and send_signal(pid, signum)

    def process(self) -> bool:
        return self.hit(self.arena.processes_at_work(), signal.SIGKILL)

    def supervisor(self) -> bool:
        """It alone: its children end as soon as they have finished their line."""
        return self.hit([worker.pid for worker in self.arena.workers], signal.SIGKILL)

    def family(self) -> bool:
        return self.whole([worker.pid for worker in self.arena.workers])

    def whole(self, pids: list[int]) -> bool:
        """One of PIDS, and its children with it."""
        pid = self.one_of(pids)
        if pid is None:
            return False
        hit = [send_signal(one, signal.SIGKILL) for one in [pid, *children(pid)]]
        return any(hit)

    def web(self) -> bool:
        """A process that serves, perhaps in the middle of a form."""
        return self.hit([pid for web in self.arena.webs.all for pid in web.serving], signal.SIGKILL)

    def web_family(self) -> bool:
        return self.whole([web.process.pid for web in self.arena.webs.all])

    def web_term(self) -> bool:
        """As a new release does."""
        return self.hit([web.process.pid for web in self.arena.webs.all], signal.SIGTERM)

    def term(self) -> bool:
        return self.hit(self.arena.processes_at_work(), signal.SIGTERM)

    def term_all(self) -> bool:
        return self.hit([worker.pid for worker in self.arena.workers], signal.SIGTERM)

    def freeze(self) -> bool:
        """SIGSTOP until the lease and the window are over: it wakes up believing in a world that is gone."""
        pid = self.one_of(self.arena.processes_at_work())
        if (
            pid is None
            or len(self.frozen) > len(self.arena.workers) - 1
            or not send_signal(pid, signal.SIGSTOP)
        ):
            return False
        self.frozen[pid] = time.monotonic() + self.arena.lease + self.arena.window + 0.5
        return True

    def clock(self) -> bool:
        """An hour ahead, and back after a while."""
        if not self.rested():
            return False
        self.arena.clock.set(HOUR)
        self.back_at = time.monotonic() + self.random.uniform(*AHEAD)
        return True

    def silence(self) -> bool:
        """All that was asked of the database is never answered; who asks anew is."""
        if not self.rested():
            return False
        return self.arena.silence.fall() > 0

    def rested(self) -> bool:
        now = time.monotonic()
        if now < self.rested_at:
            return False
        self.rested_at = now + EACH
        return True

    def thaw(self, *, all_of_them: bool = False) -> None:
        if self.back_at and (all_of_them or time.monotonic() >= self.back_at):
            self.arena.clock.set(0)
            self.back_at = 0.0
        for pid, at in list(self.frozen.items()):
            if all_of_them or time.monotonic() >= at:
                send_signal(pid, signal.SIGCONT)
                del self.frozen[pid]

    def trail(self) -> bool:
        """Reads show purchases later, or sooner, than before."""
        self.arena.config(lookup_lag=self.random.uniform(*TRAIL))
        return True

    def database(self) -> bool:
        self.cluster.restart_immediate()
        return True
