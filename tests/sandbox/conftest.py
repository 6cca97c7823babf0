"""A real sandbox process, spoken to over real HTTP."""

import contextlib
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "token-of-the-tests"


class Sandbox:
    """One process. ``crash`` and ``start`` may follow each other on the same file."""

    def __init__(self, db: Path, *options: str) -> None:
        self.db = db
        self.options = options
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"
        self.start()

    def start(self, *, port: int = 0, command: tuple[str, ...] = ("-m", "numbers.sandbox")) -> None:
        where = ("--port", str(port), "--db", str(self.db))
        self.process = subprocess.Popen(
            [sys.executable, *command, *where, "--token", TOKEN, "--quiet", *self.options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ready_line = self.process.stdout.readline()
        self.url = re.search(r"http://\S+", self.ready_line)[0]
        self.port = int(self.url.rsplit(":", 1)[1])

    def end(self, signum: int) -> int:
        self.process.send_signal(signum)
        status = self.process.wait(timeout=5)
        self.process.stdout.close()
        return status

    def crash(self) -> None:
        self.end(signal.SIGKILL)

    def close(self) -> None:
        self.session.close()
        if self.process.poll() is None:
            self.end(signal.SIGKILL)

    def call(self, method: str, path: str, **kwargs) -> requests.Response:
        kwargs.setdefault("timeout", 10)
        return self.session.request(method, self.url + path, **kwargs)

    def get(self, path: str, **params) -> requests.Response:
        return self.call("GET", path, params=params)

    def control(self, path: str, body=None, method: str = "POST") -> dict:
        answer = self.call(method, "/_sandbox/" + path, json=body)
        assert answer.ok, answer.text
        return answer.json()

    def fault(self, name: str, **params) -> None:
        self.control("faults", {"fault": name, **params})

    def buy(self, **fields) -> requests.Response:
        body = {
            "telephony_provider": "twilio",
            "telephony_account_connection": self.connection,
            **({} if {"area_code", "phone_number"} & set(fields) else {"area_code": "415"}),
            **fields,
        }
        return self.call("POST", "/v1/numbers/buy", json=body)

    @property
    def connection(self) -> str:
        if not hasattr(self, "_connections"):
            self._connections = self.get("/v1/account_connections/list").json()["items"]
        return next(c["id"] for c in self._connections if c["type"] == "account_connection_twilio")

    def charges(self) -> list[dict]:
        return self.control("ledger", method="GET")["charges"]

    def charged(self) -> list[str]:
        return [charge["number"] for charge in self.charges()]

    def owned(self) -> list[str]:
        return [item["number"] for item in self.get("/v1/numbers/list", size=100).json()["items"]]

    def offered(self, area_code: str = "415", limit: int = 10) -> list[str]:
        answer = self.get("/v1/numbers/available", filters=f'{{"area_code": "{area_code}"}}', limit=limit)
        assert answer.status_code == 200, answer.text
        return [item["number"] for item in answer.json()["items"]]

    def requests(self, **params) -> list[dict]:
        return self.call("GET", "/_sandbox/requests", params=params).json()["requests"]


def wait_until(condition, seconds: float = 5.0) -> None:
    """Polls until ``condition()`` is true; fails the test after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox") / "data.sqlite3")
    yield sandbox
    sandbox.close()


@pytest.fixture
def sandbox(running):
    """The shared process, as new."""
    running.control("reset")
    return running


@pytest.fixture
def own_sandbox(tmp_path):
    """Starts processes that a test may kill."""
    with contextlib.ExitStack() as stack:

        def start(*options: str) -> Sandbox:
            sandbox = Sandbox(tmp_path / "deep" / "data.sqlite3", *options)
            stack.callback(sandbox.close)
            return sandbox

        yield start
