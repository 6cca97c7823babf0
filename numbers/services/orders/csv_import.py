"""Reading wants from a CSV file: what somebody wants to buy, a row each.

Nothing is ordered here. What is read becomes a draft, and only if every row could be read.
"""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from django.conf import settings

from ..areas import areas
from ..models import Agent
from ..phone import pretty, to_e164
from .importing import Unreadable, agent_in, agents_by_name, table_in, text_of
from .wants import LONGEST_LABEL, Want, count_of, owned_among, wrong_tag

COLUMNS = ("area_code", "phone_number", "quantity", "agent", "label", "tags")
TEMPLATE = [
    {"area_code": "415", "quantity": "10", "agent": "Reception", "label": "Front desk", "tags": "west, 2026"},
    {"area_code": "617", "quantity": "5", "agent": "Sales"},
    {"phone_number": "+1 212 555 0123", "label": "The number on the van"},
]
SHORTENED = re.compile(r"[\d.,]+E\+?\d+", re.IGNORECASE)  # what a spreadsheet makes of a long number
MOST_ERRORS = 200  # that are told one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong in a file, and where; ROW 0 is the whole file."""

    row: int = 0
    column: str = ""
    typed: str = ""
    text: str

    def __str__(self) -> str:
        where = ", ".join(filter(None, [f"row {self.row}" if self.row else "", self.column]))
        return f"{where}: {self.text}" if where else self.text


def read_wants(file: IO) -> tuple[list[Want], list[Mistake]]:
    """The wants of FILE, bytes or text, and what is wrong with it: with one mistake there are no wants."""
    try:
        names, rows = table_in(text_of(file), known=COLUMNS)
        if not {"area_code", "phone_number"} & set(names):
            raise Unreadable(
                "There is no column “area_code” and none “phone_number”. Begin with the template."
            )
        most, kept = settings.MAX_LINES_PER_ORDER, []
        for at, cells in rows:
            if len(kept) == most:
                raise Unreadable(
                    f"The file has more than {most:,} rows, and an order has at most {most:,} lines."
                )
            kept.append((at, cells))
    except Unreadable as error:
        return [], [Mistake(text=sentence(error))]
    except csv.Error:  # such as a quotation mark that nothing closes
        return [], [Mistake(text="The file cannot be read as a CSV table. Save it anew from a spreadsheet.")]
    reader = Reader(agents=agents_by_name())
    wants = [want for at, cells in kept if (want := reader.read(at, cells))]
    mistakes = reader.mistakes + twice_or_ours(reader)
    if not kept:
        mistakes = [Mistake(text="There are no rows in this file.")]
    elif not mistakes and (count := count_of(wants)) > most:
        mistakes = [
            Mistake(
                column="quantity", text=f"All rows ask for {count:,} lines; an order has at most {most:,}."
            )
        ]
    mistakes.sort(key=lambda mistake: mistake.row)
    if len(mistakes) > MOST_ERRORS:
        mistakes[MOST_ERRORS:] = [Mistake(text=f"And {len(mistakes) - MOST_ERRORS:,} more mistakes.")]
    return ([], mistakes) if mistakes else (wants, [])


def sentence(error: Exception) -> str:
    text = str(error).removeprefix("row 1: ")
    return text[:1].upper() + text[1:]


def twice_or_ours(reader: "Reader") -> list[Mistake]:
    """Exact numbers that an order must not ask for."""
    ours = owned_among(reader.exact)
    found = []
    for e164, places in reader.exact.items():
        (first, typed), *others = places
        if e164 in ours:
            text = f"{pretty(e164)} is ours already."
            found.append(Mistake(row=first, column="phone_number", typed=typed, text=text))
        text = f"{pretty(e164)} stands in row {first} already."
        found += [Mistake(row=at, column="phone_number", typed=typed, text=text) for at, typed in others]
    return found


class Reader:
    """Reads row after row, and notes what is wrong: in `mistakes`, and where each exact number stands."""

    def __init__(self, *, agents: dict[str, list[Agent]]) -> None:
        self.agents = agents
        self.mistakes: list[Mistake] = []
        self.exact: dict[str, list[tuple[int, str]]] = {}

    def read(self, at: int, cells: dict[str, str]) -> Want | None:
        """The want of one row, or None where something is wrong with it."""
        before = len(self.mistakes)
        typed = {name: cells.get(name, "").strip() for name in COLUMNS}
        typed["agent"] = typed["agent"] or cells.get("inbound_agent", "").strip()  # as Fluents calls it
        if bool(typed["area_code"]) == bool(typed["phone_number"]):
            both = "Give an area code or an exact number, not both."
            neither = "Give an area code, or an exact number in the column phone_number."
            self.wrong(at, "area_code", typed["area_code"], both if typed["area_code"] else neither)
        readers: dict[str, Callable[[str], object]] = {
            "area_code": area_in,
            "phone_number": number_in,
            "quantity": quantity_in,
            "agent": lambda cell: agent_in(cell, self.agents),
            "label": label_in,
            "tags": tags_in,
        }
        found = {}
        for name, reader in readers.items():
            try:
                found[name] = reader(typed[name])
            except Unreadable as error:
                self.wrong(at, name, typed[name], sentence(error))
        if number := found.get("phone_number"):
            self.exact.setdefault(number, []).append((at, typed["phone_number"]))
            if found.get("quantity", 1) != 1:
                self.wrong(
                    at, "quantity", typed["quantity"], "An exact number can be bought once only. Write 1."
                )
        if len(self.mistakes) > before:
            return None
        return Want(inbound_agent=found.pop("agent"), **found)

    def wrong(self, at: int, column: str, typed: str, text: str) -> None:
        self.mistakes.append(Mistake(row=at, column=column, typed=typed[:60], text=text))


def area_in(cell: str) -> str:
    if cell and cell not in areas():
        raise Unreadable(f"“{cell[:20]}” is no area code of the United States or Canada. Write it like 415.")
    return cell


def number_in(cell: str) -> str:
    if SHORTENED.fullmatch(cell):
        raise Unreadable("the spreadsheet has shortened it. Format the column as text and try again.")
    if cell and not (e164 := to_e164(cell)):
        raise Unreadable(f"“{cell[:40]}” is no phone number. Write it like +1 415 555 0123.")
    return e164 if cell else ""


def quantity_in(cell: str) -> int:
    most = settings.MAX_LINES_PER_ORDER
    if cell and not (cell.isascii() and cell.isdigit() and len(cell) < 10 and 1 <= int(cell) <= most):
        raise Unreadable(f"“{cell[:20]}” is no whole number from 1 to {most:,}.")
    return int(cell or 1)


def label_in(cell: str) -> str:
    if len(cell) > LONGEST_LABEL:
        raise Unreadable(f"a label has at most {LONGEST_LABEL} characters; this one has {len(cell):,}.")
    if not cell.isprintable():
        raise Unreadable("a label is one line of text, without control characters.")
    return cell


def tags_in(cell: str) -> list[str]:
    tags = sorted({tag.strip() for tag in re.split("[,;]", cell)} - {""})
    if wrong := wrong_tag(tags):
        raise Unreadable(wrong)
    return tags
