"""Single sign-on in Chromium: at oidc-provider-mock, or with SSO=node (`make sso`) at the certified one."""

import os
import subprocess
from contextlib import closing

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.support.provider import Provider
from tests.support.stack import ROOT, Stack, free_port, wait_until

BEGIN, NODE = "/accounts/oidc/sso/login/", os.environ.get("SSO") == "node"


class Mock:
    """oidc-provider-mock: a name is enough."""

    def __init__(self, callback: str) -> None:
        self.provider = Provider()
        self.url, self.close = self.provider.url, self.provider.close

    def person(self, name: str, *groups: str) -> None:
        self.provider.person(name, preferred_username=name, groups=groups)

    def log_in(self, page: Page, name: str) -> None:
        page.locator("[name=sub]").first.fill(name)
        page.get_by_role("button", name="Authorize").first.click()


class Node:
    """oidc-provider with its own pages for log-in and consent."""

    def __init__(self, callback: str) -> None:
        port = free_port()
        self.url = f"http://localhost:{port}"
        command = ["node", "provider.mjs", str(port), callback]
        self.process = subprocess.Popen(command, cwd=ROOT / "tests/sso", stderr=subprocess.DEVNULL)
        wait_until(self.answers)

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/jwks", timeout=5).ok
        except requests.RequestException:
            return False

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def person(self, name: str, *groups: str) -> None:
        requests.post(f"{self.url}/people/{name}", json={"groups": groups}, timeout=5).raise_for_status()

    def log_in(self, page: Page, name: str) -> None:
        page.locator("[name=login]").fill(name)
        page.locator("[name=password]").fill("any")
        page.get_by_role("button", name="Sign-in").click()
        page.get_by_role("button", name="Continue").click()


@pytest.fixture(scope="module")
def places(tmp_path_factory, api):
    """The dashboard and the provider, which know each other."""
    port = free_port()
    web = f"http://127.0.0.1:{port}"
    with closing((Node if NODE else Mock)(f"{web}{BEGIN}callback/")) as provider:
        settings = {
            "OIDC_ISSUER": provider.url,
            "OIDC_CLIENT_ID": "the dashboard",
            "OIDC_CLIENT_SECRET": "a secret of the dashboard",
            "OIDC_NAME": "Example ID",
            "OIDC_ROLES": "buyers=buyer,admins=admin",
        }
        with Stack(tmp_path_factory.mktemp("sso"), api.url, **settings) as stack:
            stack.manage("collectstatic", "--noinput", "-v0")
            stack.serve(port)
            stack.web_url = web
            wait_until(stack.web_answers)
            yield stack, provider


@pytest.fixture
def page(browser: Browser, places) -> Page:
    context = browser.new_context(base_url=places[0].web_url)
    yield context.new_page()
    context.close()


def test_somebody_comes_in_and_the_role_goes_with_the_one_at_the_provider(page, browser, places):
    _, provider = places
    provider.person("eve", "buyers")
    page.goto("/orders/new/")
    page.get_by_role("link", name="Example ID").click()
    provider.log_in(page, "eve")
    expect(page.get_by_role("heading", level=1)).to_have_text("Buy lines")
    page.goto("/account/")
    expect(page.locator(".under").first).to_contain_text("eve")
    provider.person("eve", "others")
    context = browser.new_context(base_url=places[0].web_url)
    again = context.new_page()
    again.goto("/accounts/login/")
    again.get_by_role("link", name="Example ID").click()
    provider.log_in(again, "eve")
    expect(again.get_by_text("Your account has no role yet.")).to_be_visible()
    context.close()


def test_somebody_without_a_role_stays_out_and_is_told_why(page, places):
    _, provider = places
    provider.person("mallory", "others")
    page.goto("/accounts/login/")
    page.get_by_role("link", name="Example ID").click()
    provider.log_in(page, "mallory")
    expect(page.get_by_role("alert")).to_contain_text("Your account has no role here.")
    page.goto("/orders/")
    expect(page).to_have_url(f"{places[0].web_url}/accounts/login/?next=/orders/")


def test_what_comes_back_to_another_browser_opens_nothing(page, browser, places):
    """The address with the code, stolen on its way back: its state is of the browser that began."""
    _, provider = places
    provider.person("eve", "buyers")
    stolen: list[str] = []
    page.on("request", lambda request: stolen.append(request.url) if "/callback/?" in request.url else None)
    page.goto("/accounts/login/")
    page.get_by_role("link", name="Example ID").click()
    provider.log_in(page, "eve")
    page.wait_for_url(f"{places[0].web_url}/")
    context = browser.new_context(base_url=places[0].web_url)
    thief = context.new_page()
    thief.goto(stolen[0])
    expect(thief.get_by_role("alert")).to_contain_text("Example ID login failed")
    context.close()
