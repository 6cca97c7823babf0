"""Asks the web process of this container whether it is alive: `python -m dashboard.healthcheck`.

Without Django, so that asking every few seconds costs next to nothing.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException


def main() -> int:
    """0 when the process answers as it should."""
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
    sys.exit(main())
