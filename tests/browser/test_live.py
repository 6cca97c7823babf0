"""Open pages follow what others do, and leave alone what their reader is doing."""

import json

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PASSWORD, PATIENCE, sign_in
from tests.support.stack import Stack

ROWS = "#number-rows tr[data-number]"
SEED = """
import json
from numbers.models import Line, Number, Order
number = Number.objects.owned().exclude(connection=None).order_by("e164")[5]
order, _ = Order.objects.get_or_create(form_token="live", defaults={"quantity": 1})
line, _ = Line.objects.get_or_create(order=order, position=1, defaults={"connection": number.connection,
    "area_code": "415", "state": "cancelled", "settled_at": number.created_at})
print(json.dumps([line.pk, order.pk, number.e164]))
"""
REVIEW = """
from django.utils import timezone
from numbers.models import Line, Number
Line.objects.filter(pk={}).update(state="review", reason="Told by a command.", changed_at=timezone.now())
Number.objects.filter(e164="{}").update(label="Named by a command")
"""
END = """
from django.utils import timezone
from numbers.models import Line
Line.objects.filter(pk={}).update(state="cancelled", reason="", changed_at=timezone.now())
"""
NAME = """
from numbers.models import Number
Number.objects.filter(e164="{}").update(label="{}")
"""
NEW = """
from numbers.models import Number
Number.objects.filter(e164="{0}").delete()
Number.objects.create(e164="{0}", label="Brand new", area_code="415", region="CA")
"""
ORDER = """
import json
from numbers.models import Connection, Line, Number, Order
number = Number.objects.create(e164="+14155550181", area_code="415", region="CA")
order = Order.objects.create(form_token="two", quantity=2)
wants = {"order": order, "connection": Connection.objects.first(), "area_code": "415"}
kept = Line.objects.create(position=1, state="bought", phone_number=number.e164, number=number, **wants)
print(json.dumps([order.pk, kept.pk, Line.objects.create(position=2, **wants).pk]))
"""
BUY = """
from django.utils import timezone
from numbers.models import Line, Number
number, _ = Number.objects.get_or_create(e164="+14155550182", area_code="415", region="CA")
Line.objects.filter(pk={}).update(phone_number=number.e164, number=number, state="{}",
    changed_at=timezone.now())
"""
LIT = """() => {
    window.lit = new Set();
    document.addEventListener("animationstart", ({target}) => lit.add(target.closest("tr")?.dataset.number));
}"""
HIDE = """hidden => {
    Object.defineProperty(document, "hidden", {configurable: true, get: () => hidden});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def stack(tmp_path_factory, api):
    """Books of their own: these tests write numbers into them that Fluents doesn't have."""
    with Stack(tmp_path_factory.mktemp("live"), api.url) as stack:
        stack.add_user("bob", PASSWORD)
        stack.manage("sync")
        stack.start_web()
        yield stack


@pytest.fixture(scope="module")
def signed_in(browser: Browser, stack) -> dict:
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, stack)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(scope="module")
def seeded(stack) -> list:
    """A line that is over, its order, and a number."""
    return json.loads(stack.shell(SEED))


def polls_of(page: Page) -> list:
    """The polls that `page` sends from now on."""
    sent: list = []
    page.on("request", lambda request: sent.append(request) if "x-seen" in request.headers else None)
    return sent


def test_what_a_command_changes_shows_on_every_open_page(page: Page, stack, seeded):
    line, order, number = seeded
    shows = {
        f"/numbers/?q={number[2:]}": "td.at-label",
        f"/numbers/{number}/": ".under",
        "/orders/": f"#order-{order} .at-state",
        f"/orders/{order}/": "#order-lines",
        "/": ".needs",
        "/attention/?tab=purchases": ".inbox-items",
    }
    tabs = {path: page.context.new_page() for path in shows}
    for path, tab in tabs.items():
        tab.goto(path)
    before = tabs["/"].locator("#side .count").inner_text()
    stack.shell(REVIEW.format(line, number))
    for path, tab in tabs.items():
        words = (
            "Named by a command"
            if path.startswith("/numbers")
            else "Needs you"
            if path == "/orders/"
            else "Told by a command."
        )
        expect(tab.locator(shows[path]), path).to_contain_text(words)
    expect(tabs["/"].locator("#side .count")).not_to_have_text(before)
    stack.shell(END.format(line))
    expect(tabs["/"].locator(".needs")).not_to_contain_text("Told by a command.")
    expect(tabs["/attention/?tab=purchases"].locator(".empty h2")).to_have_text("Nothing needs you here")


