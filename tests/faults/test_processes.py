"""Faults 24 to 27, 31 to 33 and 40: processes that die, stop, wake up late or see another time."""

import fcntl
import os
import signal
import time
from pathlib import Path

import pytest

from tests.faults.arena import send_signal
from tests.faults.test_provider import bought_once, fault
from tests.support.stack import wait_until

HANG = {"fault": "hang_after", "seconds": 3}
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)

# The points of reliability section 2.1 at which a worker is killed: what the books say right after,
# and how many purchases were sent in the end.
POINTS = {
    "line.claimed": ("planned", 1),
    "number.found": ("planned", 1),
    "number.reserved": ("reserved", 1),
    "send.written": ("reserved", 1),
    "send.committed": ("sending", 1),
    "send.journalled": ("sending", 1),
    "answer.received": ("sending", 1),
    "answer.written": ("sending", 1),
    "answer.committed": ("bought", 1),
    "look.kept": ("unknown", 2),
    "absence.settled": ("unknown", 2),
}


ENGINES = [
    pytest.param(name, marks=pytest.mark.xdist_group(f"killed {name}")) for name in ("sqlite", "postgres")
]


@pytest.fixture(scope="module", params=ENGINES)  # one test process each: making it takes long
def killed(request, make_arena):
    """A line for each point, its worker killed right there; then a sound worker for all of them."""
    arena = make_arena(request.param)
    ids = dict(zip(POINTS, arena.place(len(POINTS)), strict=True))
    states = {}
    for point, line_id in ids.items():
        if point in ("look.kept", "absence.settled"):
            fault(arena, "reset_before")
            assert arena.drive(line_id) == 0
        deadline = time.monotonic() + 60
        while (status := arena.drive(line_id, FAILPOINT=point)) != -9:  # a busy sandbox may answer too late
            assert status == 0
            assert time.monotonic() < deadline, arena.story(line_id)
        states[point] = arena.books.line(line_id)["state"]
    arena.start_worker()
    yield arena, ids, states
    arena.close()


@pytest.mark.parametrize("point", POINTS)
def test_24_killed_at(killed, point):
    arena, ids, states = killed
    state, posts = POINTS[point]
    assert states[point] == state, arena.story(ids[point])
    line = bought_once(arena, ids[point])
    not_a_byte_left = point in ("send.committed", "send.journalled")
    assert len(arena.posts(line["e164"])) == posts, arena.story(ids[point])
    if not_a_byte_left:  # nobody could know that, so the number was looked up for a whole window first
        assert len(arena.books.attempts(ids[point])) == 2


@pytest.mark.either
def test_24_killed_while_placing(fresh):
    """Before the commit there is nothing; after it the order is there and is bought."""
    fresh.start_worker()
    want = ["--telephony-provider=twilio", f"--telephony-account-connection={fresh.connection}"]
    want += ["--area-code=415", "--quantity=2"]
    for point, lines in (("order.written", 0), ("order.committed", 2)):
        done = fresh.stack.manage("buy", *want, check=False, FAILPOINT=point)
        assert done.returncode == -9
        assert len(fresh.books.lines()) == lines
    for line in fresh.books.lines():
        bought_once(fresh, line["id"])
    assert len(fresh.sandbox.charges()) == 2


def test_24_killed_in_flight(arena):
    fault(arena, HANG)
    [line_id] = arena.place()
    arena.in_state(line_id, "sending")
    arena.until(lambda: arena.charges_of(line_id))
    for pid in arena.processes_at_work():
        send_signal(pid, signal.SIGKILL)
    line = bought_once(arena, line_id)
    assert len(arena.posts(line["e164"])) == 1


@pytest.mark.either
def test_24_a_successor_frees_the_lease(make_arena, engine):
    """The supervisor saw its child die, so the next one frees the line long before the lease is over.
    The line of a worker that lives is left alone."""
    arena = make_arena(engine, LEASE_SECONDS=90, FLUENTS_READ_TIMEOUT=40)
    try:
        for _ in range(2):
            arena.start_worker(in_flight=1)
        arena.until(lambda: len(arena.processes_at_work()) == 2)
        fault(arena, *[{"fault": "hang_after", "seconds": 24}] * 2)
        ids = arena.place(2)
        arena.until(lambda: all(arena.charges_of(line_id) for line_id in ids))
        send_signal(arena.processes_at_work()[0], signal.SIGKILL)
        arena.until(lambda: any(line["state"] == "bought" for line in arena.books.lines()), 20, ids)
        assert sorted(line["state"] for line in arena.books.lines()) == ["bought", "sending"]
        for line_id in ids:
            assert len(arena.posts(bought_once(arena, line_id)["e164"])) == 1
        stories = [arena.story(line_id) for line_id in ids]
        assert sum("worker stopped" in story for story in stories) == 1, stories
    finally:
        arena.close()


