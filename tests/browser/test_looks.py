"""Every page in every state worth naming, looked at once: both themes, a phone, a wall.

The pages come from the URLconf, so a new one is looked at without anybody thinking of it. Their data is
the demo's, which has every state; no worker runs, so that nothing moves while one looks.
"""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from numbers.models import Snooze
from tests.browser.conftest import sign_in, watch
from tests.views.test_every_page import READABLE

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESK, PHONE, WALL = ({"width": w, "height": h} for w, h in ((1280, 900), (360, 740), (2560, 1300)))
MORE = [
    "/numbers/?q=nothing-like-it",
    "/numbers/?agent=none&sort=label",
    "/numbers/?region=CA&agent=none",
    "/drift/?kind=outbound_only",
    "/agents/?q=nobody-is-called-so",
    "/activity/?from=yesterday&person=nobody",
    "/orders/?tab=partial&q=zebra",
    "/find/?q=front",
    "/invoices/{waiting}/",
    "/invoices/{refused}/",
    "/invoices/{columns}/",
    "/activity/?plan={done}",
    "/orders/{open}/",
    "/orders/{partly}/",
    "/orders/{called_off}/",
    "/numbers/{drifted}/",
    "/agents/{gone}/",
    "/no-such-page/",
]


@pytest.fixture
def page(browser, house):
    context = browser.new_context(base_url=house.web_url, viewport=DESK, reduced_motion="reduce")
    page = context.new_page()
    complaints = watch(page)
    sign_in(page, house)
    yield page
    context.close()
    assert complaints == []


def problems(page: Page, *, rules: list[str] | None = None) -> list[str]:
    """What axe finds by RULES, or else by all of WCAG, in short."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": WCAG}
    options = {"runOnly": only, "resultTypes": ["violations"], "elementRef": False}
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    return [f"{v['id']}: {n['html'][:120]}" for v in found for n in v["nodes"]]


STICKING_OUT = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const holds = (e) => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === "visible";
  const wide = [...document.querySelectorAll("body *")].filter(holds).slice(-2);
  return [`${document.documentElement.scrollWidth} px`, ...wide.map((e) => e.outerHTML.slice(0, 120))];
}"""


def sticks_out(page: Page) -> list[str]:
    """What is wider than the window, innermost last."""
    return page.evaluate(STICKING_OUT)


TOO_NARROW = """() => [...document.querySelectorAll(".btn")]
  .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1)
  .map((one) => one.outerHTML.slice(0, 120))"""


CUT_OFF = """() => [...document.querySelectorAll("details.menu")].map((menu) => {
  if (!menu.checkVisibility()) return "";
  menu.open = true;
  const box = menu.querySelector(":scope > :not(summary)").getBoundingClientRect();
  const button = menu.querySelector("summary").getBoundingClientRect();
  const cut = box.left < 0 || box.right > document.documentElement.clientWidth;
  const beside = box.left >= button.right || box.right <= button.left;
  const hides = !beside && box.top < button.bottom - 1 && box.bottom > button.top + 1;
  menu.open = false;
  return cut || hides ? menu.outerHTML.slice(0, 120) : "";
}).filter(Boolean)"""


def faults(page: Page) -> list[str]:
    """Everything that is wrong with the page at hand: light, dark, on a phone, on a wall."""
    found = problems(page)
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size(PHONE)
    found += [f"wider than a phone: {what}" for what in sticks_out(page)]
    found += [f"words wider than their button on a phone: {what}" for what in page.evaluate(TOO_NARROW)]
    found += [f"menu off a phone or over its own button: {what}" for what in page.evaluate(CUT_OFF)]
    small = problems(page, rules=["color-contrast", "target-size"])
    found += [f"dark, on a phone: {problem}" for problem in small]
    page.set_viewport_size(WALL)
    found += [f"wider than a wall: {what}" for what in sticks_out(page)]
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light")
    return found


READY = """() => {
  document.querySelectorAll("details:not(.menu)").forEach((one) => { one.open = true });
  for (const row of document.querySelectorAll("tbody > tr:nth-child(n + 13)")) row.remove();
}"""  # rows after the twelfth are of the same make and cost seconds to look at


