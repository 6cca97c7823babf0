"""The seeded storm: orders, a provider that misbehaves, a nemesis that kills, and the checker at the end."""

import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.faults.arena import QUIET, Arena
from tests.faults.checker import Checker, Verdict
from tests.faults.hands import Hands, Trouble
from tests.faults.nemesis import KILLS, Nemesis
from tests.faults.postgres import Cluster
from tests.faults.webs import Buyer, Webs

HANG = 3.0  # seconds; longer than the read timeout of a storm
LATE_MAX, LAG, SETTLE_WINDOW = 2.0, 1.5, 4.0  # a purchase is seen before its absence can be settled
AREAS = ("415", "646", "312", "206")

# What section 3 marks, by its numbers; more weight by being named more often.
KINDS: list = [
    "reset_before",  # 2
    "reset_after",  # 3
    {"fault": "hang_after", "seconds": HANG},  # 4
    {"fault": "hang_before", "seconds": HANG},
    {"fault": "late_commit", "answer": "reset"},  # 5
    {"fault": "late_commit", "answer": "hang", "seconds": HANG},
    {"fault": "late_commit", "answer": "500"},
    "error_before",  # 7
    {"fault": "error_after", "status": 502, "body": "html"},  # 8
    {"fault": "rate_limited", "retry_after": "1"},  # 9
    "truncated",  # 11
    "empty",  # 13
    "wrong_type",
    "redirect",
    "taken",  # 14
    "replay",  # 15
]
MODES = {
    "exact": {},
    "area": {"disabled_paths": ["/v1/numbers/available"]},
    "blind": {"only_buy": True},
}


@dataclass(frozen=True, kw_only=True)
class Storm:
    seed: int = 1
    engine: str = "sqlite"
    mode: str = "exact"
    rule: str = "conflict"
    lines: int = 30
    workers: int = 2
    processes: int = 2
    webs: int = 0  # orders come in through these, and they are killed as well
    share: float = 0.35
    every: float = 1.5  # seconds between two strikes of the nemesis
    most: int = 10_000  # strikes
    kinds: dict[str, int] | None = None
    limit: float = 240.0  # seconds
    spread: float = 3.0  # seconds over which orders are placed
    person: bool = False  # somebody decides about lines under review

    @property
    def faults(self) -> list:
        """A gateway that repeats a request makes the provider buy twice where it does not know the number."""
        harmless = self.mode == "exact" and self.rule != "charge"
        return [kind for kind in KINDS if kind != "replay" or harmless]


@dataclass
class Result:
    storm: Storm
    verdict: Verdict
    kills: Counter = field(default_factory=Counter)
    faults: Counter = field(default_factory=Counter)
    seconds: float = 0.0
    stories: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.verdict.ok

    @property
    def killed(self) -> int:
        """Processes that got a kill -9; a family counts once."""
        return sum(self.kills[kind] for kind in KILLS)

    @property
    def window(self) -> float:
        return SETTLE_WINDOW

    def summary(self) -> str:
        storm, verdict = self.storm, self.verdict
        return (
            f"seed={storm.seed} engine={storm.engine} mode={storm.mode} repeat={storm.rule} "
            f"{f'webs={storm.webs} workers={storm.workers} ' if storm.webs else ''}"
            f"lines={verdict.lines} ({told(verdict.states)}) charges={verdict.charges} "
            f"kills={self.killed} ({told(self.kills)}) faults={self.faults.total()} ({told(self.faults)}) "
            f"seconds={self.seconds:.1f} lost={verdict.lost} twice={verdict.twice}"
            + ("" if self.ok else f" PROBLEMS={len(verdict.problems)}")
        )

    def report(self) -> str:
        return "\n".join([self.summary(), *self.verdict.problems, *self.stories])


def told(counts: Counter) -> str:
    return " ".join(f"{name}={n}" for name, n in sorted(counts.items()))


def run(storm: Storm, folder: Path, cluster: Cluster | None = None) -> Result:
    """One storm from the first order to the verdict. With engine "postgres" a CLUSTER is needed."""
    database_url = cluster.database_url(f"storm_{uuid.uuid4().hex}") if storm.engine == "postgres" else ""
    arena = Arena(
        folder,
        database_url=database_url,
        processes=storm.processes,
        SETTLE_WINDOW=SETTLE_WINDOW,
        LEASE_SECONDS=4,
        FLUENTS_READ_TIMEOUT=1.5,
        FLUENTS_CONNECT_TIMEOUT=1,
        REQUIRE_MFA="off",
    )
    if storm.webs:
        arena.stack.manage("sync", check=False)  # the form asks for a connection that is known
        arena.webs = Webs(arena, storm.webs)
    nemesis = Nemesis(
        arena,
        seed=storm.seed,
        every=storm.every,
        most=storm.most,
        kinds=storm.kinds,
        cluster=cluster if storm.engine == "postgres" else None,
    )
    try:
        return rage(storm, arena, nemesis)
    finally:
        nemesis.ending.set()
        arena.close()


