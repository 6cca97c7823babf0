"""From the form to `bought`, at a sandbox that answers at once: lines a second, and whose CPU they take."""

import re
import time
from pathlib import Path

import requests

from tests.bench.processes import SIGN_IN, cpu
from tests.faults.arena import children
from tests.faults.postgres import Cluster
from tests.faults.webs import fields
from tests.stack import Sandbox, Stack, wait_until

SETTINGS = {
    "GATE_RATE": 0,
    "GATE_IN_FLIGHT": 64,
    "LEASE_SECONDS": 30,
    "REQUIRE_MFA": "off",
    "REAUTH_SECONDS": 0,
    "LOG_FORMAT": "json",
    "PYTHONDONTWRITEBYTECODE": "",
}
STATES = """
from django.db.models import Count, Max, Min
from numbers.models import Line
rows = Line.objects.filter(order__pk={order})
t = rows.aggregate(a=Min('created_at'), b=Max('settled_at'))
print(rows.filter(state='bought').count(), (t['b'] - t['a']).total_seconds())
"""
LEFT = """
from numbers.models import Line
print(Line.objects.filter(order__pk={order}).exclude(state__in=['bought', 'failed', 'review']).count())
"""


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
            }
    finally:
        sandbox.close()


def buy(stack: Stack, cookie: str, connection: str, lines: int) -> tuple[int, float]:
    """Order by the form, wait for the last line; how many were bought, and in which time."""
    order = order_by_form(stack.web_url, cookie, connection, lines)
    wait_until(lambda: stack.shell(LEFT.format(order=order)) == "0", 300)
    bought, seconds = stack.shell(STATES.format(order=order)).split()
    return int(bought), float(seconds)


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