@pytest.mark.either
def test_24_killed_while_a_lease_is_ended(fresh):
    """It dies with the lease just expired; another one, or the same again, finds the line unknown."""
    fault(fresh, HANG)
    [line_id] = fresh.place()
    assert fresh.drive(line_id, FAILPOINT="answer.written") == -9
    time.sleep(fresh.lease)
    expire = "from numbers.services.purchasing.expiry import expire_leases; expire_leases()"
    done = fresh.stack.manage("shell", "-v0", "-c", expire, check=False, FAILPOINT="lease.expired")
    assert done.returncode == -9
    assert fresh.books.line(line_id)["state"] == "unknown"
    fresh.start_worker()
    bought_once(fresh, line_id)


@pytest.mark.either
def test_failpoints_refuse_the_live_api(fresh):
    live = {"FLUENTS_API_URL": "https://api.fluents.ai", "FLUENTS_LIVE": "on"}
    done = fresh.stack.manage("check", check=False, FAILPOINT="line.claimed", **live)
    assert done.returncode
    assert "FAILPOINT" in done.stderr
    assert fresh.stack.manage("check", check=False, FAILPOINT="line.claimed").returncode == 0


def test_25_stopped_past_lease_and_window(fresh):
    """The worker wakes up with an answer in its hands for a line that others have settled meanwhile."""
    fresh.start_worker()
    [sleeper] = wait_for_one(fresh)
    fault(fresh, {"fault": "hang_after", "seconds": 1.5})
    [line_id] = fresh.place()
    fresh.in_state(line_id, "sending")
    fresh.until(lambda: fresh.charges_of(line_id))
    send_signal(sleeper, signal.SIGSTOP)
    fresh.start_worker()
    line = bought_once(fresh, line_id)
    time.sleep(1)
    send_signal(sleeper, signal.SIGCONT)
    time.sleep(1.5)
    assert fresh.books.line(line_id) == line
    assert len(fresh.posts(line["e164"])) == 1
    assert len(fresh.books.events(line_id)) == 4  # reserved, sending, unknown, bought


@pytest.mark.either
def test_25_held_up_before_the_send(fresh):
    """A stopped process holds the journal. Whoever waits for it must not send once its lease is over."""
    fresh.start_worker()
    wait_for_one(fresh)
    bought_once(fresh, fresh.place()[0])  # the journal exists
    journal = Path(fresh.stack.env["JOURNAL_PATH"])
    with journal.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        [line_id] = fresh.place()
        number = fresh.in_state(line_id, "sending")["phone_number"]
        fresh.in_state(line_id, "unknown", 15)  # the lease ended; nobody else could send either
        fcntl.flock(file, fcntl.LOCK_UN)
    fresh.until(lambda: "has moved on" in fresh.stack.logs())
    line = bought_once(fresh, line_id)
    assert line["phone_number"] == number
    attempts = fresh.books.attempts(line_id)
    assert len(fresh.posts(number)) == 1, fresh.story(line_id)
    assert len(attempts) == 2
    assert (fresh.posts(number)[0]["at"] - attempts[0]["sent_at"].timestamp()) > fresh.lease


def test_26_asked_to_end_in_mid_purchase(fresh):
    """SIGTERM once: the purchase under way is finished and written down; everything ends with status 0."""
    fresh.config(latency_ms=[700, 700])
    fresh.start_worker()
    [line_id] = fresh.place()
    fresh.in_state(line_id, "sending")
    [worker] = fresh.workers
    worker.terminate()
    assert worker.wait(60) == 0
    line = fresh.books.line(line_id)
    assert line["state"] == "bought", fresh.story(line_id)
    assert len(fresh.posts(line["e164"])) == 1
    fresh.config(latency_ms=[0, 0])


@pytest.mark.either
def test_26_asked_twice(arena):
    """The second SIGTERM ends it at once: nobody knows, so it is looked up."""
    fault(arena, HANG)
    [line_id] = arena.place()
    arena.in_state(line_id, "sending")
    arena.until(lambda: arena.charges_of(line_id))
    [worker] = wait_for_one(arena)
    send_signal(worker, signal.SIGTERM)
    time.sleep(0.1)
    send_signal(worker, signal.SIGTERM)
    wait_until(lambda: not Path(f"/proc/{worker}").exists())
    line = bought_once(arena, line_id)
    assert len(arena.posts(line["e164"])) == 1


