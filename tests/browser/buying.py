"""What the browser tests do again and again."""

from playwright.sync_api import Page, expect


def empty_form(page: Page) -> None:
    """Open the purchase form without what an earlier test has typed."""
    page.goto("/orders/new/")
    if (button := page.get_by_role("button", name="Start over")).is_visible():
        button.click()
        expect(page.locator("#restored")).to_have_count(0)


def fill_in(page: Page, **fields: str) -> None:
    """Open the purchase form and fill in FIELDS; the first connection is taken unless one is given."""
    empty_form(page)
    form = page.locator("#purchase-form")
    if "telephony_account_connection" not in fields:
        form.locator("[name=telephony_account_connection]").select_option(index=1)
    for name, value in fields.items():
        field = form.locator(f"[name={name}]")
        if field.evaluate("e => e.tagName") == "SELECT":
            field.select_option(label=value)
        else:
            field.fill(value)


def review(page: Page) -> None:
    page.locator("#purchase-form button.btn-primary").click()


def buy(page: Page, **fields: str) -> int:
    """Order what FIELDS say; returns the order's id, on whose page the browser is then."""
    fill_in(page, **fields)
    review(page)
    page.locator("#confirm-form button.btn-primary").click()
    page.wait_for_url("**/orders/*/")
    return int(page.url.rstrip("/").rsplit("/", 1)[1])


def expect_all(page: Page, state: str, count: int) -> None:
    """Until COUNT lines are in STATE, without a reload."""
    expect(page.locator(f'tr[data-state="{state}"]')).to_have_count(count)
