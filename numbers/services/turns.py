"""Taking turns: the person served longest ago is served next, however much each of them wants."""

from collections.abc import Hashable, Mapping, Sequence
from itertools import count
from typing import Any


class Turns:
    """When each one was served last in this process."""

    def __init__(self) -> None:
        self._number = count(1)
        self._served: dict[Hashable, int] = {}

    def last(self, whose: Hashable) -> int:
        return self._served.get(whose, 0)

    def served(self, whose: Hashable) -> None:
        self._served[whose] = next(self._number)

    def in_turn(self, waiting: Mapping[Any, Sequence[int]], most: int) -> list[int]:
        """At most `most` keys of the rows that WAIT for each: one of each, then the next one of each."""
        chosen: list[int] = []
        everybody = sorted(waiting, key=self.last)
        for place in range(max(map(len, waiting.values()), default=0)):
            for whose in everybody:
                if len(chosen) < most and place < len(waiting[whose]):
                    chosen.append(waiting[whose][place])
                    self.served(whose)
        return chosen
