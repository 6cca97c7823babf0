"""Fault 60: calls come in while they are read, Fluents fails, and the worker that reads them is killed.

CALLS=100000 CALLED=1000 reads so many calls of so many numbers (`make calls`).
"""

import json
import os
import random
import signal
import time

from tests.faults.arena import send_signal
from tests.security.test_canary import CALLER
from tests.support.calls import ledger

CALLS, CALLED = int(os.environ.get("CALLS", "2000")), int(os.environ.get("CALLED", "60"))
KILLS = max(2, CALLS // 2500)
POINTS = ("calls.read", "calls.counted", "calls.kept")
FAULTS = ("truncated", "reset_after", "error_before", "rate_limited", "empty", "calls_meanwhile")
DUE = "from numbers.models import CallReading; CallReading.objects.update(due_at='2000-01-01T00:00Z')"
FREE = DUE + "; CallReading.objects.update(lease_until=None)"  # the worker that had it is dead
READ = "from numbers.services.calls.reader import claim, run\nfor job in claim(limit=1): run(job)"
STATE = "from numbers.models import CallReading; print(CallReading.objects.get().until or '')"
COUNTED = (
    "import json; from tests.support.calls import counted;"
    "print(json.dumps([[*key, *figures] for key, figures in counted().items()]))"
)
NUMBERS = (
    "import json; from numbers.models import Number;"
    "print(json.dumps(list(Number.objects.values_list('e164', flat=True))))"
)
EVERYTHING = "from tests.security.test_canary import database; print(database())"


def test_60_every_call_is_counted_once_whatever_happens_while_they_are_read(fresh):
    arena, dice = fresh, random.Random(60)
    sandbox = arena.sandbox
    arena.stack.env |= {"CALLS_SECONDS": "1", "LEASE_SECONDS": "2.6"}
    sandbox.control("reset", {"numbers": CALLED})
    arena.calm()
    arena.stack.manage("sync")
    sandbox.control("calls", {"count": CALLS // 2, "days": 30, "wrong": 0.02, "until": time.time() - 3600})
    for point in POINTS:
        arena.stack.shell(FREE)
        assert arena.stack.manage("shell", "-v0", "-c", READ, check=False, FAILPOINT=point).returncode
    numbers = json.loads(arena.stack.shell(NUMBERS))
    agents = [agent["id"] for agent in sandbox.get("/v1/agents/list").json()["items"]]
    arena.stack.shell(FREE)
    arena.start_worker()
    arena.start_worker()
    for _ in range(KILLS):
        more = [lately(dice, numbers, agents) for _ in range(CALLS // 2 // KILLS)]
        sandbox.control("calls", {"calls": more})
        fault = dice.choice(FAULTS)
        about = {"count": dice.randint(1, 120)} if fault == "calls_meanwhile" else {}
        sandbox.fault(fault, path="/v1/calls/list", skip=dice.randint(0, 3), **about)
        asked = len(sandbox.requests(path="/v1/calls/list"))
        arena.until(
            lambda n=asked: due(arena) and len(sandbox.requests(path="/v1/calls/list")) > n + 2, every=0.3
        )
        for pid in arena.processes_at_work():
            send_signal(pid, signal.SIGKILL)
    sandbox.control("faults", method="DELETE")
    sandbox.control("calls/report")
    for _ in range(2):  # the first may have been cut off before, the second begins now
        before = arena.stack.shell(STATE)
        arena.until(
            lambda was=before: due(arena) and arena.stack.shell(STATE) not in ("", was), 600, every=0.3
        )
    found = {tuple(row[:3]): tuple(row[3:]) for row in json.loads(arena.stack.shell(COUNTED))}
    expected = ledger(sandbox)
    wrong = [(key, found.get(key), expected.get(key)) for key in found.keys() | expected.keys()]
    assert [row for row in wrong if row[1] != row[2]] == []
    assert nothing_of_a_caller(arena.stack.shell(EVERYTHING))
    assert nothing_of_a_caller(arena.stack.logs())


def due(arena) -> bool:
    """Let nobody wait for a minute because a reading has failed."""
    arena.stack.shell(DUE)
    return True


def lately(dice: random.Random, numbers: list[str], agents: list[str]) -> dict:
    """A call of the last hours, perhaps one that Fluents tells of late."""
    return {
        "number": dice.choice(numbers),
        "other": f"+1{dice.randint(200, 999)}55501{dice.randint(10, 99)}",
        "at": round(time.time()) - dice.randint(900, 20 * 3600),
        "seconds": dice.randint(0, 300),
        "outgoing": dice.random() < 0.2,
        "agent": dice.choice(agents),
        "outcome": dice.choice(("answered", "answered", "unanswered", "failed")),
        "reported_after": 30 * 3600 if dice.random() < 0.2 else 0,
    }


def nothing_of_a_caller(text: str) -> bool:
    assert CALLER.search(text) is None, "somebody who called stands in what was kept or written"
    return "CANARY" not in text
