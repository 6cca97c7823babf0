"""A person buys twenty lines in three area codes for two agents in one go, and wants from a file."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.buying import empty_form, expect_all
from tests.browser.conftest import sign_in

WANTS = [("415", "10", "Reception"), ("617", "5", "Reception"), ("303", "5", "Billing desk")]


class Hand:
    """Clicks, and counts them: a choice from a list is two."""

    def __init__(self) -> None:
        self.clicks = 0

    def click(self, what: Locator) -> None:
        what.click()
        self.clicks += 1

    def choose(self, what: Locator, **option) -> None:
        what.select_option(**option)
        self.clicks += 2


def test_twenty_lines_in_three_area_codes_for_two_agents_are_one_order(page: Page, api):
    empty_form(page)
    before, hand = len(api.charges()), Hand()
    page.goto("/")
    hand.click(page.get_by_role("link", name="Buy lines").first)
    hand.choose(page.locator("[name=telephony_account_connection]"), index=1)
    hand.click(page.locator("#find"))
    page.keyboard.type("san francisco")
    hand.click(page.get_by_role("button", name="Use area code 415"))
    expect(page.locator("#id_area_code")).to_have_value("415")
    expect(page.locator("#id_area_code")).to_be_focused()
    for _ in range(2):  # over the exact number to the lines
        page.keyboard.press("Tab")
    page.keyboard.type("10")
    hand.choose(page.locator("#id_inbound_agent"), label="Reception")
    for n, (area, lines, agent) in enumerate(WANTS[1:], start=2):
        hand.click(page.get_by_role("button", name="Add row"))
        expect(page.locator(f"#id_area_code-{n}")).to_be_focused()
        page.keyboard.type(area)
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.type(lines)
        if agent != "Reception":  # a new row begins with the agent of the last one
            hand.choose(page.locator(f"#id_inbound_agent-{n}"), label=agent)
    hand.click(page.get_by_role("button", name="Review 20 lines"))
    rows = page.locator("table.wants tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(2)).to_contain_text(re.compile("303.*5.*Billing desk", re.DOTALL))
    hand.click(page.get_by_role("button", name=re.compile("^Buy 20 lines")))
    page.wait_for_url("**/orders/*/")
    expect(page.locator(".under")).to_contain_text("20 lines: 10 in 415, 5 in 617, 5 in 303")
    expect_all(page, "bought", 20)
    assert hand.clicks == 13
    assert len(api.charges()) == before + 20
    page.get_by_role("link", name="Receipt").click()
    expect(page.locator("table.got tbody tr")).to_have_count(20)


def test_a_file_of_wants_is_mended_and_bought(page: Page, api):
    before = len(api.charges())
    page.goto("/orders/new/")
    page.get_by_role("link", name="Upload a CSV file").click()
    page.locator("[name=telephony_account_connection]").select_option(index=1)
    header = "area_code,phone_number,quantity,agent,label,tags\n"
    for content in ("206,,2,Recepshun,Van,\n41a,,1,,,", '206,,2,Reception,Van,"a, b"\n503,,1,,,'):
        page.locator("[name=file]").set_input_files(
            {"name": "wants.csv", "mimeType": "text/csv", "buffer": (header + content).encode()}
        )
        page.get_by_role("button", name="Check file").click()
        if "41a" in content:
            expect(page.locator("table.errors tbody tr")).to_have_count(2)
    expect(page.locator("h1")).to_have_text("Buy 3 lines?")
    page.get_by_role("button", name=re.compile("^Buy 3 lines")).click()
    expect_all(page, "bought", 3)
    expect(page.locator("tr[data-state=bought]").first).to_contain_text("Van")
    assert len(api.charges()) == before + 3


def test_what_is_typed_survives_a_reload_another_tab_and_a_new_log_in(page: Page, stack):
    empty_form(page)
    page.locator("#id_area_code").fill("617")
    page.locator("#id_quantity").fill("1,000")
    expect(page.get_by_role("button", name="Review 1,000 lines")).to_be_visible()
    page.locator("#id_label").fill("O\u2019Brien\u2019s  desk")
    expect(page.locator("#kept")).to_have_text("Saved.")
    page.get_by_role("button", name="Add row").click()
    page.locator("#id_area_code-2").fill("415")
    with page.expect_response("**/orders/new/typed/"):
        page.locator("#id_label-2").fill("West")
    tab = page.context.new_page()
    for window in (page, tab):
        window.goto("/orders/new/")
        expect(window.locator("#restored")).to_contain_text("Not ordered yet")
        expect(window.locator("#id_area_code")).to_have_value("617")
        expect(window.locator("#id_quantity")).to_have_value("1,000")
        expect(window.locator("#id_label")).to_have_value("O\u2019Brien\u2019s  desk")
        expect(window.locator("#id_label-2")).to_have_value("West")
    tab.close()
    page.context.clear_cookies()
    sign_in(page, stack)
    page.goto("/orders/new/")
    expect(page.locator("#id_label-2")).to_have_value("West")
    page.get_by_role("button", name="Start over").click()
    expect(page.locator("#id_area_code")).to_have_value("")
    expect(page.locator("#restored")).to_have_count(0)
