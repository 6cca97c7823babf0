"""Chromium against the running product. A console error or a CSP violation fails the test that met it."""

import json
import os
import re
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.stack import Sandbox, Stack

# The browser driver runs an event loop, which Django would take for an async context.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

PASSWORD = "the long password of bob"
# All that pages have put into the browser: settings of it, and never a number. htmx keeps the address of the
# page at hand, which a tab's own history has as well.
KEPT = """() => {
    const {"htmx-current-path-for-history": address, ...more} = {...sessionStorage};
    return JSON.stringify([{...localStorage}, more]);
}"""
PATIENCE = 45_000  # milliseconds: two stacks and two browsers may share two cores
expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)
            # The running product of a module is dear: its tests stay with one worker.
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


FONTS = """<fontconfig>
  <include>/etc/fonts/fonts.conf</include>
  <match target="pattern">
    <edit name="family" mode="prepend" binding="strong"><string>{}</string></edit>
  </match>
</fontconfig>
"""


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args, tmp_path_factory):
    """Debian's Chromium; with LOOKS_FONT every text is in that font."""
    env = dict(os.environ)
    if font := env.get("LOOKS_FONT"):
        fonts = tmp_path_factory.mktemp("fonts") / "fonts.conf"
        fonts.write_text(FONTS.format(font))
        env["FONTCONFIG_FILE"] = str(fonts)
    return {
        **browser_type_launch_args,
        "env": env,
        "executable_path": "/usr/bin/chromium",
        "args": [
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
        ],
    }


@pytest.fixture(scope="session")
def api(tmp_path_factory):
    """The sandbox of the browser tests, slow enough to watch."""
    sandbox = Sandbox(tmp_path_factory.mktemp("api") / "data.sqlite3")
    sandbox.control("reset", {"numbers": 70})
    sandbox.control("config", {"latency_ms": [150, 300]})
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory, api):
    """Web and worker, synced, with bob as the one who buys."""
    with Stack(tmp_path_factory.mktemp("stack"), api.url, GATE_RATE=4, SETTLE_WINDOW=4) as stack:
        stack.add_user("bob", PASSWORD)
        stack.manage("sync")
        stack.start_web()
        stack.start_worker()
        yield stack


# Answers of 4xx are what a test asks for. A poll that is under way when its page is left is aborted;
# `htmx:afterRequest` follows each abort and each failure, and every failure has a line of its own besides.
NO_COMPLAINT = re.compile(r"the server responded with a status of 4|^htmx:(sendAbort|abort|afterRequest)\b")


def watch(page: Page) -> list[str]:
    """What the console complains of while PAGE is used."""
    seen: list[str] = []

    def heard(message) -> None:
        if message.type in ("error", "warning") and not NO_COMPLAINT.search(message.text):
            seen.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: seen.append(str(error)))
    return seen


def sign_in(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.web_url}/accounts/login/")
    page.locator("[name=username]").fill("bob")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{stack.web_url}/")


