"""The real processes of the product, for tests: sandbox, web and workers on one database."""

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import requests

from tests.support.warm import Warm

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "token-of-the-tests"
SECRETS = (b"CANARY", TOKEN.encode())  # what the sandbox nests in its answers, and our own
TRACES = ("*.txt", "*.journal", "books.sqlite3*", "warm-*")  # what our processes write


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
        status = self.process.wait(timeout=30)
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


def wait_until(condition, seconds: float = 60.0, *, every: float = 0.01) -> None:
    """Polls until ``condition()`` is true; fails the test after ``seconds``, enough on a busy machine.

    Where a question is a command, ``every`` leaves the machine to those that are waited for.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every)


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


KEPT = ROOT / "var" / "tests"  # what takes seconds to make, and is copied from here


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """One process of all that run tests here."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def tables() -> str:
    """A word for these migrations and libraries."""
    code = [path for part in ("", "db", "migrations") for path in (ROOT / "numbers" / part).glob("*.py")]
    sources = [*sorted(code), ROOT / "requirements.txt"]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def migrated() -> Path:
    """A SQLite database with our tables and nothing else, to be copied.

    Made once for these migrations and libraries, by whichever process comes first.
    """
    made = KEPT / f"books-{tables()}.sqlite3"
    with one_at_a_time("books"):
        if not made.exists():
            part = KEPT / "part.sqlite3"
            for left_over in KEPT.glob("part.sqlite3*"):
                left_over.unlink()
            migrate(f"sqlite:///{part}")
            part.rename(made)
    return made


def migrate(database_url: str) -> None:
    env = {"DJANGO_SETTINGS_MODULE": "dashboard.settings", "SECRET_KEY": "migrate"}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"],
        cwd=ROOT,
        env={**os.environ, **env, "DATABASE_URL": database_url},
        check=True,
    )


class Stack:
    """The product on one database: any number of workers and webs, all of them real processes.

    DATABASE_URL names one that has our tables; without it SQLite is used. COLD: each command starts anew.
    Every process belongs to a session of its own, so that `kill` reaches a worker with its children.
    """

    def __init__(
        self,
        folder: Path,
        sandbox_url: str,
        *,
        database_url: str = "",
        cold: bool = False,
        **settings: object,
    ) -> None:
        self.folder, self.cold = folder, cold
        self.warm: Warm | None = None
        self.processes: list[subprocess.Popen] = []
        self.web_url = ""
        defaults = {
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",  # pytest names the tests' own
            "SECRET_KEY": secrets.token_urlsafe(40),
            "DEBUG": "off",
            "DATABASE_URL": database_url or f"sqlite:///{folder / 'books.sqlite3'}",
            "FLUENTS_API_URL": sandbox_url,
            "FLUENTS_API_TOKEN": TOKEN,
            "FLUENTS_LIVE": "off",
            "FLUENTS_CONNECT_TIMEOUT": "1",
            "FLUENTS_READ_TIMEOUT": "2",
            "LEASE_SECONDS": "5",
            "SETTLE_WINDOW": "3",
            "REFUSAL_WINDOW": "2",
            "GATE_RATE": "100",
            "GATE_IN_FLIGHT": "10",
            "BREAKER_UNKNOWNS": "0",
            "BREAKER_SHARE": "0",
            "SYNC_SECONDS": "0",
            "CALLS_SECONDS": "0",
            "PLAN_IN_FLIGHT": "8",
            "JOURNAL_PATH": str(folder / "sends.journal"),
            "STATIC_ROOT": str(folder / "static"),
            "PYTHONUNBUFFERED": "1",
        }
        given = {name: str(value) for name, value in settings.items()}
        self.env = {**os.environ, **defaults, **given}
        if not database_url:
            self.empty()

    def empty(self) -> None:
        """Books with nothing in them again. For SQLite, while none of our processes runs."""
        for left_over in self.folder.glob("books.sqlite3-*"):
            left_over.unlink()
        shutil.copyfile(migrated(), self.folder / "books.sqlite3")
        (self.folder / "sends.journal").unlink(missing_ok=True)

    def manage(
        self, *arguments: str, check: bool = True, timeout: float = 120, **env: str
    ) -> subprocess.CompletedProcess:
        """Run one of our commands to its end; ENV is set for it alone."""
        if self.cold or env.keys() - {"FAILPOINT"}:
            done = subprocess.run(
                [sys.executable, "manage.py", *arguments],
                cwd=ROOT,
                env={**self.env, **env},
                capture_output=True,
                text=True,
                timeout=timeout,
            )
        else:
            done = self.warmed().run(*arguments, failpoint=env.get("FAILPOINT", ""), timeout=timeout)
        if check:
            assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def warmed(self) -> Warm:
        """The process that runs commands with our settings as they are now."""
        if self.warm and self.warm.env != self.env:
            self.warm.close()
            self.warm = None
        if not self.warm:
            self.warm = Warm(self.folder, self.env, ROOT)
        return self.warm

    def shell(self, code: str) -> str:
        """What CODE prints; the models are imported."""
        return self.manage("shell", "-v0", "-c", code).stdout.strip()

    def start(self, *command: str, log: str = "log.txt", **env: str) -> subprocess.Popen:
        with (self.folder / log).open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env={**self.env, **env},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def start_worker(self, *, processes: int = 1, in_flight: int = 20, **env: str) -> subprocess.Popen:
        options = (f"--processes={processes}", f"--in-flight={in_flight}")
        return self.start("manage.py", "worker", *options, log="worker.txt", **env)

    def start_web(self) -> subprocess.Popen:
        """gunicorn on a free port; `web_url` is its address once it answers."""
        port = free_port()
        self.manage("collectstatic", "--noinput", "-v0")
        process = self.serve(port)
        self.web_url = f"http://127.0.0.1:{port}"
        wait_until(self.web_answers)
        return process

    def serve(self, port: int) -> subprocess.Popen:
        options = (f"--bind=127.0.0.1:{port}", "--threads=8", "--no-control-socket")
        return self.start("-m", "gunicorn", "dashboard.wsgi", *options, log="web.txt")

    def web_answers(self) -> bool:
        try:
            return requests.get(f"{self.web_url}/healthz", timeout=10).ok
        except requests.RequestException:
            return False

    def add_user(self, name: str, password: str, *roles: str) -> None:
        """An account with ROLES, a buyer's unless given."""
        self.shell(
            "from tests.support.people import person; "
            f"person({name!r}, *{roles or ('buyer',)!r}, password={password!r})"
        )

    def lines(self) -> list[dict]:
        """Every line, as `manage.py orders --json` tells it."""
        out = self.manage("orders", "--json").stdout
        return [json.loads(row) for row in out.splitlines()]

    def logs(self) -> str:
        """All that the processes have written so far."""
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*.txt"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self.warm:
            self.warm.close()
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        assert self.told() == [], "a secret stands in what our processes have written"

    def told(self) -> list[str]:
        """Files of our processes in which a secret stands."""
        files = [path for pattern in TRACES for path in self.folder.glob(pattern)]
        return [path.name for path in files if any(word in path.read_bytes() for word in SECRETS)]
