"""Tables that leave as files, and an edited one that comes back as a plan."""

import csv
import json
import re
from collections.abc import Iterable, Iterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from .. import reports
from ..forms import UploadForm
from ..queries import Query
from ..services.history import By
from ..services.proposing import Mistakes, propose_file

PORTION = 200  # rows of a table that leave together: one write for each row would be slow
CSV = "text/csv; charset=utf-8"
PLACED = re.compile(r"(?:row (\d+)(?:, (\w+))?: )?(.*)", re.DOTALL)


@require_safe
def numbers_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The numbers that the address asks for, as CSV."""
    rows = reports.number_rows(Query.read(request.GET).numbers())
    return stream(reports.csv_lines(rows), CSV, "numbers.csv")


@require_safe
def numbers_json(request: HttpRequest) -> StreamingHttpResponse:
    """The numbers that the address asks for, as a JSON list."""
    return as_json(reports.number_rows(Query.read(request.GET).numbers()), "numbers.json")


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """An edited table becomes a plan; nothing is made while there is a mistake in it."""
    sent = request.method == "POST"
    form = UploadForm(request.POST if sent else None, request.FILES if sent else None)
    errors: list[str] = []
    if sent and form.is_valid():
        file = form.cleaned_data["file"]
        by = By.person(request.user, request.id)
        try:
            return redirect(propose_file(by=by, content=file.read(), title=f"Changes from {file.name}"))
        except Mistakes as mistakes:
            errors = mistakes.errors
    context = {"form": form, "errors": placed(errors)}
    return render(request, "numbers/upload.html", context, status=422 if form.errors or errors else 200)


def placed(errors: list[str]) -> list[dict]:
    """Mistakes with row and column, where they have these."""
    found = [PLACED.fullmatch(error).groups(default="") for error in errors]
    return [{"row": row, "column": column, "text": text} for row, column, text in found]


def as_csv(rows: Iterable[dict], columns: list[str], name: str) -> StreamingHttpResponse:
    """ROWS as a CSV file, sent while they are read. No cell is a formula to a spreadsheet."""
    return stream(csv_lines(rows, columns), CSV, name)


def csv_lines(rows: Iterable[dict], columns: list[str]) -> Iterator[str]:
    writer = csv.writer(reports.Echo())
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([cell(row[column]) for column in columns])


def cell(value: object) -> str:
    return reports.csv_cell(json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value)


def as_json(rows: Iterable[dict], name: str) -> StreamingHttpResponse:
    """ROWS as one JSON list, a line each, sent while they are read."""
    return stream(json_lines(rows), "application/json", name)


def json_lines(rows: Iterable[dict]) -> Iterator[str]:
    before = "[\n"
    for row in rows:
        yield before + json.dumps(row, ensure_ascii=False, default=str)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"


def stream(lines: Iterator[str], content_type: str, name: str) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(portions(lines), content_type=content_type, headers=headers)


def portions(lines: Iterator[str]) -> Iterator[str]:
    held: list[str] = []
    for line in lines:
        held.append(line)
        if len(held) >= PORTION:
            yield "".join(held)
            held.clear()
    yield "".join(held)
