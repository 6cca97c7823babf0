"""What the real processes weigh after real work: `ps` counts what they share twice, PSS does not."""

import pytest
import requests

from tests.bench.buying import buy
from tests.bench.processes import SIGN_IN, memory
from tests.stack import Sandbox, Stack

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
            assert {"web", "task worker", "sweeper"} <= weights.keys()
            assert max(weights.values()) <= MOST, weights
    finally:
        sandbox.close()
