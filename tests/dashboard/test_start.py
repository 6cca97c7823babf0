"""How gunicorn starts, and what a request that stops halfway does to it. With real processes."""

import re
import socket
import subprocess
import sys
import time
from contextlib import closing

import pytest
import requests

from tests.support.stack import ROOT, Stack, free_port

HALF = (
    b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nusername=bob"
)


@pytest.fixture
def stack(tmp_path, running):
    with Stack(tmp_path, running.url) as stack:
        yield stack


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"DEBUG": "on", "FLUENTS_LIVE": "on"}, "DEBUG shows settings"),
        ({"FLUENTS_API_URL": "http://sandbox:8100"}, "would be sent unencrypted"),
    ],
)
def test_gunicorn_refuses_to_start_where_secrets_would_get_out(stack, changes, words):
    command = [sys.executable, "-m", "gunicorn", "dashboard.wsgi", f"--bind=127.0.0.1:{free_port()}"]
    done = subprocess.run(
        [*command, "--no-control-socket"],
        cwd=ROOT,
        env=stack.env | changes,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert words in done.stderr


def test_requests_that_stop_halfway_stall_no_process(stack, tmp_path):
    ours = (ROOT / "gunicorn.conf.py").read_text()
    impatient = tmp_path / "impatient.conf.py"
    impatient.write_text(re.sub(r"(?m)^PATIENCE = \d+", "PATIENCE = 1", ours))
    assert impatient.read_text() != ours
    port = free_port()
    options = (
        f"--config={impatient}",
        f"--bind=127.0.0.1:{port}",
        "--workers=1",
        "--threads=2",
        "--no-control-socket",
    )
    stack.start("-m", "gunicorn", "dashboard.wsgi", *options, log="web.txt")
    url = f"http://127.0.0.1:{port}/healthz"
    for _ in range(300):
        try:
            requests.get(url, timeout=5)
            break
        except requests.ConnectionError:
            time.sleep(0.1)
    else:
        pytest.fail(stack.logs())
    halves = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    for number, half in enumerate(halves):
        half.sendall(HALF if number % 2 else HALF[:40])
    time.sleep(0.5)  # both threads have taken one up
    begin = time.monotonic()
    assert requests.get(url, timeout=60).ok
    assert time.monotonic() - begin < 45
    for half in halves:
        with closing(half):
            pass
