"""The web processes of an arena, and somebody who orders through them while they come and go."""

import base64
import html
import json
import random
import re
import subprocess
import time
from dataclasses import dataclass

import requests

from tests.faults.arena import Arena, children
from tests.support.stack import free_port, wait_until

SIGN_IN = """
from django.contrib.auth import get_user_model
from django.test import Client
user = get_user_model().objects.create_user('bob', is_superuser=True)
browser = Client()
browser.force_login(user)
print(browser.cookies['sessionid'].value)
"""
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
PATIENCE = 90  # seconds; a database that was stopped beyond a lease is back by then


@dataclass
class Web:
    """One gunicorn: a master with its children, on a port that stays its own."""

    port: int
    process: subprocess.Popen

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def serving(self) -> list[int]:
        return children(self.process.pid)


class Webs:
    """COUNT of them, all on the books of ARENA."""

    def __init__(self, arena: Arena, count: int) -> None:
        self.stack = arena.stack
        self.stack.manage("collectstatic", "--noinput", "-v0")
        self.all = [self.start(free_port()) for _ in range(count)]
        wait_until(lambda: all(answers(web.url) for web in self.all))

    def start(self, port: int) -> Web:
        return Web(port, self.stack.serve(port))

    def keep(self) -> None:
        """What systemd would do: one that ended is started again."""
        self.all = [self.start(web.port) if web.process.poll() is not None else web for web in self.all]


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


class Buyer:
    """Orders as a browser does, without JavaScript: form, confirming step, order.

    What gets no answer, or one that says that the server is in trouble, is sent again as it was, to
    whichever web comes next: a person who reloads.
    """

    def __init__(self, arena: Arena, webs: Webs, seed: int) -> None:
        self.arena, self.webs, self.connection = arena, webs, arena.connection
        self.session = requests.Session()
        self.session.cookies.set("sessionid", arena.stack.shell(SIGN_IN))
        self.random = random.Random(f"buyer {seed}")
        self.again = 0  # requests that had to be sent again

    def order(self, quantity: int, *, area_code: str) -> str:
        """Order lines; the form's token, as the books keep it."""
        page = self.ask("GET", "/orders/new/")
        form = fields(page) | {
            "telephony_provider": "twilio",
            "telephony_account_connection": self.connection,
            "area_code": area_code,
            "quantity": str(quantity),
        }
        step = self.ask("POST", "/orders/new/", form)
        assert 'id="confirm-form"' in step, step[:3000]
        order = self.ask("POST", "/orders/new/", fields(step))
        assert "data-line=" in order, order[:3000]
        return token_of(form["form_token"])

    def ask(self, method: str, path: str, form: dict | None = None) -> str:
        """The page that some web answers with in the end, redirects followed."""
        end = time.monotonic() + PATIENCE
        while True:
            url = self.random.choice(self.webs.all).url + path
            try:
                answer = self.session.request(method, url, data=form, headers={"Referer": url}, timeout=15)
                if answer.status_code < 500:
                    assert answer.ok, f"{answer.status_code} {answer.text[:3000]}"
                    return answer.text
            except requests.RequestException:
                pass
            assert time.monotonic() < end, f"no web answered {method} {path}; {self.arena.tail()}"
            self.again += 1
            time.sleep(0.2)


def fields(page: str) -> dict:
    """The hidden fields of the purchase form or of its confirming step."""
    form = re.search(r'<form[^>]*id="(?:purchase|confirm)-form".*?</form>', page, re.DOTALL)[0]
    return {name: html.unescape(value) for name, value in HIDDEN.findall(form)}


def token_of(signed: str) -> str:
    part = signed.split(":", maxsplit=1)[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))[1]