def test_an_open_order_takes_in_the_lines_that_have_changed(page: Page, stack, seeded):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    order, kept, changed = json.loads(stack.shell(ORDER))
    page.goto(f"/orders/{order}/")
    page.locator(f"#line-{kept}").evaluate("row => { row.untouched = true }")
    for state, word in (("sending", "Buying"), ("bought", "Bought")):
        stack.shell(BUY.format(changed, state))
        expect(page.locator(f"#line-{changed} .at-state")).to_have_text(word)
    expect(page.locator("#order-live .far-words strong")).to_have_text("2 of 2 bought")
    assert page.locator(f"#line-{kept}").evaluate("row => row.untouched")
    page.get_by_role("button", name="Copy all numbers").click()
    both = "+14155550181\n+14155550182"
    page.wait_for_function("async both => await navigator.clipboard.readText() === both", arg=both)


def test_selection_focus_and_scroll_survive_and_what_changed_fades(page: Page, stack, seeded):
    number = seeded[2]
    page.goto("/numbers/?sort=number")
    row = page.locator(f'{ROWS}[data-number="{number}"]')
    row.locator(".tick").check()
    page.locator(ROWS).nth(20).locator(".row-link").evaluate("link => link.focus({preventScroll: true})")
    page.evaluate("scrollTo({top: 300, behavior: 'instant'})")
    page.evaluate(LIT)
    focused = page.evaluate("document.activeElement.href")
    stack.shell(NAME.format(number, "Named meanwhile"))
    expect(row.locator(".at-label")).to_have_text("Named meanwhile")
    assert page.evaluate("[document.activeElement.href, scrollY]") == [focused, 300]
    page.wait_for_function("number => lit.has(number) && lit.size === 1", arg=number)
    expect(row.locator(".tick")).to_be_checked()
    expect(page.locator("#ticked-words")).to_have_text("1 selected")
    page.locator("#untick").click()


def test_what_one_types_stays_while_the_page_around_it_follows(page: Page, stack, seeded):
    number = seeded[2]
    page.goto(f"/numbers/{number}/")
    stamp = page.locator("[name=seen]").input_value()
    page.locator("#id_description").fill("Half a sen")
    page.locator("#id_description").press("ArrowLeft")
    stack.shell(NAME.format(number, "Named by another"))
    expect(page.locator(".under")).to_contain_text("Named by another")
    page.keyboard.type("XY")
    expect(page.locator("#id_description")).to_have_value("Half a seXYn")
    assert page.locator("[name=seen]").input_value() == stamp  # so that saving tells of the other's change
    page.reload()
    expect(page.locator("#id_label")).to_have_value("Named by another")


def test_rows_wait_while_the_pointer_is_on_the_table(page: Page, stack, seeded):
    page.goto("/numbers/")
    first = page.locator(ROWS).first.get_attribute("data-number")
    page.locator(ROWS).nth(3).hover()
    stack.shell(NEW.format("+14155550177"))
    pill = page.locator("#held")
    expect(pill).to_have_text("1 change: show")
    expect(page.locator(ROWS).first).to_have_attribute("data-number", first)
    pill.click()
    expect(page.locator(ROWS).first).to_have_attribute("data-number", "+14155550177")
    expect(pill).to_be_hidden()


def test_rows_come_on_their_own_while_nobody_is_on_the_table(page: Page, stack, seeded):
    page.goto("/numbers/")
    page.locator("h1").hover()
    stack.shell(NEW.format("+14155550178"))
    expect(page.locator(ROWS).first).to_have_attribute("data-number", "+14155550178")


def test_a_hidden_tab_asks_nothing_and_looks_at_once_when_it_is_shown(page: Page, seeded):
    page.clock.install()
    page.goto("/gate/")
    page.evaluate(HIDE, True)
    sent = polls_of(page)
    page.clock.run_for(120_000)
    assert sent == []
    with page.expect_response(lambda response: "x-seen" in response.request.headers):
        page.evaluate(HIDE, False)
    assert len(sent) == 1


def test_a_page_says_when_the_session_has_ended_and_stops(page: Page, seeded):
    page.clock.install()
    page.goto("/numbers/")
    page.context.clear_cookies()
    with page.expect_response(lambda response: "x-seen" in response.request.headers):
        page.clock.run_for(3000)
    expect(page.locator("#ended")).to_contain_text("you were logged out")
    sent = polls_of(page)
    page.clock.run_for(120_000)
    assert sent == []
    page.locator("#ended a").click()
    page.wait_for_url("**/accounts/login/?next=/numbers/")


def test_a_page_asks_less_often_while_the_server_is_away(browser: Browser, stack, signed_in):
    context = browser.new_context(base_url=stack.web_url, storage_state=signed_in)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.clock.install()
    page.goto("/gate/")
    context.set_offline(True)
    for wait in (2000, 4000, 8000):
        with page.expect_event("requestfailed"):
            page.clock.run_for(wait)
        expect(page.locator("#offline")).to_be_visible()
        page.wait_for_function("() => true")
    sent = polls_of(page)
    page.clock.run_for(8000)
    assert sent == []
    context.set_offline(False)
    page.clock.run_for(8000)
    expect(page.locator("#offline")).to_be_hidden()
    context.close()
