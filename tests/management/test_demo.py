"""The demo in a copy of the tree, as after a clone: its real processes, on ports of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError

from numbers.management.demo_home import Ports, why_closed
from tests.support.stack import ROOT, wait_until

pytestmark = pytest.mark.storm
PARTS = ("manage.py", "gunicorn.conf.py", "dashboard", "numbers", "templates", "static")


@pytest.fixture
def copy(tmp_path):
    return clone(tmp_path)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """One for the tests of how a demo ends: the first of them waits for its data, the other finds them."""
    return clone(tmp_path_factory.mktemp("filled"))


def clone(folder: Path) -> Path:
    """A fresh clone, as far as the demo needs it."""
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            # What is compiled as well, but not what somebody is compiling just now.
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("*.pyc.*"))
        else:
            shutil.copy(source, folder / name)
    return folder


class Demo:
    """One running demo. Its words are in `log`."""

    def __init__(self, copy: Path, port: int, *options: str) -> None:
        self.copy, self.port, self.log = copy, port, copy / f"demo-{port}.txt"
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo", f"--port={port}", *options],
                cwd=copy,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> "Demo":
        return self

    def __exit__(self, *args: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    @property
    def said(self) -> str:
        return self.log.read_text()

    def wait(self) -> "Demo":
        wait_until(lambda: "The demo runs at" in self.said or self.process.poll() is not None, 300)
        assert self.process.poll() is None, self.said
        return self

    def ended(self, seconds: float = 60) -> tuple[int, str]:
        return self.process.wait(seconds), self.said

    def get(self, path: str = "/healthz") -> requests.Response:
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=10)


def free_pair() -> int:
    return Ports(9000 + os.getpid() % 500, 0).free_ones().web


def listener(port: int) -> socket.socket:
    taken = socket.create_server(("127.0.0.1", port))
    taken.listen()
    return taken


def children_of(pid: int) -> set[int]:
    """All descendants of PID."""
    found, parents = set(), {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    todo = [pid]
    while todo:
        parent = todo.pop()
        mine = {child for child, its in parents.items() if its == parent}
        found |= mine
        todo += mine
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_the_ports_move_together_and_may_be_told_apart():
    assert Ports.chosen(9000, None) == Ports(9000, 9100)
    assert Ports.chosen(9000, 8300) == Ports(9000, 8300)
    assert Ports.chosen(65500, None) == Ports(65500, 65400)
    for web, sandbox in ((8100, 8100), (0, None), (70000, None)):
        with pytest.raises(CommandError, match="port"):
            Ports.chosen(web, sandbox)


@pytest.mark.parametrize("whose", ["dashboard", "sandbox"])
def test_a_port_that_is_taken_is_found_before_anything_starts(copy, whose):
    port = free_pair()
    taken = port if whose == "dashboard" else port + 100
    with listener(taken), Demo(copy, port) as demo:
        status, said = demo.ended()
    assert status == 1
    assert f"Port {taken}, for the {whose}, is taken by another program. Nothing was started." in said
    moved = int(re.search(r"`make run PORT=(\d+)` moves", said)[1])
    assert not (copy / "var").exists() or list((copy / "var").iterdir()) == []
    assert not (copy / ".env").exists()
    assert why_closed(moved) == why_closed(moved + 100) == ""


def test_two_demos_run_side_by_side_and_fresh_begins_again(copy):
    one, other = free_pair(), free_pair() + 400
    with Demo(copy, one) as first:
        first.wait()
        assert "real Fluents" not in first.said  # a fresh clone has no settings that could point there
        with Demo(copy, other) as second:
            second.wait()
            assert "its own data in" in second.said
            assert (first.get().ok, second.get().ok) == (True, True)
            assert (
                first.get("/accounts/login/").status_code == second.get("/accounts/login/").status_code == 200
            )
        status, said = second.ended()
        assert (status, first.get().ok) == (0, True), said
    password = re.search(r"Log in as ada .*, password (\S+)", first.said)[1]
    with Demo(copy, one) as again:
        again.wait()
        assert f"password {password}" in again.said
        assert "Creating" not in again.said
    with Demo(copy, one, "--fresh") as fresh:
        fresh.wait()
        assert f"password {password}" not in fresh.said
        assert "Creating a year of sample data" in fresh.said


@pytest.mark.xdist_group("filled demo")
def test_nothing_is_left_of_a_demo_that_was_killed(filled):
    with Demo(filled, free_pair()) as demo:
        demo.wait()
        wait_until(lambda: len(children_of(demo.process.pid)) >= 6)
        children = children_of(
            demo.process.pid
        )  # gunicorn and its child, the sandbox, the worker and its two
        demo.process.kill()
        demo.process.wait()
        wait_until(lambda: not any(map(alive, children)), 60)
        wait_until(lambda: not (why_closed(demo.port) or why_closed(demo.port + 100)))


@pytest.mark.xdist_group("filled demo")
def test_a_port_that_is_lost_later_ends_the_demo_with_the_reason(filled):
    with Demo(filled, free_pair()) as demo:
        demo.wait()
        sandbox = next(
            pid
            for pid in children_of(demo.process.pid)
            if b"sandbox" in Path(f"/proc/{pid}/cmdline").read_bytes()
        )
        os.kill(sandbox, signal.SIGSTOP)  # the supervisor has nothing to see yet
        os.kill(sandbox, signal.SIGKILL)
        port = demo.port + 100
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                taken = listener(port)
                break
            except OSError:
                continue
        else:
            pytest.fail("the sandbox came back before its port could be taken")
        with taken:
            status, said = demo.ended()
    assert status == 1
    assert f"The sandbox has ended, and its port {port} is taken by another program now." in said
