"""Tables that leave as files, and an edited one that comes back as a plan."""

import csv
import json
import re
from collections.abc import Iterable, Iterator

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from .. import reports
from ..forms import UploadForm
from ..models import Number
from ..queries import Query
from ..services.changing import CannotChange, plan_rows, values_of
from ..services.history import By
from ..services.importing import read_changes

PORTION = 200  # rows of a table that leave together: one write for each row would be slow
CSV = "text/csv; charset=utf-8"
PLACED = re.compile(r"row (\d+)(?:, (\w+))?: (.*)", re.DOTALL)


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
        wanted, errors = read_changes(form.cleaned_data["file"])
        if not errors and (answer := planned(request, form, wanted)):
            return answer
    context = {"form": form, "errors": [placed(error) for error in errors]}
    return render(request, "numbers/upload.html", context, status=422 if form.errors or errors else 200)


def planned(request: HttpRequest, form: UploadForm, wanted: list[tuple[Number, dict]]) -> HttpResponse | None:
    """A plan with the rows that would change something; None where FORM says why there is none."""
    total, wanted = len(wanted), [(number, changes) for number, changes in wanted if differ(number, changes)]
    if not wanted:
        form.add_error(
            "file",
            f"All {total:,} rows say what our books say already."
            if total
            else "There are no rows in this file.",
        )
        return None
    name = form.cleaned_data["file"].name
    try:
        plan = plan_rows(
            by=By.person(request.user, request.id), wanted=wanted, title=f"Changes from {name}"[:200]
        )
    except CannotChange as error:
        form.add_error("file", str(error))
        return None
    if same := total - len(wanted):
        messages.info(
            request, f"{same:,} of {total:,} rows say what our books say already. They are not in this plan."
        )
    return redirect(plan)


def differ(number: Number, changes: dict) -> bool:
    now = values_of(number)
    return any(now[name] != value for name, value in changes.items())


def placed(error: str) -> dict:
    """A mistake with its row and column, where it has these."""
    row, column, text = found.groups() if (found := PLACED.fullmatch(error)) else ("", "", error)
    return {"row": row, "column": column or "", "text": text}


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
