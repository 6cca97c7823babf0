"""A person at a browser, as far as requests go: from the printed link over TLS to an order."""

import re
import time
from pathlib import Path

import requests
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from requests.adapters import HTTPAdapter

from tests.views.test_buying import Fields


class AtPort(HTTPAdapter):
    """Asks 127.0.0.1 at `port` for what belongs to `name`, and trusts `certificate` alone."""

    def __init__(self, name: str, port: int, certificate: Path) -> None:
        self.name, self.port, self.certificate = name, port, certificate
        super().__init__()

    def init_poolmanager(self, *args, **kwargs) -> None:
        super().init_poolmanager(*args, server_hostname=self.name, assert_hostname=self.name, **kwargs)

    def send(self, request, **kwargs) -> requests.Response:
        address, request.headers["Host"] = request.url, self.name
        request.url = address.replace(f"https://{self.name}", f"https://127.0.0.1:{self.port}", 1)
        answer = super().send(request, **{**kwargs, "verify": str(self.certificate), "proxies": {}})
        request.url = answer.url = address
        return answer


class Visitor:
    """Sees pages at https://NAME, which the proxy serves at `port` of this machine with `certificate`."""

    def __init__(self, name: str, port: int, certificate: Path) -> None:
        self.home = f"https://{name}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount(self.home, AtPort(name, port, certificate))
        self.page = requests.Response()

    def see(self, address: str) -> None:
        self.page = self.session.get(self.home + address.removeprefix(self.home), timeout=30)
        assert self.page.ok, self.page.text

    def send(self, form: str | None, **typed: str) -> None:
        """Fill in the form with that id, or those without one, and press its button."""
        [action] = re.findall(rf'<form(?=[^>]*id="{form}")[^>]*?action="([^"]*)"', self.page.text) or [""]
        parser = Fields(form)
        parser.feed(self.page.text)
        self.page = self.session.post(
            self.home + action if action else self.page.url,
            data=parser.found | typed,
            headers={"Origin": self.home, "Referer": self.page.url},
            timeout=30,
        )
        assert self.page.ok, self.page.text

    def join(self, link: str, name: str, password: str) -> None:
        """Choose a password at the link, log in, and set up a second factor."""
        self.see(link)
        self.send("password-form", new_password1=password, new_password2=password)
        self.send("login-form", username=name, password=password)
        self.see("/accounts/2fa/totp/activate/")
        self.send(None, password=password)  # again, to show that it is the same person
        secret = re.search(r'<p class="id num">([A-Z2-7]+)</p>', self.page.text)[1]
        self.send(None, code=format_hotp_value(hotp_value(secret, int(time.time()) // 30)))

    def buy(self, **wanted: str) -> int:
        """Order by the form and its confirming step; the number of the order."""
        self.see("/orders/new/")
        self.send("purchase-form", **wanted)
        self.send("confirm-form")
        return int(re.search(r"/orders/(\d+)/", self.page.url)[1])
