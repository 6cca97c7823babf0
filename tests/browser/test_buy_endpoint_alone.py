"""An API that has `POST /v1/numbers/buy` and nothing else: ids are typed, and buying works."""

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.buying import empty_form, expect_all, review
from tests.browser.conftest import sign_in
from tests.support.stack import Sandbox, Stack


@pytest.fixture(scope="module")
def bare_api(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("bare-api") / "data.sqlite3")
    sandbox.connection_id = sandbox.connection
    sandbox.offers = sandbox.offered("646")
    sandbox.control("config", {"only_buy": True})
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def bare_stack(tmp_path_factory, bare_api):
    with Stack(tmp_path_factory.mktemp("bare-stack"), bare_api.url) as stack:
        stack.add_user("bob", "the long password of bob")
        stack.start_web()
        stack.start_worker()
        yield stack


@pytest.fixture
def bare_page(browser: Browser, bare_stack: Stack) -> Page:
    context = browser.new_context(base_url=bare_stack.web_url)
    page = context.new_page()
    sign_in(page, bare_stack)
    yield page
    context.close()


@pytest.mark.parametrize("what", ["area_code", "phone_number"])
def test_buying_works_with_ids_typed_by_hand(bare_page: Page, bare_api, what):
    before = len(bare_api.charges())
    wanted = {"area_code": "646", "phone_number": bare_api.offers[0]}[what]
    page = bare_page
    empty_form(page)
    page.locator("input[name=telephony_account_connection]").fill(bare_api.connection_id)
    page.locator("input[name=inbound_agent]").fill("Reception")
    page.locator(f"[name={what}]").fill(wanted)
    review(page)
    page.locator("#confirm-form button.btn-primary").click()
    page.wait_for_url("**/orders/*/")
    expect_all(page, "bought", 1)
    assert len(bare_api.charges()) == before + 1
    assert wanted in bare_api.charges()[-1]["number"]
