"""What a file was read as, on one line: that is how the tables of README.md say it."""

import io
from dataclasses import asdict

from numbers.models import Number
from numbers.services.csv_tables import Mistake
from numbers.services.orders.csv_import import read_wants
from numbers.services.orders.items import Want, warnings_about
from numbers.services.plans.csv_import import read_changes

from .cases import written


def wants_in(content: bytes) -> str:
    """CONTENT as a file of wants."""
    warnings: list[str] = []
    wants, mistakes = read_wants(io.BytesIO(content), warnings=warnings)
    if mistakes:
        return refusal(mistakes)
    return ", confirm: ".join(["; ".join(map(want_said, wants)), *warnings, *warnings_about(wants)])


def want_said(want: Want) -> str:
    said = asdict(want)
    where = f"{said.pop('quantity')} in `{said.pop('area_code') or said.pop('phone_number')}`"
    said = {name: value for name, value in said.items() if value}
    return " ".join([where, *(f"{name} `{written_value(value)}`" for name, value in said.items())])


def changes_in(content: bytes) -> str:
    """CONTENT as a file of changes."""
    warnings: list[str] = []
    wanted, mistakes = read_changes(io.BytesIO(content), warnings=warnings)
    if mistakes:
        return refusal(mistakes)
    numbers = Number.objects.in_bulk([key for key, _ in wanted])
    return " ".join(
        ["; ".join(change_said(numbers[key], changes) for key, changes in wanted) or "nothing", *warnings]
    )


def change_said(number: Number, changes: dict) -> str:
    said = ", ".join(f"{name} `{written_value(value)}`" for name, value in changes.items())
    return f"`{number.e164}` {said or 'as it is'}"


def written_value(value: object) -> str:
    if isinstance(value, str):
        return written(value)
    return " ".join(map(written, value)) if isinstance(value, list) else str(value)


def refusal(mistakes: list[Mistake]) -> str:
    return "refused: " + " / ".join(map(str, mistakes))
