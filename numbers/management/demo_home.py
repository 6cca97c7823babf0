"""Where a demo lives: its two ports, and a folder of data that no other running demo uses."""

import fcntl
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from django.conf import settings
from django.core.management.base import CommandError

APART = 100  # of the sandbox's port from the dashboard's, where nobody says otherwise
HOME = "DEMO_HOME"  # in the environment: the folder that this demo has taken


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the dashboard and the sandbox listen, on 127.0.0.1."""

    web: int
    sandbox: int

    @classmethod
    def chosen(cls, web: int, sandbox: int | None) -> Self:
        """The two move together. Raises CommandError where they are no ports, or one and the same."""
        beside = web + APART if web + APART < 65_536 else web - APART
        ports = cls(web, sandbox or beside)
        for port in (ports.web, ports.sandbox):
            if not 0 < port < 65_536:
                raise CommandError(f"{port} isn't a port. Ports go from 1 to 65535.")
        if ports.web == ports.sandbox:
            raise CommandError(f"Dashboard and sandbox can't both use port {web}.")
        return ports

    def check(self) -> None:
        """Raise CommandError where one of them is taken, with what to do instead."""
        for port, whose in ((self.web, "the dashboard"), (self.sandbox, "the sandbox")):
            if why := why_closed(port):
                other = self.free_ones()
                raise CommandError(
                    f"Port {port}, for {whose}, {why}. Nothing was started. `make run PORT={other.web}` moves"
                    f" the demo: the dashboard to {other.web}, the sandbox to {other.sandbox}."
                )

    def free_ones(self) -> "Ports":
        ports = (Ports(web, web + APART) for web in range(self.web % 200 + 8000, 60_000, 2 * APART))
        return next(pair for pair in ports if not why_closed(pair.web) and not why_closed(pair.sandbox))


def why_closed(port: int) -> str:
    """Why nobody can listen on `port` of this machine now, or ""."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except PermissionError:
            return "is for root alone"
        except OSError:
            return "is taken by another program"
    return ""


def take(ports: Ports) -> Path:
    """A folder that is this process's alone until it ends, also after `exec`: var/, or one of its own beside
    a demo of this copy that runs already.
    """
    for home in (settings.VAR_DIR, settings.VAR_DIR / f"demo-{ports.web}"):
        home.mkdir(parents=True, exist_ok=True)
        lock = os.open(home / "demo.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        os.set_inheritable(lock, True)
        return home
    raise CommandError(f"A demo at port {ports.web} is starting or ending. Try again in a moment.")


def forget(home: Path) -> None:
    """Remove what earlier demos have left in `home`. Raises CommandError where the books are elsewhere."""
    books, journal = Path(str(settings.DATABASES["default"]["NAME"])), settings.JOURNAL_PATH
    if not settings.DATABASES["default"]["ENGINE"].endswith("sqlite3") or home not in books.parents:
        raise CommandError("--fresh removes data of a demo alone, and DATABASE_URL names other data.")
    if home not in journal.parents:
        raise CommandError("--fresh removes data of a demo alone, and JOURNAL_PATH names another place.")
    for name in (books.name, journal.name, "sandbox.sqlite3", "demo-logins.json"):
        for file in home.glob(f"{name}*"):
            file.unlink()
