"""Asks whether the process of this container is alive: `python -m dashboard.healthcheck`, or `… worker`.

Without Django, so that asking every few seconds costs next to nothing.
"""

import os
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

SILENCE = 180  # seconds; a worker that reaches the database writes into its send journal once a minute


def worker() -> int:
    """0 when the worker has written into its send journal lately."""
    try:
        return 0 if time.time() - Path(os.environ["JOURNAL_PATH"]).stat().st_mtime < SILENCE else 1
    except (OSError, KeyError):
        return 1


def web() -> int:
    """0 when the web process answers as it should."""
    names = [name.lstrip(".") for name in os.environ.get("ALLOWED_HOSTS", "").split(",")]
    name = next((name for name in names if name and name != "*"), "localhost")
    connection = HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=4)
    try:
        connection.request("GET", "/healthz", headers={"Host": name, "X-Forwarded-Proto": "https"})
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(worker() if sys.argv[1:] == ["worker"] else web())
