"""A process that calls the product's services when told, as the web does: a line of JSON in, one out.

Commands start in a moment; a storm that places, pauses and decides has no time for that.
"""

import json
import threading
from collections.abc import Callable


class Trouble(Exception):
    """A service raised. `kind` is the exception's name."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        super().__init__(f"{kind}: {text}")


class Hands:
    """The other end of that process: each of `tests.faults.acts` by its name. One call at a time."""

    def __init__(self, stack) -> None:
        self.process = stack.warmed().talk("tests.faults.acts")
        self.lock = threading.Lock()

    def __getattr__(self, name: str) -> Callable:
        return lambda **kwargs: self.call(name, kwargs)

    def call(self, name: str, kwargs: dict):
        with self.lock:
            answer = self.process.ask(json.dumps([name, kwargs]))
        assert answer, f"the hands died in {name}"
        result = json.loads(answer)
        if "error" in result:
            raise Trouble(*result["error"])
        return result["result"]

    def close(self) -> None:
        self.process.close()
