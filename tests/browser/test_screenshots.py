"""The pictures of the README. `make screenshots` writes them into docs/."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import sign_in

FOLDER = os.environ.get("SCREENSHOTS")
SIZES = {"desktop": {"width": 1280, "height": 1000}, "phone": {"width": 390, "height": 844}}
MOST = 80_000  # bytes

pytestmark = pytest.mark.skipif(not FOLDER, reason="make screenshots takes them")


def take(page: Page, name: str) -> None:
    """What the window shows, as a palette picture."""
    page.evaluate("document.activeElement.blur()")
    image = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    path = Path(FOLDER) / f"{name}.png"
    for colours in (192, 96, 48):
        # This method keeps rare colours, and colour is what tells states apart.
        small = image.quantize(colours, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        small.save(path, optimize=True)
        if path.stat().st_size < MOST:
            return
    raise AssertionError(f"{path} has {path.stat().st_size:,} bytes")


def confirming(page: Page) -> None:
    """The step before an order is placed."""
    page.goto("/orders/new/")
    form = page.locator("#purchase-form")
    form.locator("[name=telephony_account_connection]").select_option(index=1)
    form.locator("[name=area_code]").fill("617")
    form.locator("[name=quantity]").fill("8")
    form.locator("[name=inbound_agent]").select_option(label="Reception")
    form.locator("button.btn-primary").click()
    expect(page.locator("#confirm-form")).to_be_visible()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_picture_is_small(browser, house, theme, size):
    context = browser.new_context(base_url=house.web_url, viewport=SIZES[size], color_scheme=theme)
    page = context.new_page()
    sign_in(page, house)
    for name in ("Don't show this again", "Dismiss"):
        for button in page.get_by_role("button", name=name).all():
            button.click()
    paths = {
        "overview": "/",
        "list": "/numbers/?region=TX",
        "order": f"/orders/{house.ids['open']}/",
        "receipt": f"/orders/{house.ids['partly']}/receipt/",
        "desk": f"/review/{house.ids['review']}/",
    }
    for name, path in paths.items():
        assert page.goto(path).ok
        take(page, f"{name}-{theme}-{size}")
    confirming(page)
    take(page, f"review-{theme}-{size}")
    context.close()
