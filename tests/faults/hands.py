"""A process that calls the product's services when told, as the web does: a line of JSON in, one out.

Commands start in half a second; a storm that places, pauses and decides has no time for that.
"""

import json
import sys
import threading
from collections.abc import Callable

from tests.support.warm import end


class Trouble(Exception):
    """A service raised. `kind` is the exception's name."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        super().__init__(f"{kind}: {text}")


class Hands:
    """The other end of this file's process. One call at a time."""

    def __init__(self, stack) -> None:
        self.stack = stack
        self.process = stack.start_piped("-m", "tests.faults.hands")
        self.lock = threading.Lock()

    def __getattr__(self, name: str) -> Callable:
        return lambda **kwargs: self.call(name, kwargs)

    def call(self, name: str, kwargs: dict):
        with self.lock:
            self.process.stdin.write(json.dumps([name, kwargs]) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        assert answer, f"the hands died in {name}"
        result = json.loads(answer)
        if "error" in result:
            raise Trouble(*result["error"])
        return result["result"]

    def close(self) -> None:
        end(self.process)


def serve() -> None:
    """Answer calls until the pipe closes."""
    import django  # noqa: PLC0415 -- the class above is used without Django

    django.setup()
    from django.db import connections  # noqa: PLC0415

    from tests.faults import acts  # noqa: PLC0415

    for text in sys.stdin:
        name, kwargs = json.loads(text)
        try:
            answer = {"result": getattr(acts, name)(**kwargs)}
        except Exception as error:
            answer = {"error": [type(error).__name__, str(error)]}
        finally:
            connections.close_all()  # the server may be restarted between two calls
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
