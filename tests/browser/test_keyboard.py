"""The main acts by keyboard alone: nothing here ever touches the mouse."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.buying import empty_form, expect_all
from tests.browser.conftest import PASSWORD, watch


def tab_to(page: Page, wanted: Locator, most: int = 100) -> None:
    """Press Tab until WANTED has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{wanted} cannot be reached")


def log_in(page: Page) -> None:
    page.goto("/accounts/login/")
    expect(page.locator("[name=username]")).to_be_focused()
    page.keyboard.type("bob")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Overview")


def test_log_in_buy_find_assign_and_change_without_a_mouse(browser, stack, api):
    context = browser.new_context(base_url=stack.web_url)
    page = context.new_page()
    complaints = watch(page)
    log_in(page)
    empty_form(page)
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()

    tab_to(page, page.locator(".head-actions").get_by_role("link", name="Buy lines"), 400)
    page.keyboard.press("Enter")
    form = page.locator("#purchase-form")
    tab_to(page, form.locator("[name=telephony_account_connection]"))
    page.keyboard.type("Twilio main")
    tab_to(page, form.locator("[name=area_code]"))
    page.keyboard.type("646")
    tab_to(page, form.locator("button.btn-primary"))
    page.keyboard.press("Enter")
    tab_to(page, page.locator("#confirm-form button.btn-primary"))
    page.keyboard.press("Enter")
    expect_all(page, "bought", 1)
    number = api.charges()[-1]["number"]

    page.keyboard.press("/")
    expect(page.locator("#palette-q")).to_be_focused()
    page.keyboard.type(number[2:])
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/numbers/{number}/")
    page.goto(f"/numbers/?q={number[2:]}")
    row = page.locator(f'tr[data-number="{number}"]')
    expect(row).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(page.locator("#assign-dialog #id_agent")).to_be_focused()
    page.keyboard.type("Reception")
    page.keyboard.press("Enter")
    expect(row.locator(".who")).to_contain_text("Reception")
    expect(row.locator("a.row-link")).to_be_focused()  # the row was swapped beneath

    page.keyboard.press("Enter")
    label = page.locator("#number-form [name=label]")
    tab_to(page, label)
    page.keyboard.type("By hand")
    page.keyboard.press("Enter")
    expect(page.locator("#changing")).to_contain_text("Label is now By hand")
    theme = page.locator("html").get_attribute("data-bs-theme")
    page.goto("/")
    tab_to(page, page.locator("#theme"))
    page.keyboard.press("Space")
    expect(page.locator("html")).not_to_have_attribute("data-bs-theme", theme)
    tab_to(page, page.get_by_role("button", name="Don't show this again"), 400)
    page.keyboard.press("Enter")
    expect(page.locator(".tour")).to_have_count(0)
    context.close()
    assert complaints == []
