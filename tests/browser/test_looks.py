"""Every page, in both themes and on a phone: axe finds nothing and nothing sticks out."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.buying import buy, expect_all, fill_in, review

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="session")
def number(api) -> str:
    return api.owned()[0]


@pytest.fixture(scope="session")
def review_line(stack) -> str:
    """A line that needs a person, as Fluents answered with another number."""
    api_fault = (
        "from numbers.models import *; from numbers.services.placing import place_order; "
        "from numbers.services.history import By; import uuid; "
        "c = Connection.objects.filter(telephony_provider='twilio').first(); "
        "o, _ = place_order(by=By(name='bob'), form_token=uuid.uuid4().hex, telephony_provider='twilio', "
        "telephony_account_connection=c.api_id, area_code='907'); "
        "l = o.lines.get(); Line.objects.filter(pk=l.pk).update(state='review', phone_number='+19072001234', "
        "reason='Fluents answered with another number.', due_at='2100-01-01T00:00Z'); "
        "Attempt.objects.create(line=l, n=1, generation=1, phone_number='+19072001234', outcome='unknown', "
        "detail='Fluents gave no clear answer.'); print(l.pk)"
    )
    return stack.shell(api_fault)


PAGES = [
    "/",
    "/orders/new/",
    "/orders/",
    "/orders/1/",
    "/numbers/",
    "/numbers/?q=000000",
    "/numbers/{number}/",
    "/review/",
    "/review/{line}/",
    "/gate/",
    "/reconcile/",
    "/activity/",
    "/no-such-page/",
]


def problems(page: Page) -> list[str]:
    """What axe finds, in short."""
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{v['id']}: {n['html'][:120]}" for v in found for n in v["nodes"]]


def sticks_out(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(open_page, theme, number, review_line):
    page = open_page(color_scheme=theme)
    buy(page, area_code="916", quantity="2")
    expect_all(page, "bought", 2)
    found = {}
    for path in PAGES:
        page.goto(path.format(number=number, line=review_line))
        found[path] = problems(page)
    fill_in(page, area_code="41a")
    review(page)
    found["form with errors"] = problems(page)
    fill_in(page, area_code="415")
    review(page)
    found["confirm"] = problems(page)
    assert {path: rules for path, rules in found.items() if rules} == {}


def test_nothing_sticks_out_on_a_phone(open_page, number, review_line):
    page = open_page(viewport={"width": 360, "height": 740})
    wide = []
    for path in PAGES:
        page.goto(path.format(number=number, line=review_line))
        if sticks_out(page):
            wide.append(path)
    assert wide == []


def test_the_log_in_page_passes_too(browser, stack):
    for theme in ("light", "dark"):
        page = browser.new_page(color_scheme=theme, viewport={"width": 360, "height": 740})
        page.goto(f"{stack.web_url}/accounts/login/")
        assert problems(page) == []
        assert not sticks_out(page)
        page.close()