@pytest.fixture(scope="session")
def signed_in(browser: Browser, stack: Stack) -> dict:
    """The cookies of bob."""
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, stack)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture
def open_page(browser: Browser, stack: Stack, signed_in: dict):
    """Opens pages as bob: `open_page(java_script_enabled=False, color_scheme="dark", ...)`."""
    contexts, complaints = [], []

    def start(**options) -> Page:
        context = browser.new_context(base_url=stack.web_url, storage_state=signed_in, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        complaints.append(watch(page))
        return page

    yield start
    pages = [page for context in contexts for page in context.pages if page.url.startswith("http")]
    kept = [page.evaluate(KEPT) for page in pages]
    for context in contexts:
        context.close()
    assert [text for text in kept if re.search(r"\d{7}|@|token", text)] == []
    assert [text for seen in complaints for text in seen] == []


@pytest.fixture
def page(open_page) -> Page:
    return open_page()


# What the demo does not have: lines that a worker has at hand, a plan that was applied, a long name.
SEED = """
from django.contrib.auth.models import Group, User
from django.utils import timezone
from numbers.models import Agent, Line, Number, Order, Plan, Reconciliation
from numbers.states import Act, LineState as S, PlanState, RowState
bob = User.objects.get(username="bob")
bob.groups.add(Group.objects.get(name="admin"))
lost = Line.objects.get(state=S.UNKNOWN)
for n, state in enumerate((S.PLANNED, S.RESERVED, S.SENDING), start=5):
    number = "" if state == S.PLANNED else f"+1416200000{n}"
    Line.objects.create(order=lost.order, position=n, state=state, area_code="416", phone_number=number,
        telephony_provider="twilio", connection=lost.connection, reason="Waiting for its turn.")
Order.objects.filter(pk=lost.order_id).update(quantity=7)
plan = Plan.objects.get()
done = Plan.objects.create(title="A finished one", state=PlanState.DONE, requested_by=bob,
    requested_by_name="bob", applied_at=timezone.now(), finished_at=timezone.now())
numbers = Number.objects.owned().exclude(plan_rows__isnull=False)[:3]
for number, state in zip(numbers, (RowState.DONE, RowState.FAILED, RowState.SKIPPED)):
    done.rows.create(number=number, before={"label": number.label}, after={"label": "New"}, state=state,
        reason="" if state == RowState.DONE else "Fluents refused it. Nothing was changed.")
release = Plan.objects.create(title="Release 1 number", act=Act.RELEASE, requested_by_name="bob")
release.rows.create(number=numbers[0], before={}, after={}, state=RowState.READY)
Reconciliation.objects.create(finished_at=timezone.now(), requested_by="bob")
gone = Agent.objects.exclude(gone_at=None).get()
Agent.objects.filter(pk=gone.pk).update(name="Holiday hotline with a very long name that has to fit somehow")
partly = Order.objects.filter(lines__state=S.BOUGHT).filter(lines__state=S.FAILED).first()
ids = {"review": Line.objects.get(state=S.REVIEW).pk, "open": lost.order_id, "partly": partly.pk,
    "called_off": Line.objects.filter(state=S.CANCELLED).first().order_id, "gone": gone.pk,
    "drifted": Number.objects.filter(drifted=True, drift__has_key="label").first().e164,
    "number": Number.objects.filter(bought_at__isnull=False).first().e164, "plan": plan.pk, "done": done.pk}
from numbers.models import Alarm, Finding, Invoice
from numbers.services.costs.months import count_month, start_of
count_month(start_of(timezone.now().date()))
for kind, ended_at in (("sync", None), ("budget", timezone.now())):
    Alarm.objects.create(kind=kind, text="The last sync was over 60 minutes ago.", ended_at=ended_at)
about = {"telephony_provider": "twilio", "month": "2026-01-01", "currency": "USD"}
billed = {"numbers": 9, "rows": 12, "right": 5, "unread": 1, "billed": {"USD": "10.35"},
    "aside": {"for other charges": 2}, "findings": {"price": 1}, "warnings": ["A warning."]}
unread = [{"row": 4, "column": "Price", "typed": "a dollar", "text": "This isn't an amount."}]
matched = Invoice.objects.create(state="done", counts=billed, unread=unread, **about)
for n, kind in enumerate(Finding.Kind.values):
    Finding.objects.create(invoice=matched, kind=kind, e164=f"+1415200000{n}", rows=[n + 2], billed="1.15",
        expected="1.00", currency="USD", text="Billed $1.15. Our price is $1.00.")
ids |= {"invoice": matched.pk, "release": release.pk}
for state in ("columns", "waiting", "refused"):
    ids[state] = Invoice.objects.create(state=state, errors=unread, content=b"Line,Charge", **about).pk
import json; print(json.dumps(ids))
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """The demo's books behind a web without a worker."""
    api = Sandbox(tmp_path_factory.mktemp("looks-api") / "data.sqlite3")
    with closing(api), Stack(tmp_path_factory.mktemp("looks"), api.url) as stack:
        stack.add_user("bob", PASSWORD)
        stack.manage("demo_data")
        stack.ids = json.loads(stack.shell(SEED))
        stack.start_web()
        yield stack
