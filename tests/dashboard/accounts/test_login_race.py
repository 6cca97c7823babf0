"""The door of a real server, with twenty people at it at once, and with forms and cookies of others."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.support.stack import Stack

pytestmark = [pytest.mark.storm, pytest.mark.xdist_group("door")]
PASSWORD = "the long password of bob"
TOLD = """
import json
from collections import Counter
from numbers.models import Event, Order
actions, reasons = (Counter(Event.objects.values_list(name, flat=True)) for name in ("action", "reason"))
print(json.dumps({"actions": actions, "reasons": reasons, "orders": Order.objects.count()}))
"""
FOREIGN = {"Origin": "https://evil.example"}


@pytest.fixture(scope="module")
def door(tmp_path_factory, running):
    """gunicorn with its threads, before empty books."""
    with Stack(tmp_path_factory.mktemp("door"), running.url) as stack:
        for name in ("bob", "eve", "vera"):
            stack.add_user(name, PASSWORD)
        stack.start_web()
        yield stack


class Visitor(requests.Session):
    """A browser without scripts."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self.trust_env, self.url = False, stack.web_url

    def form(self, path: str) -> dict[str, str]:
        """The hidden fields of the page at PATH."""
        page = self.get(self.url + path, timeout=60).text
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))

    def submit(self, path: str, fields: dict, **more) -> requests.Response:
        return self.post(self.url + path, fields, allow_redirects=False, timeout=60, **more)

    def log_in(self, name: str, password: str = PASSWORD) -> requests.Response:
        return self.submit(
            "/accounts/login/", self.form("/accounts/login/") | {"username": name, "password": password}
        )


def at_once(stack: Stack, name: str, passwords: list[str]) -> Counter:
    """All of these log-ins in the same moment; how often each status came back."""
    visitors = [Visitor(stack) for _ in passwords]
    forms = [visitor.form("/accounts/login/") for visitor in visitors]

    def knock(n: int) -> int:
        fields = forms[n] | {"username": name, "password": passwords[n]}
        return visitors[n].submit("/accounts/login/", fields).status_code

    with ThreadPoolExecutor(len(passwords)) as pool:
        return Counter(pool.map(knock, range(len(passwords))))


def told(stack: Stack) -> dict:
    """What is on the books: how often each action and reason, and how many orders."""
    return json.loads(stack.shell(TOLD))


def test_a_form_that_another_site_sends_is_refused_and_told(door):
    """The browser of somebody who is logged in, with the right token, but from elsewhere."""
    eve = Visitor(door)
    assert eve.log_in("eve").status_code == 302
    fields = eve.form("/orders/new/") | {
        "telephony_provider": "twilio", "telephony_account_connection": "main", "area_code": "415",
        "quantity": "1", "confirmed": "1",
    }  # fmt: skip
    origins = [
        {"Origin": origin} for origin in ("https://evil.example", "null", f"{door.web_url}.evil.example")
    ]
    for headers in [*origins, {"Origin": "https://evil.example", "HX-Request": "true"}]:
        assert eve.submit("/orders/new/", fields, headers=headers).status_code == 403
    without = fields | {"csrfmiddlewaretoken": ""}
    assert eve.submit("/orders/new/", without, headers={"Origin": door.web_url}).status_code == 403
    books = told(door)
    assert books["orders"] == 0
    assert books["actions"]["access.denied"] >= 1  # the first of five alike, and samples
    assert any("Origin checking failed" in reason for reason in books["reasons"])
    stolen = Visitor(door)
    stolen.cookies.update(eve.cookies)
    assert stolen.submit("/accounts/logout/", fields).status_code == 302
    assert eve.submit("/orders/new/", fields).headers["Location"].startswith("/accounts/login/")
    assert (
        eve.submit("/orders/new/", fields, headers=FOREIGN).status_code == 403
    )  # and no event: nobody is in
    assert told(door)["actions"]["access.denied"] == books["actions"]["access.denied"]


def test_twenty_right_log_ins_in_one_moment_work_or_are_told_to_wait(door):
    before = told(door)["actions"].get("access.login", 0)
    answers = at_once(door, "vera", [PASSWORD] * 20)
    assert set(answers) <= {302, 429}
    assert answers[302] >= 1
    assert told(door)["actions"]["access.login"] == before + answers[302]


def test_of_twenty_guesses_in_one_moment_five_are_looked_at(door):
    answers = at_once(door, "bob", [f"guess number {n}" for n in range(20)])
    assert answers == {200: 5, 429: 15}
    assert told(door)["reasons"]["Wrong password."] == 5
