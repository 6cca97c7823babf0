"""What the lists of the API hold, page by page, and whether they contradict themselves."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .errors import UNREADABLE, OutcomeUnknown
from .transport import Answer
from .types import Agent, Call, Connection, RemoteNumber

MOST_PAGES = 10_000  # of a list; one that is longer is no list


class Listing[T: (Connection, Agent, RemoteNumber)]:
    """What a list of the API holds, read page by page while it is iterated over. Raises FluentsError.

    page reads one, before_page is run before each. `unreadable` counts the items so far whose number, id or
    shape could not be read: what is missing from a list with such items may be among them, so its absence
    proves nothing.
    `hidden` counts, at the end, those that were there at the first page and are on none, as rows had shifted
    meanwhile.
    """

    def __init__(
        self,
        page: Callable[[str, int], Answer],
        path: str,
        kind: type[T],
        before_page: Callable[[], None] = lambda: None,
    ) -> None:
        self._page, self._path, self._before_page = page, path, before_page
        self._kind: type[T] = kind
        self.unreadable = self.hidden = 0

    def __iter__(self) -> Iterator[T]:
        self.unreadable = self.hidden = rows = at_first = shown = 0
        name = f"GET {self._path}"
        seen: set[str] = set()
        records: set[str] = set()  # of earlier pages
        for page in range(1, MOST_PAGES + 1):
            self._before_page()
            answer = self._page(self._path, page)
            at_first = at_first if page > 1 else total_of(answer) or 0
            items, known = items_of(answer, name), len(seen)
            things = [read_item(item, self._kind) for item in items]
            keys = [thing.id or key_of(thing) for thing in things if thing]
            shown += len(items) - sum(key in records for key in keys)
            records.update(keys)
            for thing in things:
                if thing is None:
                    self.unreadable += 1
                elif (key := key_of(thing)) not in seen:
                    seen.add(key)
                    yield thing
            rows += len(items)
            if not more_follows(answer, name, rows=rows, new=len(seen) > known):
                self.hidden = max(0, at_first - shown)
                return
        raise odd(name, f"it has more than {MOST_PAGES} pages", answer.status)

    def require_whole(self) -> None:
        """Raise OutcomeUnknown where items couldn't be read: then nothing counts as missing."""
        if self.unreadable:
            raise OutcomeUnknown(request=f"GET {self._path}", status=200, detail=self.unread)

    def require_still(self) -> None:
        """Raise OutcomeUnknown where items moved between pages: then nothing counts as missing."""
        if self.hidden:
            detail = f"{self.hidden} of its items moved while it was read"
            raise OutcomeUnknown(request=f"GET {self._path}", status=200, detail=detail)

    @property
    def unread(self) -> str:
        """ "3 numbers from Fluents couldn't be read", or nothing where all could."""
        noun = self._path.split("/")[2].removeprefix("account_")
        many = f"{self.unreadable} {noun if self.unreadable > 1 else noun.removesuffix('s')}"
        return f"{many} from Fluents couldn't be read" if self.unreadable else ""


@dataclass(frozen=True, slots=True)
class CallPage:
    """One page of the list of calls, latest first.

    `unreadable` counts the items whose id, start or numbers could not be read.
    """

    calls: list[Call]
    unreadable: int
    more: bool  # whether a further page follows


def read_item[T: (Connection, Agent, RemoteNumber, Call)](item: Any, kind: type[T]) -> T | None:
    try:
        return kind.from_json(item)
    except ValueError:
        return None  # one odd row must not hide the others


def key_of(thing: Connection | Agent | RemoteNumber) -> str:
    return thing.number if isinstance(thing, RemoteNumber) else thing.id


def total_of(answer: Answer) -> int | None:
    """How many items the list has in all, None where it does not say so for certain."""
    total = answer.data.get("total")
    exact = answer.data.get("total_is_estimated") is not True
    if isinstance(total, bool) or not isinstance(total, int | float) or not exact:
        return None
    return int(total) if math.isfinite(total) else None


def items_of(answer: Answer, name: str) -> list[Any]:
    items = answer.data.get("items")
    if not isinstance(items, list):
        raise odd(name, "its items aren't a list", answer.status)
    return items


def more_follows(answer: Answer, name: str, *, rows: int, new: bool) -> bool:
    """Whether a further page follows, after `rows` so far. `new`: this page had something new.

    `total` may be an estimate, so only `has_more` ends a list; where it is none it must not say otherwise.
    Raises OutcomeUnknown.
    """
    more, total = answer.data.get("has_more"), total_of(answer)
    if not isinstance(more, bool):
        raise odd(name, "has_more is neither true nor false", answer.status)
    if more and not new:
        raise odd(name, "it repeats: has_more is true after a page with nothing new", answer.status)
    if not more and total is not None and total > rows:
        raise odd(name, f"has_more is false after {rows} of {total} items", answer.status)
    return more


def odd(name: str, why: str, status: int) -> OutcomeUnknown:
    return OutcomeUnknown(request=name, status=status, detail=f"{UNREADABLE}: {why}")