def rage(storm: Storm, arena: Arena, nemesis: Nemesis) -> Result:
    let_loose(storm, arena)
    for _ in range(storm.workers):
        arena.start_worker()
    started = time.monotonic()
    if storm.most:
        nemesis.start()
    placed = place_orders(storm, arena)
    end = started + storm.limit
    while time.monotonic() < end and not at_rest(storm, arena) and not nemesis.error:
        time.sleep(0.2)
    took = time.monotonic() - started
    if storm.most:
        nemesis.stop()
    if nemesis.error:
        raise nemesis.error
    wait_for_late_purchases(arena)
    verdict = Checker(arena, placed=placed, cap=storm.lines).check()
    faults = Counter(entry["fault"] for entry in arena.sandbox.requests() if entry["fault"])
    stories = [arena.story(line_id) for line_id in sorted(verdict.suspects)]
    if not verdict.ok:
        stories.append(arena.tail())
    return Result(storm, verdict, nemesis.counts, faults, took, stories)


def let_loose(storm: Storm, arena: Arena) -> None:
    """Faults by the storm's seed; some searches offer what is sold, and reads lag behind."""
    calm = storm.share == 0
    arena.config(
        storm=None
        if calm
        else {"seed": storm.seed, "share": storm.share, "kinds": storm.faults, "late_max": LATE_MAX},
        lookup_lag=0.0 if calm else LAG,
        repeat_buy=storm.rule,
        **MODES[storm.mode],
    )
    if storm.mode == "exact" and not calm:
        for skip in range(3, storm.lines, 7):
            arena.sandbox.fault("stale_stock", skip=skip)


def place_orders(storm: Storm, arena: Arena) -> dict[str, int]:
    """Orders of different sizes, all the lines of the storm in the end; what was asked for by form token.

    An order whose answer got lost is asked for again with the same form, as a person would.
    """
    rng = random.Random(f"orders {storm.seed}")
    placed: dict[str, int] = {}
    left, buyer = storm.lines, Buyer(arena, arena.webs, storm.seed) if arena.webs else None
    while left:
        quantity = min(left, rng.randint(1, max(1, storm.lines // 5)))
        form_token = f"form-{rng.getrandbits(64):x}"
        area_code = rng.choice(AREAS)
        if buyer:
            form_token = buyer.order(quantity, area_code=area_code)
        else:
            insist(
                lambda q=quantity, f=form_token, a=area_code: arena.place(q, form_token=f, area_code=a), arena
            )
        placed[form_token] = quantity
        left -= quantity
        time.sleep(storm.spread * quantity / storm.lines)
    return placed


def insist(act: Callable, arena: Arena) -> None:
    """Until the database took it: it may be away, or locked by somebody who was stopped."""
    end = time.monotonic() + 90
    while True:
        try:
            act()
            return
        except (Trouble, AssertionError) as trouble:
            gone = arena.hands.process.poll() is not None
            if time.monotonic() > end or (isinstance(trouble, AssertionError) and not gone):
                raise
            if isinstance(trouble, Trouble) and trouble.kind not in ("OperationalError", "InterfaceError"):
                raise
            if gone:
                arena.hands.close()
                arena.hands = Hands(arena.stack)
            time.sleep(0.3)


def at_rest(storm: Storm, arena: Arena) -> bool:
    if storm.person:
        decide(arena)
    rows = arena.books.rows("SELECT DISTINCT state FROM numbers_line")
    return all(row["state"] in QUIET for row in rows)


def decide(arena: Arena) -> None:
    """What the desk would: a line that three faults in a row brought there, and no charge, is tried again."""
    for row in arena.books.rows("SELECT id FROM numbers_line WHERE state = 'review'"):
        if not arena.charges_of(row["id"]):
            arena.hands.was_not_bought(line_id=row["id"])


def wait_for_late_purchases(arena: Arena) -> None:
    """The ledger is final only when nothing is under way any more."""
    arena.config(storm=None)
    end = time.monotonic() + LATE_MAX + HANG + 5
    while time.monotonic() < end and arena.sandbox.control("faults", method="GET")["late_commits_due"]:
        time.sleep(0.1)
    time.sleep(0.2)


def show(result: Result) -> Result:
    """Print the summary, and everything that is known if something is wrong."""
    sys.stdout.write((result.summary() if result.ok else result.report()) + "\n")
    sys.stdout.flush()
    return result


def without_faults(storm: Storm) -> Storm:
    return replace(storm, share=0.0, most=0)
