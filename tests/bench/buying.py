"""From the form to `bought`, at a sandbox that answers at once: lines a second, and whose CPU they take."""

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
from tests.stack import Sandbox, Stack, wait_until

SETTINGS = {
    "GATE_RATE": 0,
    "GATE_IN_FLIGHT": 16,  # four for each worker: it also says into how many tasks an order is cut
    "LEASE_SECONDS": 30,
    "REQUIRE_MFA": "off",
    "REAUTH_SECONDS": 0,
    "LOG_FORMAT": "json",
    **COMPILED,
}
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


def buying(folder: Path, database_url: str, *, workers: int, lines: int, cluster: Cluster | None) -> dict:
    """One order of LINES through the web, with so many task WORKERS."""
    sandbox = Sandbox(folder / "sandbox.sqlite3")
    sandbox.control("config", {"stock_per_area_code": 5000, "requests_kept": 10})
    try:
        with Stack(folder, sandbox.url, database_url=database_url, **SETTINGS) as stack:
            cookie = stack.shell(SIGN_IN)
            stack.manage("sync")
            web = stack.start_web()
            worker = stack.start_worker(processes=workers)
            wait_until(lambda: len(children(worker.pid)) == workers + 1)
            buy(stack, cookie, sandbox.connection, min(lines, 2 * workers))  # everybody has warmed up
            pids = {"workers": [worker.pid], "sandbox": [sandbox.process.pid], "web": [web.pid]}
            if cluster and database_url:
                pids["PostgreSQL"] = [int((cluster.data / "postmaster.pid").read_text().split()[0])]
            meter, began = Meter(**pids), time.monotonic()
            bought, seconds = buy(stack, cookie, sandbox.connection, lines)
            took = meter.since()
            cores = sum(took.values()) / (time.monotonic() - began)
            return {
                "lines": bought,
                "rate": round(bought / seconds, 1),
                "ms": {kind: round(1000 * spent / lines, 2) for kind, spent in took.items()},
                "cores": round(cores, 2),
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
KINDS = ("workers", "PostgreSQL", "sandbox", "web")
TEXT = """## Buying

Lines a second from the form to the last line `bought`: one order of {lines} lines through the web, with
no rate and 16 in flight at most, at a sandbox without delay. Workers, database, sandbox and web share the
{cores} cores of this machine: {cores} cores divided by the CPU of a line (the last column) are the most
that it can do, whatever the number of workers. *Busy* is how many cores these processes had; what is
missing was waited for, mostly for the disk (four commits and the journal of each line are on it before
anything goes on), or others had it.
"""


def told(found: dict) -> str:
    """The section of docs/performance.md."""
    rows = []
    for engine, runs in found["buying"].items():
        first = next(iter(runs.values()))
        for workers, one in runs.items():
            spent = sum(one["ms"].values())
            rows.append([
                NAMES[engine], workers, one["lines"], one["rate"], f"{one['rate'] / first['rate']:.2f}x",
                *(one["ms"].get(kind, "") for kind in KINDS), round(spent, 1), one["cores"],
                round(1000 * found["machine"]["cores"] / spent),
            ])  # fmt: skip
    head = ["engine", "task workers", "bought", "lines a second", "against the first", *KINDS]
    head = [*head[:5], *(f"{kind}, ms" for kind in KINDS), "CPU of a line, ms", "busy", "most here"]
    rule = ["---"] * len(head)
    table = "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in [head, rule, *rows])
    return TEXT.format(lines=found["options"]["lines"], cores=found["machine"]["cores"]) + "\n" + table + "\n"
