"""Faults 28 to 30: the machine under the product fails."""

import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.faults.arena import Arena, children
from tests.faults.test_provider import bought_once, fault
from tests.support.stack import ROOT


def limit_files(arena: Arena, size: int) -> None:
    """No process of the workers can write beyond SIZE in a file; theirs to come inherit that."""
    for worker in arena.workers:
        for pid in [worker.pid, *children(worker.pid)]:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_28_writer_lock_at_write_back(make_arena):
    """Somebody locks SQLite for 60 seconds while the answer comes in (25, unless in `make faults`)."""
    arena = make_arena("sqlite")
    try:
        seconds = 60 if os.environ.get("FAULTS") == "all" else 25
        arena.config(latency_ms=[600, 600])
        arena.start_worker()
        [line_id] = arena.place()
        arena.in_state(line_id, "sending")
        holder = threading.Thread(target=arena.hands.hold_writer_lock, kwargs={"seconds": seconds})
        holder.start()
        arena.config(latency_ms=[0, 0])
        line = bought_once(arena, line_id, seconds + 60)
        holder.join()
        assert len(arena.posts(line["e164"])) == 1
        assert [a["outcome"] for a in arena.books.attempts(line_id)] == ["unknown"], "the lock came too late"
    finally:
        arena.close()


@pytest.mark.either
def test_29_journal_disk_full(fresh):
    """Not one byte leaves without the journal; everything is paused, says why, and goes on with room."""
    journal = Path(fresh.stack.env["JOURNAL_PATH"])
    assert fresh.hands.check_journal()  # begins it
    with journal.open("a") as file:
        file.write(" " * 32_000_000 + "\n")  # larger than the database will ever be
    size = journal.stat().st_size
    fresh.start_worker()
    fresh.until(fresh.processes_at_work)
    limit_files(fresh, size)
    [line_id] = fresh.place()
    fresh.until(lambda: fresh.books.gate()["paused"])
    assert "journal" in fresh.books.gate()["pause_reason"]
    assert not fresh.posts()
    assert fresh.in_state(line_id, "planned")
    limit_files(fresh, resource.RLIM_INFINITY)
    bought_once(fresh, line_id)
    assert len(fresh.posts()) == 1


def test_29_all_disks_full(make_arena):
    """SQLite cannot write either, so no line even gets to `sending`."""
    arena = make_arena("sqlite")
    try:
        arena.start_worker()
        arena.until(arena.processes_at_work)
        limit_files(arena, 1)
        [line_id] = arena.place()
        time.sleep(arena.lease)
        assert not arena.posts()
        assert arena.books.line(line_id)["state"] == "planned"
        limit_files(arena, resource.RLIM_INFINITY)
        bought_once(arena, line_id)
    finally:
        arena.close()


def test_30_database_read_only(make_arena, cluster):
    """PostgreSQL: as after a failover to a standby."""
    arena = make_arena("postgres")
    try:
        arena.start_worker()
        arena.until(arena.processes_at_work)
        bought_once(arena, arena.place()[0])
        before = len(arena.posts())
        arena.hands.pause(reason="so that the next line waits")
        [line_id] = arena.place()
        arena.in_state(line_id, "planned")
        arena.config(latency_ms=[1000, 1000])  # the search takes longer than what follows
        arena.hands.open_gate()
        read_only(arena, cluster, on=True)
        time.sleep(3)
        assert len(arena.posts()) == before
        arena.config(latency_ms=[0, 0])
        read_only(arena, cluster, on=False)
        bought_once(arena, line_id)
        assert len(arena.posts()) == before + 1
    finally:
        arena.close()


def read_only(arena: Arena, cluster, *, on: bool) -> None:
    name = arena.books.url.rsplit("/", 1)[1]
    words = f"ALTER DATABASE {name} SET default_transaction_read_only = {'on' if on else 'off'};"
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608
    connect = ["-h", "127.0.0.1", "-p", str(cluster.port), "-U", "postgres", "-d", "postgres"]
    cluster.run("psql", *connect, "-c", words, "-c", end)


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="needs root and setpriv")
def test_30_database_file_read_only(make_arena):
    """SQLite: a worker that may read the books but not write them buys nothing. Root obeys as well
    once it has given up its capabilities."""
    arena = make_arena("sqlite")
    try:
        [line_id] = arena.place()
        code = f"from numbers.services.purchasing.worker import drive; drive(line_id={line_id})"
        files = [*arena.folder.glob("books.sqlite3*"), arena.folder]
        modes = {path: path.stat().st_mode for path in files}
        for path in files:
            path.chmod(modes[path] & ~0o222)
        done = subprocess.run(
            [
                *("setpriv", "--bounding-set=-all", "--inh-caps=-all"),
                *(sys.executable, "manage.py", "shell", "-v0", "-c", code),
            ],
            cwd=ROOT,
            env=arena.stack.env,
            capture_output=True,
            text=True,
        )
        for path, mode in modes.items():
            path.chmod(mode)
        assert "OperationalError" in done.stderr, done.stderr
        assert not arena.posts()
        arena.start_worker()
        bought_once(arena, line_id)
    finally:
        arena.close()


@pytest.mark.either
def test_journal_is_asked_before_each_send(fresh):
    """A backup restored under running workers, where nothing starts anew."""
    [first, second] = fresh.place(2)
    fresh.hands.pause(reason="wait")
    fresh.hands.open_gate()
    fault(fresh, "reset_after")
    assert fresh.drive(first) == 0
    journal = Path(fresh.stack.env["JOURNAL_PATH"])
    entry = journal.read_text().splitlines()[-1]
    key = fresh.books.attempts(first)[0]["key"]
    assert key in entry
    with journal.open("a") as file:
        file.write(entry.replace(key, "00000000-0000-4000-8000-000000000000") + "\n")
    assert fresh.drive(second) == 0
    assert fresh.books.gate()["paused"]
    assert len(fresh.posts()) == 1


@pytest.mark.parametrize("how", ["terminated", "restarted"])
def test_the_first_request_after_postgresql_went_away_is_answered_at_once(make_arena, cluster, how):
    """However many connections waited in the pool: all of them are dead."""
    arena = make_arena("postgres")
    try:
        order = {
            "telephony_provider": "twilio",
            "telephony_account_connection": arena.connection,
            "quantity": 1,
            "area_code": "415",
        }
        arena.hands.race(orders=[{**order, "form_token": f"order {i}"} for i in range(15)])
        if how == "restarted":
            cluster.restart_immediate()
        else:
            read_only(arena, cluster, on=False)  # ends all sessions
        began = time.monotonic()
        arena.place()
        assert time.monotonic() - began < 5
    finally:
        arena.close()
