"""Pages by key: a page is found by where the last one ended, so page 5,000 costs as much as page 1."""

from dataclasses import dataclass

from django.db.models import QuerySet

SIZE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of rows, newest first. `older` and `newer` are the keys of the pages beside it, or None."""

    rows: list
    older: int | None
    newer: int | None

    def __iter__(self):
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def page_of(rows: QuerySet, *, params, size: int = SIZE) -> Page:
    """The page that PARAMS asks for: `before=<id>` or `after=<id>`, else the first one."""
    before, after = (_key(params.get(name)) for name in ("before", "after"))
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: size + 1])
        more, found = len(found) > size, found[:size][::-1]
        return Page(rows=found, newer=found[0].pk if more else None, older=found[-1].pk if found else None)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: size + 1])
    more, found = len(found) > size, found[:size]
    return Page(
        rows=found,
        older=found[-1].pk if more else None,
        newer=found[0].pk if before is not None and found else None,
    )


def _key(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 19 else None
