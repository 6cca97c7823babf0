"""A person buys lines."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.buying import buy, expect_all, fill_in, review

RECORD_STATES = """() => {
  window.states = [];
  const note = () => document.querySelectorAll("tr[data-state]").forEach((row) => {
    const last = window.states.filter(([id]) => id === row.dataset.line).at(-1);
    if (!last || last[1] !== row.dataset.state) window.states.push([row.dataset.line, row.dataset.state]);
  });
  note();
  new MutationObserver(note).observe(document.body, {childList: true, subtree: true, attributes: true});
}"""


def test_a_line_is_bought_while_one_watches_and_is_found_with_its_agent(page: Page, api):
    api.control("config", {"latency_ms": [900, 1200]})
    charges = len(api.charges())
    buy(page, area_code="617", inbound_agent="Reception")
    page.evaluate(RECORD_STATES)
    expect_all(page, "bought", 1)
    states = [state for _, state in page.evaluate("window.states")]
    assert states[0] in ("planned", "reserved")
    assert "sending" in states
    assert states[-1] == "bought"
    expect(page.locator("#order-live")).not_to_have_attribute("data-moving", "")
    expect(page).to_have_title(re.compile("1 of 1 bought"))
    number = api.charges()[-1]["number"]
    assert len(api.charges()) == charges + 1
    page.goto("/numbers/")
    row = page.locator(f'tr[data-number="{number}"]')
    expect(row).to_contain_text("Reception")
    row.locator("a.row-link").click()
    expect(page.locator("h1")).to_contain_text(number[-4:])
    api.control("config", {"latency_ms": [150, 300]})


def test_one_exact_number(page: Page, api):
    number = api.offered("503")[0]
    buy(page, phone_number=number)
    expect_all(page, "bought", 1)
    assert api.charges()[-1]["number"] == number
    page.goto(f"/numbers/{number}/")
    expect(page.locator("main")).to_contain_text("Unassigned")


def test_five_at_once(page: Page, api):
    before = len(api.charges())
    buy(page, area_code="206", quantity="5")
    expect_all(page, "bought", 5)
    assert len(api.charges()) == before + 5
    expect(page.locator("#order-live")).to_contain_text("5 of 5 bought")


def test_without_javascript_it_is_the_same(open_page, api):
    page = open_page(java_script_enabled=False)
    before = len(api.charges())
    order = buy(page, area_code="303", quantity="2", inbound_agent="Reception")
    bought = page.locator('tr[data-state="bought"]')
    for _ in range(60):
        page.goto(f"/orders/{order}/")
        if bought.count() == 2:
            break
    expect(bought).to_have_count(2)
    assert len(api.charges()) == before + 2
    page.goto("/numbers/?q=303")
    expect(page.locator("tr[data-number]").first).to_contain_text("Reception")


def test_a_double_click_on_buy_makes_one_order(page: Page, api):
    before = len(api.charges())
    fill_in(page, area_code="512")
    review(page)
    page.locator("#confirm-form button.btn-primary").dblclick()
    page.wait_for_url("**/orders/*/")
    expect_all(page, "bought", 1)
    assert len(api.charges()) == before + 1


def test_going_back_and_sending_again_shows_the_first_order(page: Page, api):
    order = buy(page, area_code="415")
    expect_all(page, "bought", 1)
    before = len(api.charges())
    page.go_back()
    page.locator("#confirm-form button.btn-primary").click()
    page.wait_for_url(f"**/orders/{order}/")
    expect(page.locator("#messages")).to_contain_text("Nothing was bought twice")
    assert len(api.charges()) == before


def test_the_connections_follow_the_provider(page: Page):
    page.goto("/orders/new/")
    page.locator("[name=telephony_provider]").select_option("telnyx")
    options = page.locator("#connection-field option")
    expect(options.filter(has_text="Twilio")).to_have_count(0)
    expect(options.filter(has_text="Telnyx")).to_have_count(1)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"area_code": "41a"}, "area_code"),
        ({"area_code": "911"}, "area_code"),
        ({"phone_number": "+1555"}, "phone_number"),
        ({"area_code": "415", "quantity": "0"}, "quantity"),
        ({"area_code": "415", "quantity": "1001"}, "quantity"),
        ({"area_code": "415", "phone_number": "+1 415 200 1234"}, "phone_number"),
        ({}, "area_code"),
    ],
)
def test_wrong_input_is_told_beside_its_field_and_the_rest_is_kept(page: Page, fields, wrong):
    fill_in(page, inbound_agent="Reception", **fields)
    review(page)
    message = page.locator(f"#id_{wrong}_error")
    expect(message).to_be_visible()
    expect(page.locator(f"[name={wrong}]")).to_have_attribute("aria-invalid", "true")
    assert f"id_{wrong}_error" in page.locator(f"[name={wrong}]").get_attribute("aria-describedby")
    for name, value in fields.items():
        expect(page.locator(f"#purchase-form [name={name}]")).to_have_value(value)
    chosen = page.locator("[name=inbound_agent] option:checked")
    expect(chosen).to_have_text("Reception")


def test_a_line_that_waits_can_be_called_off(page: Page, api, stack):
    stack.shell(
        "from numbers.services.spending import gate; from numbers.services.audit.events import Actor; "
        "gate.pause(reason='A test looks at this.', by=Actor(name='test'))"
    )
    before = len(api.charges())
    try:
        buy(page, area_code="702")
        expect(page.locator("main")).to_contain_text("A test looks at this.")
        page.get_by_role("button", name="Cancel line 1").click()
        expect_all(page, "cancelled", 1)
    finally:
        stack.shell(
            "from numbers.services.spending import gate; from numbers.services.audit.events import Actor; "
            "gate.open_gate(reason='The test is over.', by=Actor(name='test'))"
        )
    assert len(api.charges()) == before