@pytest.mark.skipif(not FAKETIME, reason="libfaketime is not installed (Debian: apt install faketime)")
def test_27_clocks_differ(make_arena):
    """One worker lives an hour ahead, one an hour behind: leases go by the database's clock."""
    arena = make_arena("postgres")
    try:
        for shift in ("+1h", "-1h"):
            arena.start_worker(LD_PRELOAD=str(FAKETIME), FAKETIME=shift)
        arena.until(lambda: len(arena.processes_at_work()) == 2)
        fault(arena, *[{"fault": "hang_after", "seconds": 3}, {"fault": "reset_after", "skip": 1}] * 2)
        ids = arena.place(6)
        for line_id in ids:
            line = bought_once(arena, line_id)
            assert len(arena.posts(line["e164"])) == 1, arena.story(line_id)
            # Nobody stole a lease: what looks for a stolen one says that the worker stopped.
            assert "worker stopped" not in arena.story(line_id)
        assert arena.hands.reconcile() == []
    finally:
        arena.close()


def test_31_database_restarts_in_mid_purchase(make_arena, cluster):
    arena = make_arena("postgres")
    try:
        arena.start_worker()
        fault(arena, HANG)
        [line_id] = arena.place()
        arena.in_state(line_id, "sending")
        cluster.restart_immediate()
        line = bought_once(arena, line_id, 60)
        assert len(arena.posts(line["e164"])) == 1
    finally:
        arena.close()


def test_32_database_away(make_arena, cluster):
    """For longer than lease and window (60 s in `make faults`); the supervisor brings its children back."""
    arena = make_arena("postgres")
    try:
        arena.start_worker()
        fault(arena, HANG)
        [line_id] = arena.place()
        arena.in_state(line_id, "sending")
        cluster.stop_immediate()
        time.sleep(60 if os.environ.get("FAULTS") == "all" else arena.lease + arena.window + 2)
        cluster.start()
        line = bought_once(arena, line_id, 60)
        assert len(arena.posts(line["e164"])) == 1
    finally:
        arena.close()


@pytest.mark.either
def test_33_stopped_and_replaced(fresh):
    """A process that is stopped sends no sign of life: it is killed and replaced once its leases are over."""
    fresh.start_worker()
    [stopped] = wait_for_one(fresh)
    bought_once(fresh, fresh.place()[0])
    send_signal(stopped, signal.SIGSTOP)
    [line_id] = fresh.place()
    bought_once(fresh, line_id, fresh.lease + 40)
    assert stopped not in fresh.processes_at_work()
    assert fresh.workers[0].poll() is None


@pytest.mark.either
def test_33_nobody_buys_once_the_supervisor_is_killed(fresh):
    """Its processes hear it, finish what is under way, and end."""
    fresh.start_worker()
    [buyer] = wait_for_one(fresh)
    fault(fresh, HANG)
    [line_id] = fresh.place()
    fresh.in_state(line_id, "sending")
    fresh.workers[0].kill()
    fresh.workers[0].wait()
    wait_until(lambda: not Path(f"/proc/{buyer}").exists())
    assert fresh.books.line(line_id)["state"] in ("unknown", "bought")
    [later] = fresh.place()
    time.sleep(1)
    assert fresh.books.line(later)["state"] == "planned"
    fresh.workers.clear()
    fresh.start_worker()
    for one in (line_id, later):
        assert len(fresh.posts(bought_once(fresh, one)["e164"])) == 1


@pytest.mark.either
def test_33_many_workers_for_one_line(fresh):
    """All of them wake up for it, and one takes it."""
    for _ in range(3):
        fresh.start_worker()
    fresh.until(lambda: len(fresh.processes_at_work()) == 3)
    [line_id] = fresh.place()
    line = bought_once(fresh, line_id)
    assert len(fresh.posts(line["e164"])) == 1


@pytest.mark.either
def test_40_deploy(fresh):
    """The new worker starts and migrates while the old one is asked to end in mid-purchase."""
    fresh.start_worker()
    fresh.config(latency_ms=[300, 600])
    ids = fresh.place(5)
    fresh.until(lambda: any(line["state"] == "sending" for line in fresh.books.lines()))
    fresh.start_worker()
    fresh.stack.manage("migrate", "-v0")
    fresh.workers[0].terminate()
    for line_id in ids:
        line = bought_once(fresh, line_id)
        assert len(fresh.posts(line["e164"])) == 1
    assert fresh.workers[0].wait(60) == 0


def wait_for_one(arena) -> list[int]:
    arena.until(lambda: len(arena.processes_at_work()) == 1)
    return arena.processes_at_work()
