"""The real processes: memory, time to the first page, 500 open pages, lines bought a second."""

import os
import re
import time
from pathlib import Path

import requests

from tests.bench.polling import poll
from tests.faults.arena import children, name_of
from tests.stack import Sandbox, Stack, wait_until

PAGES, EVERY = 500, 2.0  # browsers with an order open, and the seconds between two questions of one
TICK = os.sysconf("SC_CLK_TCK")
OPEN_LINES = """
from datetime import timedelta
from django.utils import timezone
from numbers.models import Connection, Line, Order
c, _ = Connection.objects.get_or_create(api_id='c1', defaults={'telephony_provider': 'twilio'})
o = Order.objects.create(form_token='bench', quantity=20)
later = timezone.now() + timedelta(days=1)  # nobody looks them up meanwhile
Line.objects.bulk_create(Line(order=o, position=n, state='unknown', telephony_provider='twilio', connection=c,
                              area_code='415', due_at=later) for n in range(1, 21))
print(o.pk)
"""
SIGN_IN = """
from django.test import Client
from tests.people import person
c = Client(); c.force_login(person('ada', 'buyer'))
print('; '.join(f'{k}={v.value}' for k, v in c.cookies.items()))
"""
SPEED = """
from django.db.models import Max, Min
from numbers.models import Line
rows = Line.objects.filter(order__pk={order})
t = rows.aggregate(a=Min('created_at'), b=Max('settled_at'))
print(rows.filter(state='bought').count() / (t['b'] - t['a']).total_seconds())
"""


def pss(pid: int) -> float:
    """The megabytes that a process costs: its own, and its share of what it shares."""
    return int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1]) / 1024


def cpu(pid: int, *, ended: bool = False) -> float:
    """Seconds of CPU that a process took; with those of its children that have ENDED."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11 : 15 if ended else 13]) / TICK


def small(folder: Path, database_url: str, seconds: float) -> dict:
    """Memory, start and polls on a small database."""
    with Stack(folder, "http://127.0.0.1:9", database_url=database_url, REQUIRE_MFA="off") as stack:
        cookie = stack.shell(SIGN_IN)
        web = stack.start_web()  # collects the static files, too: what is timed is the start after this one
        stack.processes.remove(web)
        web.terminate()
        web.wait(20)
        found = {"first page, s": round(restart(stack, cookie), 2)}
        order = int(stack.shell(OPEN_LINES))
        worker = stack.start_worker(processes=1)
        seen = requests.get(f"{stack.web_url}/orders/{order}/", headers={"Cookie": cookie}, timeout=20).text
        path = f"/orders/{order}/?seen={re.search(r'seen=([^\"&]+)', seen)[1]}"
        (serving,) = children(stack.processes[-2].pid)
        before, start = cpu(serving), time.monotonic()
        told = poll(
            int(stack.web_url.rsplit(":", 1)[1]), path, cookie, count=PAGES, every=EVERY, seconds=seconds
        )
        share = (cpu(serving) - before) / (time.monotonic() - start)
        found["polls"] = {
            "pages": PAGES, "every": EVERY, "answered": len(told.taken), "wrong": told.wrong,
            "p50": told.at(0.5), "p95": told.at(0.95), "cpu_share": round(share, 2),
            "ms_each": round((cpu(serving) - before) * 1000 / max(1, len(told.taken)), 2),
        }  # fmt: skip
        found["memory"] = {"web": round(pss(serving), 1)}
        for pid in children(worker.pid):
            name = name_of(pid)
            found["memory"][name] = round(pss(pid), 1)
        found["memory"]["parent of the workers"] = round(pss(worker.pid), 1)
        return found


def restart(stack: Stack, cookie: str) -> float:
    """Seconds from the start of gunicorn to the first page with rows in it."""
    port = int(stack.web_url.rsplit(":", 1)[1])
    began = time.monotonic()
    stack.serve(port)
    wait_until(lambda: shows(stack.web_url, cookie))
    return time.monotonic() - began


def shows(url: str, cookie: str) -> bool:
    try:
        return requests.get(f"{url}/numbers/", headers={"Cookie": cookie}, timeout=10).ok
    except requests.RequestException:
        return False


def buying(folder: Path, database_url: str, workers: int, lines: int) -> float:
    """Lines bought a second, from the order to the last line, at a sandbox that answers at once."""
    sandbox = Sandbox(folder / "sandbox.sqlite3")
    sandbox.control("config", {"stock_per_area_code": 5000})
    settings = {"GATE_RATE": 0, "GATE_IN_FLIGHT": 64, "REQUIRE_MFA": "off", "LEASE_SECONDS": 30}
    try:
        with Stack(folder, sandbox.url, database_url=database_url, **settings) as stack:
            stack.start_worker(processes=workers)
            stack.manage("sync")
            bought = stack.manage(
                "buy", "--telephony-provider", "twilio", "--telephony-account-connection", sandbox.connection,
                "--area-code", "415", "--quantity", str(lines), "--wait", "300", "--json", timeout=400,
            )  # fmt: skip
            order = re.search(r'"order": (\d+)', bought.stdout)[1]
            return round(float(stack.shell(SPEED.format(order=order))), 1)
    finally:
        sandbox.close()
