"""Tables that leave as files, sent while they are read."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice

from django.http import StreamingHttpResponse

from numbers.services.csv_tables import csv_lines

PORTION = 200  # rows of a table that leave together: one write for each row would be slow
CSV = "text/csv; charset=utf-8"


def as_csv(rows: Iterable[dict], columns: list[str], name: str) -> StreamingHttpResponse:
    """`rows` as a CSV file, sent while they are read. No cell is a formula to a spreadsheet."""
    return stream(csv_lines(rows, columns), CSV, name)


def as_json(rows: Iterable[dict], name: str) -> StreamingHttpResponse:
    """`rows` as one JSON list, a line each, sent while they are read."""
    return stream(json_lines(rows), "application/json", name)


def json_lines(rows: Iterable[dict]) -> Iterator[str]:
    before = "[\n"
    for row in rows:
        yield before + json.dumps(row, ensure_ascii=False, default=str)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def stream(lines: Iterator[str], content_type: str, name: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    sent = portions(lines)
    next(sent)  # what fails before anything is promised is a page that says so
    return StreamingHttpResponse(sent, content_type=content_type, headers=headers)


def portions(lines: Iterator[str]) -> Iterator[str]:
    """An empty one as soon as the first rows are read, then all."""
    held = list(islice(lines, PORTION))
    yield ""
    while held:
        yield "".join(held)
        held = list(islice(lines, PORTION))
