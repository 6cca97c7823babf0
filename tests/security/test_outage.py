"""Fluents away, hanging or refusing our token: the order waits, says why, and is bought once later on."""

import json
import signal

import pytest

from tests.faults.books import Books
from tests.support.stack import TOKEN, Sandbox, Stack, wait_until

pytestmark = pytest.mark.storm


@pytest.fixture
def sandbox(tmp_path):
    """A process of this test's own, to be stopped and started."""
    sandbox = Sandbox(tmp_path / "sandbox.sqlite3")
    assert sandbox.connection
    yield sandbox
    sandbox.close()


@pytest.fixture
def stack(sandbox, tmp_path):
    stack = Stack(tmp_path, sandbox.url, FLUENTS_READ_TIMEOUT="1")
    yield stack
    stack.close()


def order(stack, sandbox) -> dict:
    done = stack.manage(
        *("buy", "--telephony-provider", "twilio", "--telephony-account-connection", sandbox.connection),
        *("--area-code", "415", "--json"),
        check=False,
    )
    assert done.returncode == 3, done.stderr
    return json.loads(done.stdout)


def line_of(stack) -> dict:
    (line,) = Books(stack.env["DATABASE_URL"]).lines()
    return line


def bought_once(stack, sandbox) -> bool:
    line = line_of(stack)
    return line["state"] == "bought" and sandbox.charged() == [line["e164"]]


def test_the_api_is_down_when_the_order_is_placed_and_comes_back(stack, sandbox):
    port = sandbox.port
    sandbox.end(signal.SIGTERM)
    worker = stack.start_worker()
    order(stack, sandbox)
    told = "Fluents can't be reached. Nothing was sent, so nothing was spent."
    wait_until(lambda: line_of(stack)["reason"].startswith(told))
    assert line_of(stack)["state"] == "planned"
    sandbox.start(port=port)
    wait_until(lambda: bought_once(stack, sandbox))
    assert worker.poll() is None
    assert "Traceback" not in stack.logs()


def test_the_token_is_wrong_until_somebody_mends_it(stack, sandbox):
    sandbox.control("config", {"token": "another"})
    worker = stack.start_worker()
    order(stack, sandbox)
    wait_until(
        lambda: line_of(stack)["reason"].startswith("Fluents doesn't accept our token (FLUENTS_API_TOKEN).")
    )
    assert line_of(stack)["state"] == "planned"
    sandbox.control("config", {"token": TOKEN})
    wait_until(lambda: bought_once(stack, sandbox))
    assert worker.poll() is None
    assert TOKEN not in stack.logs()


def test_the_api_hangs_in_the_purchase_and_the_answer_is_looked_up(stack, sandbox):
    sandbox.fault("hang_after", seconds=60)
    worker = stack.start_worker()
    order(stack, sandbox)
    wait_until(lambda: bought_once(stack, sandbox))
    assert len(sandbox.requests(path="/v1/numbers/buy")) == 1
    assert worker.poll() is None


def test_the_api_hangs_in_every_read_for_a_while(stack, sandbox):
    sandbox.fault("hang_before", path="/v1/numbers/available", seconds=60, times=1000)
    worker = stack.start_worker()
    order(stack, sandbox)
    wait_until(lambda: line_of(stack)["reason"].startswith("Fluents gave no clear answer"))
    sandbox.control("faults", method="DELETE")
    wait_until(lambda: bought_once(stack, sandbox))
    assert worker.poll() is None


def test_the_api_dies_with_the_purchase_made_and_the_answer_lost(stack, sandbox):
    port = sandbox.port
    sandbox.fault("hang_after", seconds=60)
    stack.start_worker()
    order(stack, sandbox)
    wait_until(lambda: len(sandbox.charges()) == 1)
    sandbox.crash()
    wait_until(lambda: line_of(stack)["state"] == "unknown")
    sandbox.start(port=port)
    wait_until(lambda: bought_once(stack, sandbox))
