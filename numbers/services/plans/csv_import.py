"""Reading changes from a CSV file: an export that somebody has edited, or a list of their own.

Nothing is changed here: what is read becomes a plan, and only if every row could be read.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import batched
from typing import IO

from django.db.models import prefetch_related_objects

from numbers.models import Number
from numbers.number_fields import BY_NAME, PLANNED
from numbers.services.csv_tables import BadTable, Columns, Mistake, Table, as_cell, read_table, told
from numbers.services.inventory.agent_names import AgentNames
from numbers.services.typed_values import (
    Unreadable,
    read_description,
    read_label,
    read_tags,
    read_yes_or_no,
    same_text,
)
from numbers.telephony.characters import key_of, shown
from numbers.telephony.phone import NotAPhoneNumber, pretty, read_listed_number, to_e164

from .rows import CannotChange, checked, values_of

AGENT_NAME = "agent_name"  # read to see that nobody has edited it: the column "agent" is what counts
COLUMNS = ("number", *PLANNED, AGENT_NAME)
TABLE = Columns(
    names={name: BY_NAME[name].aliases for name in COLUMNS},
    ignored=tuple(name for name in BY_NAME if name not in COLUMNS),  # what an export says besides
    hints={
        "answers": "agent",
        "assistant": "agent",
        "name": "label",
        "notes": "description",
        "outbound": "outbound_only",
        "phone": "number",
        "telephone": "number",
        "who_answers": "agent",
    },
)
PORTION = 1000


def read_changes(
    file: IO, *, columns: Sequence[str] = COLUMNS, warnings: list[str] | None = None
) -> tuple[list[tuple[int, dict]], list[Mistake]]:
    """What `file` wants otherwise than our books say, by the keys of its numbers, and what is wrong with it.

    `file` holds bytes or text; of its columns those in `columns` are read. Columns that it does not have
    stay as they are; an empty cell empties the field, save for outbound_only. With a single mistake
    there are no changes at all. What a person should know of how it was read is added to `warnings`.
    """
    mistakes: list[Mistake] = []
    agents = AgentNames()
    seen: dict[str, int] = {}
    wanted: list[tuple[int, dict]] = []
    try:
        table = table_of(file)
        for portion in batched(table.rows, PORTION):
            numbers = numbers_of(portion)
            for at, cells in portion:
                cells = {name: cell for name, cell in cells.items() if name in columns}
                try:
                    number = number_in(cells, numbers, seen, at)
                except (Unreadable, NotAPhoneNumber) as error:
                    typed = shown(cells.get("number", ""), 60)
                    mistakes.append(Mistake(row=at, column="number", typed=typed, text=str(error)))
                else:
                    wanted.append((number.pk, changes_in(at, cells, number, agents, mistakes)))
    except BadTable as error:
        return [], [error.mistake]
    if mistakes:
        return [], told(mistakes)
    if warnings is not None:
        warnings += table.warnings
    return wanted, []


def numbers_in(file: IO) -> tuple[list[int], list[Mistake]]:
    """The keys of the numbers that `file` names, whatever else it says, and what is wrong with it."""
    wanted, mistakes = read_changes(file, columns=["number"])
    return [key for key, _ in wanted], mistakes


def table_of(file: IO) -> Table:
    """The table in `file`, or the one column of a bare list of numbers. Raises BadTable."""
    table = read_table(file, TABLE, bare=lambda cell: bool(to_e164(cell)))
    if "number" not in table.columns:
        raise BadTable("There's no “number” column. Export the list to see the format.")
    return table


def numbers_of(portion: Iterable[tuple[int, dict]]) -> dict[str, Number]:
    """Our numbers among those that these rows name, with what a plan needs to know of them."""
    named = set()
    for _, cells in portion:
        try:
            named.add(read_listed_number(cells.get("number", "")))
        except NotAPhoneNumber:
            continue
    needed = ("e164", "label", "agent", "outbound_only", "description")
    rows = list(Number.objects.filter(e164__in=named).only(*needed))
    prefetch_related_objects(rows, "agent", "tags")
    return {number.e164: number for number in rows}


def number_in(cells: dict[str, str], numbers: dict[str, Number], seen: dict[str, int], at: int) -> Number:
    """The number that the row `at` is about; `seen` has the rows of those before it.

    Raises Unreadable and NotAPhoneNumber.
    """
    e164 = read_listed_number(cells.get("number", ""))
    if e164 not in numbers:
        raise Unreadable(f"{pretty(e164)} isn't one of our numbers.")
    if (before := seen.setdefault(e164, at)) != at:
        raise Unreadable(f"{pretty(e164)} is already in row {before}.")
    return numbers[e164]


def changes_in(
    at: int, cells: dict[str, str], number: Number, agents: AgentNames, mistakes: list[Mistake]
) -> dict:
    """What a row wants of number otherwise than our books say; what is wrong with it is added to mistakes.

    A cell as the export writes it is never wrong, whatever has come over the agent or the tags since; nor is
    it a change because a spreadsheet has trimmed it or written its line breaks otherwise.
    """
    read: dict[str, Callable[[str], object]] = {
        "label": read_label,
        "description": read_description,
        "agent": lambda cell: agent.api_id if (agent := agents.find(cell)) else "",
        "tags": read_tags,
        "outbound_only": read_yes_or_no,
    }
    now = values_of(number)
    changes: dict[str, object] = {}
    for name, reader in read.items():
        if name not in cells or cells[name] == (before := as_cell(now[name])):
            continue
        if same_text(cells[name]) == same_text(before):
            continue
        if name == "outbound_only" and not cells[name].strip():
            continue
        try:
            changes |= checked({name: reader(cells[name])})
        except (Unreadable, CannotChange) as error:
            typed = shown(cells[name], 60)
            mistakes.append(Mistake(row=at, column=name, typed=typed, text=str(error)))
    if "agent" not in changes and renamed_alone(cells, number):
        typed = shown(cells[AGENT_NAME], 60)
        text = "This column is read-only. Use the “agent” column to choose who answers."
        mistakes.append(Mistake(row=at, column=AGENT_NAME, typed=typed, text=text))
    return {name: value for name, value in changes.items() if value != now[name]}


def renamed_alone(cells: dict[str, str], number: Number) -> bool:
    """Whether the name beside the agent's id differs from ours, which would change nothing."""
    return key_of(cells.get(AGENT_NAME, str(number.agent or ""))) != key_of(str(number.agent or ""))
