"""What a person waits for in Chromium: the first load of the list, and the turn of a page."""

import os
from pathlib import Path
from statistics import median

from playwright.sync_api import CDPSession, Page, sync_playwright

from tests.bench.buying import SETTINGS
from tests.bench.processes import SIGN_IN
from tests.support.stack import Sandbox, Stack

NUMBERS, TURNS, LOADS = 1000, 15, 9
LIST = "/numbers/?size=100"
#: Milliseconds from the click on NEXT until the frame with the new rows is on the screen.
TURN = """next => new Promise(done => {
    const began = performance.now();
    addEventListener("htmx:afterSettle", () => requestAnimationFrame(() => {
        const {port1, port2} = new MessageChannel();
        port1.onmessage = () => done(performance.now() - began);
        port2.postMessage("");
    }), {once: true});
    next.click();
})"""
#: Milliseconds until the largest thing of the page was painted, and kilobytes that came for it all.
LOADED = """() => new Promise(done => new PerformanceObserver(seen => {
    const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    const bytes = all.reduce((sum, entry) => sum + entry.transferSize, 0);
    done([seen.getEntries().at(-1).startTime, bytes / 1000]);
}).observe({type: "largest-contentful-paint", buffered: true}))"""


def painting(folder: Path) -> dict:
    """Medians over some loads without a cache and some turns of pages of 100 rows, on SQLite."""
    sandbox = Sandbox(folder / "sandbox.sqlite3")
    try:
        sandbox.control("reset", {"numbers": NUMBERS})
        with Stack(folder, sandbox.url, **SETTINGS) as stack, sync_playwright() as driver:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # the driver runs an event loop
            stack.manage("sync")
            name, _, value = stack.shell(SIGN_IN).partition("=")
            stack.start_web()
            browser = driver.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
            )
            cookie = {"name": name, "value": value, "url": stack.web_url}
            loads, page = [], None
            for _ in range(LOADS):
                if page:
                    page.context.close()  # its page would keep polling
                context = browser.new_context(viewport={"width": 1280, "height": 800})
                context.add_cookies([cookie])
                page = context.new_page()
                page.goto(stack.web_url + LIST, wait_until="networkidle")
                loads.append(page.evaluate(LOADED))
            told = turns(page, page.context.new_cdp_session(page))
            browser.close()
            return told | {
                "first load, painted": round(median(ms for ms, _ in loads)),
                "first load, KB": round(median(kilobytes for _, kilobytes in loads)),
            }
    finally:
        sandbox.close()


def turns(page: Page, session: CDPSession) -> dict:
    """Turn pages forth and back."""
    session.send("Performance.enable")
    taken, busy = [], []
    for turn in range(TURNS):
        link = page.query_selector("#older" if turn % 4 < 2 else "#newer")
        before = main_thread(session)
        taken.append(link.evaluate(TURN))
        busy.append(main_thread(session) - before)
    return {
        "elements": page.evaluate("document.querySelectorAll('*').length"),
        "page turn, painted": round(median(taken)),
        "page turn, main thread": round(median(busy)),
    }


def main_thread(session: CDPSession) -> float:
    """Milliseconds of tasks so far."""
    metrics = {row["name"]: row["value"] for row in session.send("Performance.getMetrics")["metrics"]}
    return metrics["TaskDuration"] * 1000