def addresses(ids: dict) -> list[str]:
    """Every page of the URLconf at an id that is there, and the states in MORE."""
    named = {
        "/review/1/": "/review/{review}/",
        "/plans/1/": "/plans/{plan}/",
        "/plans/1/give-up/": "/plans/{release}/give-up/",
        "/agents/1/": "/agents/{gone}/",
        "/invoices/1/": "/invoices/{invoice}/",
    }
    every = [named.get(path, path.replace("+14155550100", "{number}")) for path in READABLE]
    every += ["/plans/{done}/", *MORE, *(f"/attention/?tab={kind}" for kind in Snooze.Kind.values)]
    return [path.format(**ids) for path in every]


def test_no_page_has_a_fault_in_either_theme_or_at_any_width(page, house):
    found = {}
    for path in addresses(house.ids):
        there = page.goto(path).ok or path == "/no-such-page/"
        page.evaluate(READY)
        found[path] = faults(page) if there else ["not there"]
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


#: Buying has stopped on its own, which every page says in its longest words.
STOPPED = """
from django.utils import timezone
from numbers.models import Gate
reason = "5 of the last 20 purchases got no clear answer."
stopped = {"breaker": "open", "breaker_reason": reason, "breaker_at": timezone.now(), "needs_person": True}
Gate.objects.update(paused=False, **stopped)
"""
#: The database was restored: a journal has not reported, and numbers at Fluents hold the lines of their area.
RESTORED = """
from numbers.models import Journal, Line, Number
from numbers.services.spending import registry
Journal.objects.create(name="worker-2", machine="worker-2", path="/var/lib/dashboard/sends.journal")
registry.doubt("Restored.", reporter=None)
line = Line.objects.first()
for n, drift in enumerate(({}, {"appeared": True})):
    Number.objects.create(
        e164=f"+1{line.area_code or 415}555010{n}", area_code=line.area_code, connection=line.connection,
        standing="holds", drift=drift, drifted=bool(drift),
    )
"""


def test_what_opens_on_a_page_has_no_fault_either(page, house):
    found = {}
    page.goto("/numbers/?agent=none")
    page.locator("input.tick").first.click()
    page.evaluate("scrollTo(0, document.body.scrollHeight)")  # where the bar covers half of no link
    page.wait_for_function("document.getAnimations().length === 0")  # the bar has risen
    found["bulk bar"] = faults(page)
    page.locator(".edit").first.click()
    expect(page.locator("#assign-dialog #id_agent")).to_be_focused()
    page.keyboard.type("No such agent")
    page.keyboard.press("Enter")
    expect(page.locator("#id_agent_error")).to_be_visible()
    found["dialog with an error"] = faults(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    found["keys"] = faults(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("415")
    expect(page.locator('#palette-results[data-about="415"]')).to_be_visible()
    found["palette"] = faults(page)
    page.goto(f"/numbers/{house.ids['number']}/")
    page.locator(".head-actions summary").click()
    found["menu"] = faults(page)
    page.goto("/orders/new/")
    page.locator("#purchase-form [name=area_code]").fill("41a")
    page.locator("#purchase-form button.btn-primary").click()
    expect(page.locator("#id_area_code_error")).to_be_visible()
    found["purchase with an error"] = faults(page)
    page.locator("#purchase-form [name=telephony_account_connection]").select_option(index=1)
    page.locator("#purchase-form [name=area_code]").fill("415")
    page.locator("#purchase-form button.btn-primary").click()
    expect(page.locator("#confirm-form")).to_be_visible()
    found["confirm"] = faults(page)
    house.shell(
        "from numbers.services.spending import gate; from numbers.services.audit.events import Actor; "
        "gate.pause(reason='Somebody looks at this.', by=Actor(name='test'))"
    )
    page.goto("/gate/")
    found["paused"] = faults(page)
    house.shell(STOPPED)
    page.goto("/gate/")
    found["stopped"] = faults(page)
    house.shell(RESTORED)
    page.goto("/gate/")
    page.evaluate(READY)
    expect(page.locator("#explain-form")).to_be_visible()
    found["restored"] = faults(page)
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


def test_the_log_in_page_passes_too(browser, house):
    page = browser.new_page(viewport=DESK, reduced_motion="reduce")
    page.goto(f"{house.web_url}/accounts/login/")
    assert faults(page) == []
    page.close()


@pytest.mark.parametrize("path", ["/", "/numbers/"])
def test_a_first_view_is_light_on_the_wire(page, house, path):
    """All that a browser without a cache reads for one page, compressed as it comes."""
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes = []
    wire.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(path, wait_until="networkidle")
    assert len(sizes) >= 6  # the page, two style sheets, htmx, our scripts, icons
    assert sum(sizes) < 200_000
