"""The pictures of the README. `make screenshots` writes them into docs/."""

import os
from pathlib import Path

from tests.browser.buying import buy, expect_all


def test_an_order_as_the_readme_shows_it(open_page, tmp_path):
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    page = open_page(viewport={"width": 1100, "height": 620})
    buy(page, area_code="617", quantity="4", inbound_agent="Reception")
    expect_all(page, "bought", 4)
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=folder / "order.png", animations="disabled")
    assert (folder / "order.png").stat().st_size < 120_000
