"""`assign`, `label`, `release` and `export`, as scripts use them; and workers killed at their work."""

import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.faults.books import Books
from tests.support.plans import UPDATE
from tests.support.stack import Sandbox, Stack, wait_until

pytestmark = [pytest.mark.storm, pytest.mark.xdist_group("change commands")]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A sandbox, and the product with its books on disk."""
    folder = tmp_path_factory.mktemp("commands")
    sandbox = Sandbox(folder / "sandbox.sqlite3")
    stack = Stack(folder, sandbox.url, DJANGO_SETTINGS_MODULE="dashboard.settings")
    yield sandbox, stack
    stack.close()
    sandbox.close()


@pytest.fixture
def shop(world):
    """Twelve numbers, synced, and nothing else."""
    sandbox, stack = world
    start_anew(sandbox, stack, 12)
    return sandbox, stack


def start_anew(sandbox: Sandbox, stack: Stack, numbers: int) -> None:
    """No worker runs now."""
    sandbox.control("reset", {"numbers": numbers})
    stack.empty()
    stack.manage("sync")


@pytest.fixture
def worker(world):
    _, stack = world
    process = stack.start_worker(processes=1)
    yield process
    if process.poll() is None:
        process.terminate()
        process.wait(60)


def ran(stack, *arguments: str, status: int = 0) -> list[dict]:
    done = stack.manage(*arguments, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_assign_by_name_then_nobody_then_again(shop, worker, tmp_path):
    sandbox, stack = shop
    first, second, *_ = sandbox.owned()
    rows = ran(stack, "assign", "--agent", "Spanish line", first, second, "--wait", "20", "--json")
    assert [(row["number"], row["state"]) for row in rows] == [(first, "done"), (second, "done")]
    listed = {item["number"]: item for item in sandbox.get("/v1/numbers/list", size=100).json()["items"]}
    assert {listed[n]["inbound_agent"]["name"] for n in (first, second)} == {"Spanish line"}

    file = tmp_path / "numbers.csv"
    file.write_text(f"number,label\n{second},ignored\n")
    rows = ran(stack, "assign", "--nobody", "--file", str(file), "--wait", "20", "--json")
    assert [(row["number"], row["state"], row["after"]) for row in rows] == [(second, "done", {"agent": ""})]

    rows = ran(stack, "assign", "--agent", "Spanish line", first, "--wait", "20", "--json")
    assert rows[0]["reason"] == "Nothing to change."  # and exit 0: it is as it was asked to be


def test_label_tags_and_describes(shop, worker):
    sandbox, stack = shop
    first = sandbox.owned()[0]
    changes = ["--label", "Front", "--description", "Door", "--outbound-only", "yes", "--tag", "vip"]
    ran(stack, "label", *changes, first, "--wait", "20", "--json")
    item = sandbox.get("/v1/numbers", phone_number=first).json()
    assert (item["label"], item["description"], item["outbound_only"]) == ("Front", "Door", True)
    exported = [json.loads(line) for line in stack.manage("export", "--format", "json").stdout.splitlines()]
    assert "vip" in next(row for row in exported if row["number"] == first)["tags"]


def test_release_wants_a_yes_and_is_told_when_it_fails(shop, worker):
    sandbox, stack = shop
    first, second, *_ = sandbox.owned()
    assert stack.manage("release", first, check=False).returncode == 2
    assert len(sandbox.owned()) == 12
    ran(stack, "release", first, "--yes", "--wait", "20", "--json")
    assert first not in sandbox.owned()
    sandbox.fault("status", status=400, message="not now", path="/v1/numbers/cancel")
    rows = ran(stack, "release", second, "--yes", "--wait", "20", "--json", status=1)
    assert "not now" in rows[0]["reason"]
    assert stack.manage("reconcile", check=False).returncode == 0


def test_bad_input_and_what_is_still_open(shop):
    sandbox, stack = shop
    first = sandbox.owned()[0]
    for arguments in (
        ["assign", "--agent", "No such agent", first],
        ["assign", "--nobody", "+12125550100"],
        ["assign", "--nobody", "hello"],
        ["assign", "--nobody"],
        ["assign", "--nobody", "--file", "/nonexistent.csv"],
        ["label", first],
        ["label", "--label", "x" * 201, first],
    ):
        done = stack.manage(*arguments, check=False)
        assert (done.returncode, done.stdout, done.stderr != "") == (2, "", True), arguments
    ran(stack, "label", "--label", "Later", first, "--json", status=3)  # no worker is running


def test_one_slow_number_does_not_hold_up_the_others(shop):
    sandbox, stack = shop
    sandbox.fault("hang_before", path=UPDATE, seconds=90)
    worker = stack.start_worker(processes=1, FLUENTS_READ_TIMEOUT="90", LEASE_SECONDS="120")
    ran(stack, "label", "--label", "Side by side", *sandbox.owned(), "--json", status=3)

    def answered() -> list[bool]:
        return [r["status"] is not None for r in sandbox.requests(path=UPDATE, method="POST")]

    wait_until(lambda: sorted(answered()) == [False, *[True] * 11])
    kill_with_children(worker)


def test_the_export_is_csv_by_default(shop):
    _, stack = shop
    lines = stack.manage("export").stdout.splitlines()
    assert len(lines) == 13
    assert lines[0].startswith("number,label,agent,tags,outbound_only,description,")
    assert lines[1].startswith("'+1")


ROWS = 150


def test_a_worker_killed_midway_loses_nothing_and_repeats_no_finished_row(world):
    """kill -9 for the worker and all of its children, again and again, while updates are under way."""
    sandbox, stack = world
    start_anew(sandbox, stack, ROWS)
    books = Books(stack.env["DATABASE_URL"])
    numbers = list(books.numbers())
    kinds = [{"fault": "reset_after"}, {"fault": "error_before"}, {"fault": "truncated"}]
    sandbox.control("faults", [{**kinds[i % 3], "path": UPDATE, "skip": 9} for i in range(ROWS // 10)])
    ran(stack, "label", "--label", "Moved", *numbers, "--json", status=3)

    def sent() -> Counter:
        return Counter(r["query"]["phone_number"] for r in sandbox.requests(path=UPDATE, method="POST"))

    def is_done() -> bool:
        [plan] = books.rows("SELECT state FROM numbers_plan")
        return plan["state"] == "done"

    kills = 3
    process = stack.start_worker(processes=2)
    for _ in range(kills):
        before = sum(sent().values())
        wait_until(lambda before=before: sum(sent().values()) >= before + ROWS // 5)
        kill_with_children(process)
        process = stack.start_worker(processes=2)
    wait_until(is_done, 120)
    kill_with_children(process)
    [states] = books.rows("SELECT count(*) AS n, min(state) AS low, max(state) AS high FROM numbers_planrow")
    assert states == {"n": ROWS, "low": "done", "high": "done"}
    [events] = books.rows("SELECT count(*) AS n FROM numbers_event WHERE action = 'number.changed'")
    assert events["n"] == ROWS
    # Once each, a second time for the tenth that suffered and for those in hand at a kill.
    assert sum(sent().values()) <= ROWS + ROWS // 10 + 8 * kills
    assert stack.manage("reconcile", check=False).returncode == 0


def kill_with_children(process) -> None:
    """The worker's session holds its children's parent only: they have sessions of their own."""
    children = [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and parent_of(int(path.name)) == process.pid
    ]
    for pid in [process.pid, *children]:
        os.kill(pid, signal.SIGKILL)
    process.wait()


def parent_of(pid: int) -> int:
    try:
        with Path(f"/proc/{pid}/stat").open() as stat:
            return int(stat.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0
