"""What a process has found out a moment ago, for questions where an answer that old does no harm."""

import time
from collections.abc import Callable, Hashable
from threading import Lock


class Remembered[Answer]:
    """The answers of `ask` to what it is asked about, each kept for `seconds`."""

    on = True  # tests, in which everything happens within a moment, switch it off

    def __init__(self, ask: Callable[..., Answer], *, seconds: float) -> None:
        self._ask, self._seconds, self._lock = ask, seconds, Lock()
        self._answers: dict[tuple[Hashable, ...], tuple[float, Answer]] = {}

    def __call__(self, *about: Hashable) -> Answer:
        if not self.on:
            return self._ask(*about)
        now = time.monotonic()
        with self._lock:
            found = self._answers.get(about)
        if found and found[0] > now:
            return found[1]
        answer = self._ask(*about)
        with self._lock:
            self._answers = {key: kept for key, kept in self._answers.items() if kept[0] > now}
            self._answers[about] = (now + self._seconds, answer)
        return answer
