"""The real processes: memory, time to the first page, 500 open pages."""

import os
import re
import time
from pathlib import Path

import requests

from tests.bench.polling import poll
from tests.faults.arena import children
from tests.support.stack import Stack, wait_until

PAGES, EVERY = 500, 2.0  # browsers with an order open, and the seconds between two questions of one
QUIET = 5.0  # seconds without a commit
STARTS = 3  # of which the quickest counts: the others tell about the machine
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}  # bytecode is kept, as in an image
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
from tests.support.people import person
c = Client(); c.force_login(person('ada', 'buyer'))
print('; '.join(f'{k}={v.value}' for k, v in c.cookies.items()))
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
    with Stack(
        folder, "http://127.0.0.1:9", database_url=database_url, REQUIRE_MFA="off", **COMPILED
    ) as stack:
        cookie = stack.shell(SIGN_IN)
        stack.start_web()  # collects the static files and compiles; the starts after this one are timed
        starts = [restart(stack, cookie) for _ in range(STARTS)]
        found = {"first page, s": min(starts)[0], "first page, CPU": min(cpu for _, cpu in starts)}
        order = int(stack.shell(OPEN_LINES))
        stack.start_worker(processes=1)
        path = f"/orders/{order}/"
        seen = settled(f"{stack.web_url}{path}", cookie)
        (serving,) = children(stack.processes[-2].pid)
        before, start = cpu(serving), time.monotonic()
        told = poll(
            int(stack.web_url.rsplit(":", 1)[1]),
            path,
            cookie,
            seen,
            count=PAGES,
            every=EVERY,
            seconds=seconds,
        )
        share = (cpu(serving) - before) / (time.monotonic() - start)
        found["polls"] = {
            "pages": PAGES, "every": EVERY, "answered": len(told.taken), "wrong": told.wrong,
            "p50": told.at(0.5), "p95": told.at(0.95), "cpu_share": round(share, 2),
            "ms_each": round((cpu(serving) - before) * 1000 / max(1, len(told.taken)), 2),
        }  # fmt: skip
        return found


def settled(url: str, cookie: str) -> str:
    """What a page has seen since a worker that has just begun commits nothing more."""
    seen, since = "", 0.0
    while not seen or time.monotonic() - since < QUIET:
        page = requests.get(url, headers={"Cookie": cookie}, timeout=20).text
        now = re.search(r'data-seen="([^"~]+)', page)[1]
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.2)
    return seen


def memory(web: int, worker: int) -> dict[str, float]:
    """Megabytes by what the processes are, where there are several of the largest."""
    found: dict[str, float] = {"parent of the web": pss(web), "parent of the workers": pss(worker)}
    for pid, name in [(pid, "web") for pid in children(web)] + [(pid, "worker") for pid in children(worker)]:
        found[name] = max(found.get(name, 0.0), pss(pid))
    return {name: round(size, 1) for name, size in sorted(found.items())}


def restart(stack: Stack, cookie: str) -> tuple[float, float]:
    """Seconds from the start of gunicorn to the first page with rows in it, and the CPU that went into it."""
    end_web(stack)
    began = time.monotonic()
    web = stack.serve(int(stack.web_url.rsplit(":", 1)[1]))
    wait_until(lambda: shows(stack.web_url, cookie))
    took = cpu(web.pid) + sum(cpu(pid) for pid in children(web.pid))
    return round(time.monotonic() - began, 2), round(took, 2)


def end_web(stack: Stack) -> None:
    web = stack.processes.pop()
    web.terminate()
    web.wait(20)


def shows(url: str, cookie: str) -> bool:
    try:
        return requests.get(f"{url}/numbers/", headers={"Cookie": cookie}, timeout=10).ok
    except requests.RequestException:
        return False
