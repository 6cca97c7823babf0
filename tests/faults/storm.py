"""The seeded storm: orders, a provider that misbehaves, a nemesis that kills, and the checker at the end."""

import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from numbers.sandbox import malformed
from tests.faults.arena import QUIET, Arena
from tests.faults.backups import Backup
from tests.faults.checker import Checker, Verdict
from tests.faults.clocks import HOUR, past_noon
from tests.faults.hands import Hands, Trouble
from tests.faults.nemesis import KILLS, Nemesis
from tests.faults.postgres import Cluster
from tests.faults.silence import Silence
from tests.faults.webs import Buyer, Webs

HANG = 3.0  # seconds; longer than the read timeout of a storm
LATE_MAX, LAG, SETTLE_WINDOW = 2.0, 1.5, 4.0  # a purchase is seen before its absence can be settled
REFUSAL_WINDOW = 3.0  # so is one in front of a refusal, however far the nemesis lets reads trail
AREAS = ("415", "646", "312", "206")
ZONES = ("America/Los_Angeles", "America/New_York", "America/Chicago")  # theirs
CALL = "/v1/calls/create"
CALL_FAULTS = ("reset_after", "error_after", "reset_before", "empty", "truncated", "rate_limited")

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
    *({"fault": "malformed", "how": how} for how in malformed.HOWS),
    {"fault": "slow_head", "interval": 0.3},
    "endless",
    {"fault": "number_form", "form": "object"},
    {"fault": "number_form", "form": "national"},
    "redirect",
    {"fault": "redirect", "commit": True, "location": "http://["},
    "taken",  # 14
    "replay",  # 15
    {"fault": "replay", "status": 400, "message": "Quota for this brand is used up"},  # 44
    {"fault": "replay", "status": 401, "message": "Unauthorized"},
    {"fault": "replay", "status": 402, "message": "Balance too low"},
    {"fault": "replay", "status": 403, "message": "Not with this plan"},
    {"fault": "replay", "status": 404, "message": "Phone number is not available"},
    {"fault": "replay", "status": 422, "message": "telephony_provider is not valid"},
    {"fault": "replay", "status": 429, "message": "Too Many Requests"},
    {"fault": "status", "status": 402, "message": "Balance too low"},  # 45
    {"fault": "status", "status": 404, "message": "Phone number is not available"},
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
    wild: bool = False  # the clock jumps, and PostgreSQL goes silent
    calls: float = 0.0  # test calls that are asked for in a second
    restores: int = 0  # times that the database is restored to how it was when all orders were placed

    @property
    def name(self) -> str:
        return f"{self.mode}-{self.engine}{'-restores' if self.restores else ''}"

    @property
    def faults(self) -> list:
        """A gateway that repeats a request makes the provider buy twice where it does not know the number,
        and where nothing can be looked up a refusal is taken at its word."""
        twice = self.mode == "exact" and self.rule != "charge"
        return [
            kind
            for kind in KINDS
            if (kind != "replay" or twice) and (self.mode != "blind" or "status" not in kind)
        ]


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
            f"{f'restores={storm.restores} ' if storm.restores else ''}"
            f"{f'webs={storm.webs} workers={storm.workers} ' if storm.webs else ''}"
            f"lines={verdict.lines} ({told(verdict.states)}) charges={verdict.charges} "
            f"{f'calls={verdict.calls} ' if storm.calls else ''}"
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
        machines=2 if storm.restores else 1,
        SETTLE_WINDOW=SETTLE_WINDOW,
        REFUSAL_WINDOW=REFUSAL_WINDOW,
        LEASE_SECONDS=4,
        FLUENTS_READ_TIMEOUT=1.5,
        FLUENTS_CONNECT_TIMEOUT=1,
        DATABASE_PATIENCE=5,
        REQUIRE_MFA="off",
        PROOF_CALLS_PER_DAY=1000 if storm.calls else 0,
        **(past_noon(folder, ZONES) if storm.calls else {}),
        jumps=storm.wild and not storm.webs,  # people would be logged out
    )
    if storm.wild and cluster and database_url:
        arena.silence = Silence(cluster.port)
        arena.stack.env["DATABASE_URL"] = database_url.replace(f":{cluster.port}/", f":{arena.silence.port}/")
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
        if arena.silence:
            arena.silence.close()


def rage(storm: Storm, arena: Arena, nemesis: Nemesis) -> Result:
    let_loose(storm, arena)
    for _ in range(storm.workers):
        arena.start_worker()
    started = time.monotonic()
    if storm.most:
        nemesis.start()
    with blaming(nemesis):
        placed = place_orders(storm, arena)
    end = started + storm.limit
    tester = Tester(arena, storm)
    if storm.restores:
        restore_again_and_again(storm, arena, nemesis, tester)
    while time.monotonic() < end and not at_rest(storm, arena) and not nemesis.error:
        open_again(arena)
        tester.go_on()
        time.sleep(0.2)
    took = time.monotonic() - started
    if storm.most:
        nemesis.stop()
    if nemesis.error:
        raise nemesis.error
    wait_for_late_purchases(arena)
    verdict = Checker(arena, placed=placed, cap=storm.lines).check()
    audit = arena.stack.manage("audit_verify", check=False)
    if audit.returncode:
        verdict.blame(audit.stderr)
    faults = Counter(entry["fault"] for entry in arena.sandbox.requests() if entry["fault"])
    soon = time.time() + HOUR / 2
    ahead = sum(attempt["sent_at"].timestamp() > soon for attempt in arena.books.attempts())
    faults += Counter(sent_an_hour_ahead=ahead)
    stories = [arena.story(line_id) for line_id in sorted(verdict.suspects)]
    if not verdict.ok:
        stories.append(arena.tail())
    return Result(storm, verdict, nemesis.counts, faults, took, stories)


