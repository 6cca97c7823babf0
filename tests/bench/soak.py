"""Whether processes grow: people look, buy and sync for a long time, at an API that fails now and then."""

import random
import threading
import time
from pathlib import Path

import requests

from tests.bench.buying import SETTINGS, order_by_form
from tests.bench.processes import SIGN_IN, memory
from tests.support.stack import Sandbox, Stack

PEOPLE, EVERY, ORDER_EVERY = 3, 0.25, 20.0  # people; seconds between two pages of one, and between two orders
SETTLED = 1 / 12  # of the time: from here on nothing may grow; ten minutes of two hours
GROWTH = 1.10
PAGES = (
    "/", "/numbers/", "/numbers/?q={n}", "/numbers/?agent=none&sort=label", "/numbers/?region=CA&q={n}",
    "/orders/", "/attention/", "/activity/", "/activity/?q={n}", "/activity/?number={n}", "/gate/", "/drift/",
    "/agents/", "/unassigned/", "/plans/", "/numbers/export.csv",
)  # fmt: skip


def soak(folder: Path, *, minutes: float) -> dict:
    """Megabytes (PSS) by kind of process once all have settled, and at the end; and what was done."""
    sandbox, stop = Sandbox(folder / "sandbox.sqlite3"), threading.Event()
    sandbox.control("reset", {"numbers": 1000})
    sandbox.control("config", {"stock_per_area_code": 5000, "requests_kept": 10})
    given = SETTINGS | {"GATE_RATE": 0, "GATE_IN_FLIGHT": 20, "SYNC_SECONDS": 15, "MALLOC_ARENA_MAX": 2}
    try:
        with Stack(folder, sandbox.url, **given) as stack:
            cookie = stack.shell(SIGN_IN)
            stack.manage("sync")
            web, worker = stack.start_web(), stack.start_worker()
            told = {"requests": 0, "wrong": 0, "lines": 0}
            threads = [
                threading.Thread(target=look, args=(stack.web_url, cookie, stop, told)) for _ in range(PEOPLE)
            ]
            threads.append(threading.Thread(target=buy, args=(stack.web_url, cookie, sandbox, stop, told)))
            for thread in threads:
                thread.start()
            try:
                time.sleep(60 * minutes * SETTLED)
                settled = memory(web.pid, worker.pid)
                time.sleep(60 * minutes * (1 - SETTLED))
                return {"minutes": minutes, "settled": settled, "end": memory(web.pid, worker.pid), **told}
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
    finally:
        sandbox.close()


def look(url: str, cookie: str, stop: threading.Event, told: dict) -> None:
    """One person who goes from page to page."""
    dice = random.Random()
    with requests.Session() as browser:
        browser.headers["Cookie"] = cookie
        while not stop.wait(EVERY):
            page = dice.choice(PAGES).format(n=dice.randrange(100, 9999))
            answer = browser.get(url + page, timeout=60)
            told["requests"] += 1
            told["wrong"] += answer.status_code != 200


def buy(url: str, cookie: str, sandbox: Sandbox, stop: threading.Event, told: dict) -> None:
    """Orders of some lines, while each tenth answer of Fluents is an error."""
    kinds = ["error_before", "error_after", "reset_before", "reset_after", "rate_limited"]
    sandbox.control("config", {"storm": {"seed": 5, "share": 0.1, "kinds": kinds}})
    while not stop.wait(ORDER_EVERY):
        order_by_form(url, cookie, sandbox.connection, 8)
        told["lines"] += 8
