"""Numbers as plain values, for files of very many: models take Python ten times as long.

What is read has all that the fields of `number_fields` ask of a number: its agent, connection and tags too.
"""

from collections import defaultdict, namedtuple
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from numbers.db.sql import among
from numbers.models import Agent, Connection, Number, Tag


class PlainNumbers:
    """Reads numbers with these columns, and with their tags unless told otherwise.

    The agents and connections that very many of them point to are read once.
    """

    def __init__(self, *columns: str, tags: bool = True) -> None:
        self._columns, self._with_tags = ("pk", *columns), tags
        self._kind: Any = namedtuple("PlainNumber", ("pk", *columns, "tags"))  # type: ignore[misc]
        self._shared = [(at, SHARED[name]()) for at, name in enumerate(self._columns) if name in SHARED]
        self._named = Named()

    def read(self, numbers: QuerySet[Number]) -> list[Any]:
        """`numbers`, which are not too many to hold."""
        rows = list(numbers.values_list(*self._columns))
        tags = self._tags_of([pk for pk, *_ in rows]) if rows and self._with_tags else {}
        found, none, make = [], Tags(), self._kind._make
        for pk, *values in rows:
            row = [pk, *values, tags.get(pk, none)]
            for at, shared in self._shared:
                row[at] = shared[row[at]]
            found.append(make(row))
        return found

    def _tags_of(self, keys: list[int]) -> dict[int, "Tags"]:
        """The tags of the numbers with these keys."""
        found: defaultdict[int, Tags] = defaultdict(Tags)
        links = Number.tags.through.objects.filter(number__in=among(keys)).order_by()
        for number, name in links.values_list("number", "tag__name"):
            found[number].append(self._named[name])
        return found


class Shared[M: (Agent, Connection)](dict[int | None, M | None]):
    """The few rows that very many numbers point to, each read once."""

    def __init__(self, kind: type[M]) -> None:
        super().__init__({None: None})
        self.kind: type[M] = kind

    def __missing__(self, pk: int) -> M | None:
        self.update(self.kind.objects.in_bulk())  # one query for all of them, or again for a new one
        return self.setdefault(pk, None)


SHARED: dict[str, Callable[[], Shared]] = {
    "agent": lambda: Shared(Agent),
    "connection": lambda: Shared(Connection),
}


class Tags(list[Tag]):
    """The tags of one number, as its field reads them."""

    def all(self) -> "Tags":
        return self


class Named(dict[str, Tag]):
    """A tag for each name."""

    def __missing__(self, name: str) -> Tag:
        return self.setdefault(name, Tag(name=name))