@contextmanager
def blaming(nemesis: Nemesis) -> Iterator[None]:
    """What a nemesis that failed had ended may still be away: its error comes first."""
    try:
        yield
    except AssertionError:
        if nemesis.error:
            raise nemesis.error from None
        raise


def let_loose(storm: Storm, arena: Arena) -> None:
    """Faults by the storm's seed; some searches offer what is sold, and reads lag behind."""
    calm = storm.share == 0
    arena.config(
        storm=None
        if calm
        else {"seed": storm.seed, "share": storm.share, "kinds": storm.faults, "late_max": LATE_MAX},
        lookup_lag=0.0 if calm else LAG,
        repeat_buy=storm.rule,
        **({"call_seconds": [0, 0]} if storm.calls else {}),
        **MODES[storm.mode],
    )
    for skip, fault in enumerate(CALL_FAULTS if storm.calls and not calm else ()):
        arena.sandbox.control("faults", {"fault": fault, "path": CALL, "skip": 2 * skip})
    if storm.mode == "exact" and not calm:
        for skip in range(3, storm.lines, 7):
            arena.sandbox.fault("stale_stock", skip=skip)


def place_orders(storm: Storm, arena: Arena) -> dict[str, int]:
    """Orders of different sizes, all the lines of the storm in the end; what was asked for by form token.

    An order whose answer got lost is asked for again with the same form, as a person would.
    """
    rng = random.Random(f"orders {storm.seed}")
    placed: dict[str, int] = {}
    answered = {"inbound_agent": arena.agent} if storm.calls else {}
    left, buyer = storm.lines, Buyer(arena, arena.webs, storm.seed) if arena.webs else None
    while left:
        quantity = min(left, rng.randint(1, max(1, storm.lines // 5)))
        form_token = f"form-{rng.getrandbits(64):x}"
        area_code = rng.choice(AREAS)
        if buyer:
            form_token = buyer.order(quantity, area_code=area_code)
        else:
            insist(
                lambda q=quantity, f=form_token, a=area_code: arena.place(
                    q, form_token=f, area_code=a, **answered
                ),
                arena,
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
            gone = arena.hands.process.over()
            if time.monotonic() > end or (isinstance(trouble, AssertionError) and not gone):
                raise
            if isinstance(trouble, Trouble) and trouble.kind in ("CannotDecide", "NotOpened"):
                return  # reads trail behind, or it was decided before the answer got lost
            if isinstance(trouble, Trouble) and trouble.kind not in ("OperationalError", "InterfaceError"):
                raise
            if gone:
                arena.hands.close()
                arena.hands = Hands(arena.stack)
            time.sleep(0.3)


def at_rest(storm: Storm, arena: Arena) -> bool:
    if storm.mode != "blind":  # there lines come to the desk before a late purchase has landed
        decide(arena)
    rows = arena.books.rows("SELECT DISTINCT state FROM numbers_line")
    return all(row["state"] in QUIET for row in rows)


def decide(arena: Arena) -> None:
    """What the desk would, with the invoice in hand: what was charged is bought, and nothing else."""
    for row in arena.books.rows("SELECT id FROM numbers_line WHERE state = 'review'"):
        charged = {charge["number"] for charge in arena.charges_of(row["id"])}
        if not charged:
            insist(partial(arena.hands.was_not_bought, line_id=row["id"]), arena)
        elif len(charged) == 1:
            insist(partial(arena.hands.was_bought, line_id=row["id"], phone_number=charged.pop()), arena)


def restore_again_and_again(storm: Storm, arena: Arena, nemesis: Nemesis, tester: "Tester") -> None:
    """Each time after some purchases more. The orders are in the backup; what was sent is in the journals."""
    with nemesis.resting:
        backup = Backup(arena, nemesis.cluster)
    for n in range(storm.restores):
        wanted = (n + 1) * storm.lines // (storm.restores + 1)
        end = time.monotonic() + storm.limit / (storm.restores + 1)
        while time.monotonic() < end and len(arena.sandbox.charges()) < wanted:
            open_again(arena)
            tester.go_on()
            time.sleep(0.2)
        nemesis.restore(backup)


class Tester:
    """A person who has lines tested now and then, and at times sends the same form twice."""

    def __init__(self, arena: Arena, storm: Storm) -> None:
        self.arena, self.every = arena, 1 / storm.calls if storm.calls else None
        self.random = random.Random(f"tester {storm.seed}")
        self.next_at, self.token = time.monotonic(), ""

    def go_on(self) -> None:
        if self.every is None or time.monotonic() < self.next_at:
            return
        self.next_at = time.monotonic() + self.random.uniform(0.5, 1.5) * self.every
        if not self.token or self.random.random() < 0.7:
            opened = int(time.time() * 1000)
            self.token = uuid.UUID(int=opened << 80 | 7 << 76 | 2 << 62 | self.random.getrandbits(62)).hex
        nth = self.random.randrange(1000)
        insist(lambda: self.arena.hands.have_tested(token=self.token, nth=nth), self.arena)


def open_again(arena: Arena) -> None:
    """What a person does who has seen to the token, the plan or the funds, and waited for all journals."""
    gate = arena.books.gate()
    missing = arena.books.rows("SELECT name FROM numbers_journal WHERE awaited AND retired_at IS NULL")
    if gate["needs_person"] or (gate["books_doubted"] and not missing):
        insist(arena.hands.open_gate, arena)


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
