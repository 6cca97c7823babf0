"""The command: ``python -m numbers.sandbox --port 8100``."""

import argparse
import re
import signal
import sqlite3
import sys
from pathlib import Path

from . import config
from .late import LateCommits
from .server import SandboxServer
from .store import Store


class _Stop(BaseException):
    """A signal asked the process to end."""


def _latency(text: str) -> list[int]:
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    if match is None or int(match[2] or match[1]) < int(match[1]):
        raise argparse.ArgumentTypeError("use milliseconds as MIN-MAX, such as 300-900")
    return [int(match[1]), int(match[2] or match[1])]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8100, help="0 takes any free port (default: 8100)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--db", type=Path, default=Path("var/sandbox.sqlite3"), help="file for all data")
    parser.add_argument("--token", help="bearer token to require (default: sandbox)")
    parser.add_argument("--latency", type=_latency, metavar="MIN-MAX", help="milliseconds before each answer")
    parser.add_argument("--seed", type=int, help="seed for the available numbers (default: 0)")
    parser.add_argument("--quiet", action="store_true", help="don't log requests to standard error")


def run(options: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT. Returns the exit status: 0, or 1 if it cannot start.

    Options which were given win over what the file remembers; a reset goes back to them.
    """
    given = {"token": options.token, "latency_ms": options.latency}
    given = {key: value for key, value in given.items() if value}
    try:
        store = Store(options.db, {**config.DEFAULTS, **given}, given, options.seed)
        server = SandboxServer((options.host, options.port), store, quiet=options.quiet)
    except (OSError, OverflowError, sqlite3.Error) as error:
        sys.stderr.write(f"The sandbox cannot start: {error}\n")
        return 1
    # An exception, not an event: a handler that takes a lock can meet its own thread holding it.
    try:
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, _stop)
        LateCommits(store).start()
        sys.stdout.write(
            f"Sandbox of the Fluents API on http://{options.host}:{server.server_port}"
            f" (token: {store.config['token']}, data: {options.db})\n"
        )
        sys.stdout.flush()
        server.serve_forever()
    except _Stop:
        server.server_close()
        store.close()
    return 0


def _stop(signum: int, frame: object) -> None:
    for other in (signal.SIGTERM, signal.SIGINT):
        signal.signal(other, signal.SIG_IGN)
    raise _Stop


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m numbers.sandbox", description="A sandbox of the Fluents API, over HTTP."
    )
    add_options(parser)
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
