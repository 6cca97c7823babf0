"""From the form to `bought`, at APIs that are quick or slow: lines a second, and whose CPU they take."""

import re
import time
from datetime import datetime
from pathlib import Path

import requests

from tests.bench.processes import COMPILED, SIGN_IN, cpu, memory
from tests.faults.arena import children
from tests.faults.books import Books
from tests.faults.postgres import Cluster
from tests.faults.webs import fields
from tests.support.stack import Sandbox, Stack, wait_until

SETTINGS = {
    "FLUENTS_READ_TIMEOUT": 20,
    "LEASE_SECONDS": 60,
    "REQUIRE_MFA": "off",
    "REAUTH_SECONDS": 0,
    "LOG_FORMAT": "json",
    **COMPILED,
}
#: Seconds that each answer of Fluents takes, lines in flight at most, sends a second (0: any), lines ordered.
CASES = [
    (0.0, 1, 0, 60),
    (0.0, 50, 0, 300),
    (0.5, 1, 0, 10),
    (0.5, 50, 0, 200),
    (2.0, 1, 0, 4),
    (2.0, 50, 0, 100),
    (2.0, 4, 1, 20),  # as it comes
]
QUICK = [(0.0, 1, 0, 20), (0.0, 50, 0, 60), (0.5, 50, 0, 50)]
ORDER = """
SELECT MIN(created_at) AS began, MAX(settled_at) AS ended, COUNT(*) AS lines,
       SUM(CASE WHEN state IN ('bought', 'failed', 'review') THEN 0 ELSE 1 END) AS moving,
       SUM(CASE WHEN state = 'bought' THEN 1 ELSE 0 END) AS bought
FROM numbers_line WHERE order_id = {order}
"""
POLL = 0.25  # seconds between two looks at the books: looking must not be what limits


class Meter:
    """CPU seconds by kind of process, those of children that ended included."""

    def __init__(self, **pids: list[int]) -> None:
        self.pids, self.before = pids, {}
        self.before = self.read()

    def read(self) -> dict[str, float]:
        return {kind: sum(family(pid) for pid in pids) for kind, pids in self.pids.items()}

    def since(self) -> dict[str, float]:
        now = self.read()
        return {kind: now[kind] - self.before[kind] for kind in now}


def family(pid: int) -> float:
    return cpu(pid, ended=True) + sum(cpu(child, ended=True) for child in children(pid))


def buying(folder: Path, database_url: str, *, case: tuple, cluster: Cluster | None) -> dict:
    """One order through the web, by one worker process, in a CASE."""
    latency, in_flight, rate, lines = case
    sandbox = Sandbox(folder / "sandbox.sqlite3")
    sandbox.control("config", {"stock_per_area_code": 5000, "requests_kept": 10})
    given = SETTINGS | {"GATE_RATE": rate, "GATE_IN_FLIGHT": in_flight}
    try:
        with Stack(folder, sandbox.url, database_url=database_url, **given) as stack:
            cookie = stack.shell(SIGN_IN)
            stack.manage("sync")
            web = stack.start_web()
            worker = stack.start_worker(in_flight=max(in_flight, 20))
            wait_until(lambda: children(worker.pid))
            buy(stack, cookie, sandbox.connection, min(lines, 4))  # everybody has warmed up
            sandbox.control("config", {"latency_ms": [int(1000 * latency)] * 2})
            pids = {"worker": [worker.pid], "sandbox": [sandbox.process.pid], "web": [web.pid]}
            if cluster and database_url:
                pids["PostgreSQL"] = [int((cluster.data / "postmaster.pid").read_text().split()[0])]
            meter = Meter(**pids)
            bought, seconds = buy(stack, cookie, sandbox.connection, lines)
            return {
                "case": case,
                "lines": bought,
                "seconds": round(seconds, 1),
                "ms": {kind: round(1000 * spent / lines, 1) for kind, spent in meter.since().items()},
                "memory": memory(web.pid, worker.pid),
            }
    finally:
        sandbox.close()


def buy(stack: Stack, cookie: str, connection: str, lines: int) -> tuple[int, float]:
    """Order by the form, wait for the last line; how many were bought, and in which time."""
    books, end = Books(stack.env["DATABASE_URL"]), time.monotonic() + 300
    order = order_by_form(stack.web_url, cookie, connection, lines)
    while (row := books.rows(ORDER.format(order=order))[0])["moving"]:
        assert time.monotonic() < end, row
        time.sleep(POLL)
    books.close()
    began, ended = (datetime.fromisoformat(str(row[name])) for name in ("began", "ended"))
    return row["bought"], (ended - began).total_seconds()


def order_by_form(url: str, cookie: str, connection: str, lines: int) -> int:
    """Fill in the form, confirm it; the order's id."""
    with requests.Session() as browser:
        browser.headers["Referer"] = url
        name, _, value = cookie.partition("=")
        browser.cookies.set(name, value)
        form = fields(browser.get(f"{url}/orders/new/", timeout=20).text) | {
            "telephony_provider": "twilio",
            "telephony_account_connection": connection,
            "area_code": "415",
            "quantity": str(lines),
        }
        step = browser.post(f"{url}/orders/new/", form, timeout=20).text
        done = browser.post(f"{url}/orders/new/", fields(step), timeout=60)
        return int(re.search(r"/orders/(\d+)/", done.url)[1])


NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
KINDS = ("worker", "PostgreSQL", "sandbox", "web")
TEXT = """## Buying

Seconds from the form to the last line `bought`, with one worker process, at a sandbox that waits before each
answer. A line takes a search, a look-up and a purchase; a search serves all lines of its area. Worker,
database, sandbox and web share the {cores} cores of this machine.
"""


def told(found: dict) -> str:
    """The section of docs/performance.md."""
    rows = []
    for engine, runs in found["buying"].items():
        for one in runs:
            latency, in_flight, rate, _ = one["case"]
            rows.append([
                NAMES[engine], f"{latency:g} s", in_flight, rate or "any", one["lines"], one["seconds"],
                round(one["lines"] / one["seconds"], 2), *(one["ms"].get(kind, "") for kind in KINDS),
            ])  # fmt: skip
    head = ["engine", "an answer takes", "in flight", "sends a second", "bought", "seconds", "lines a second"]
    head += [f"{kind}, ms a line" for kind in KINDS]
    rule = ["---"] * len(head)
    table = "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in [head, rule, *rows])
    return TEXT.format(cores=found["machine"]["cores"]) + "\n" + table + "\n"
