"""Children end with their supervisor; and what the real processes weigh, by PSS."""

import os
import socket
import subprocess
import sys

import pytest
import requests

from tests.bench.buying import buy
from tests.bench.processes import SIGN_IN, memory
from tests.support.stack import ROOT, Sandbox, Stack

MOST = 65  # megabytes
PAGES = (
    "/",
    "/numbers/?q=415",
    "/orders/",
    "/orders/new/",
    "/plans/",
    "/activity/",
    "/agents/",
    "/accounts/2fa/",
)


CHILD = """
from threading import Event
from numbers.supervisor import beat, until_parent_is_gone
gone = Event()
until_parent_is_gone(gone.set)
beat()
print("ready", flush=True)
raise SystemExit(0 if gone.wait(30) else 1)
"""


def test_a_child_ends_with_a_supervisor_that_was_killed_with_signs_of_life_unread():
    ours, theirs = socket.socketpair()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        cwd=ROOT,
        env={**os.environ, "SUPERVISED": "child"},
        stdin=theirs.fileno(),
        stdout=subprocess.PIPE,
    )
    theirs.close()
    with child:
        assert child.stdout.readline() == b"ready\n"
        ours.close()  # unread bytes make this a reset, as a kill does
        assert child.wait(60) == 0


@pytest.mark.storm
def test_no_process_takes_more_than_65_megabytes(tmp_path):
    sandbox = Sandbox(tmp_path / "sandbox.sqlite3")
    try:
        with Stack(tmp_path, sandbox.url, REQUIRE_MFA="off", GATE_RATE=0) as stack:
            cookie = stack.shell(SIGN_IN)
            stack.manage("sync")
            web, worker = stack.start_web(), stack.start_worker(processes=2)
            assert buy(stack, cookie, sandbox.connection, 12)[0] == 12
            for path in PAGES:
                url = stack.web_url + path
                assert requests.get(url, headers={"Cookie": cookie}, timeout=20).status_code == 200, path
            weights = memory(web.pid, worker.pid)
            assert {"web", "worker"} <= weights.keys()
            assert max(weights.values()) <= MOST, weights
    finally:
        sandbox.close()
