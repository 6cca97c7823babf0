"""Reading changes from a CSV file: an export that somebody has edited, or a list of their own.

Nothing is changed here: what is read becomes a plan, and only if every row could be read.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import batched
from typing import IO, Any

from numbers.models import Number
from numbers.number_fields import BY_NAME, PLANNED
from numbers.services.csv_tables import BadTable, Columns, Mistake, Table, as_cell, read_table, told
from numbers.services.inventory.agent_names import AgentNames
from numbers.services.inventory.plain import PlainNumbers
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
    file: IO, *, warnings: list[str] | None = None
) -> tuple[list[tuple[int, dict]], list[Mistake]]:
    """What `file` wants otherwise than our books say, by the keys of its numbers, and what is wrong with it.

    `file` holds bytes or text. Columns that it does not have stay as they are; an empty cell empties the
    field, save for outbound_only. With a single mistake there are no changes at all. What a person should
    know of how it was read is added to `warnings`.
    """
    mistakes: list[Mistake] = []
    try:
        table, readers = table_of(file), readers_of(AgentNames())
        wanted = [
            (number.pk, changes_in(at, cells, number, readers, mistakes))
            for at, cells, number in rows_in(table, mistakes)
        ]
    except BadTable as error:
        return [], [error.mistake]
    if mistakes:
        return [], told(mistakes)
    if warnings is not None:
        warnings += table.warnings
    return wanted, []


def numbers_in(file: IO) -> tuple[list[int], list[Mistake]]:
    """The keys of the numbers that `file` names, whatever else it says, and what is wrong with it."""
    mistakes: list[Mistake] = []
    try:
        keys = [number.pk for *_, number in rows_in(table_of(file), mistakes)]
    except BadTable as error:
        return [], [error.mistake]
    return ([], told(mistakes)) if mistakes else (keys, [])


def table_of(file: IO) -> Table:
    """The table in `file`, or the one column of a bare list of numbers. Raises BadTable."""
    table = read_table(file, TABLE, bare=lambda cell: bool(to_e164(cell)))
    if "number" not in table.columns:
        raise BadTable("There's no “number” column. Export the list to see the format.")
    return table


def rows_in(table: Table, mistakes: list[Mistake]) -> Iterator[tuple[int, dict[str, str], Any]]:
    """The rows that name one of our numbers, with it; what is wrong with the others is added to mistakes."""
    plain = PlainNumbers("e164", "agent", "label", "description", "outbound_only")
    seen: dict[str, int] = {}
    for portion in batched(table.rows, PORTION):
        read = read_numbers(portion)
        named = plain.read(Number.objects.filter(e164__in=set(read.values())).order_by())
        numbers = {number.e164: number for number in named}
        for at, cells in portion:
            try:
                number = number_in(cells, read, numbers, seen, at)
            except (Unreadable, NotAPhoneNumber) as error:
                typed = shown(cells.get("number", ""), 60)
                mistakes.append(Mistake(row=at, column="number", typed=typed, text=str(error)))
            else:
                yield at, cells, number


def read_numbers(portion: Iterable[tuple[int, dict[str, str]]]) -> dict[str, str]:
    """The phone numbers in these rows by what stands there, as far as that can be read."""
    read = {}
    for _, cells in portion:
        cell = cells.get("number", "")
        try:
            read[cell] = read_listed_number(cell)
        except NotAPhoneNumber:
            continue
    return read


def number_in(
    cells: dict[str, str], read: dict[str, str], numbers: dict[str, Any], seen: dict[str, int], at: int
) -> Any:
    """The number that the row `at` is about; `seen` has the rows of those before it.

    Raises Unreadable and NotAPhoneNumber.
    """
    cell = cells.get("number", "")
    e164 = read.get(cell) or read_listed_number(cell)  # which says what is wrong with it
    if e164 not in numbers:
        raise Unreadable(f"{pretty(e164)} isn't one of our numbers.")
    if (before := seen.setdefault(e164, at)) != at:
        raise Unreadable(f"{pretty(e164)} is already in row {before}.")
    return numbers[e164]


def readers_of(agents: AgentNames) -> dict[str, Callable[[str], Any]]:
    """How the cells of each column are read. Most stand in many rows, and are read once."""
    readers: dict[str, Callable[[str], object]] = {
        "label": read_label,
        "description": read_description,
        "agent": lambda cell: agent.api_id if (agent := agents.find(cell)) else "",
        "tags": read_tags,
        "outbound_only": read_yes_or_no,
    }
    return {name: cache(reader) for name, reader in readers.items()}


def changes_in(
    at: int,
    cells: dict[str, str],
    number: Any,
    readers: dict[str, Callable[[str], Any]],
    mistakes: list[Mistake],
) -> dict:
    """What a row wants of number otherwise than our books say; what is wrong with it is added to mistakes.

    A cell as the export writes it is never wrong, whatever has come over the agent or the tags since; nor is
    it a change because a spreadsheet has trimmed it or written its line breaks otherwise.
    """
    changes, now = {}, {}
    for name, reader in readers.items():
        if (cell := cells.get(name)) is None:
            continue
        now[name] = BY_NAME[name].value(number)
        if cell == (before := as_cell(now[name])) or same_text(cell) == same_text(before):
            continue
        if name == "outbound_only" and not cell.strip():
            continue
        try:
            changes[name] = reader(cell)
        except Unreadable as error:
            mistakes.append(Mistake(row=at, column=name, typed=shown(cell, 60), text=str(error)))
    if "agent" not in changes and renamed_alone(cells, number):
        typed = shown(cells[AGENT_NAME], 60)
        text = "This column is read-only. Use the “agent” column to choose who answers."
        mistakes.append(Mistake(row=at, column=AGENT_NAME, typed=typed, text=text))
    return {name: value for name, value in changes.items() if value != now[name]}


def renamed_alone(cells: dict[str, str], number: Any) -> bool:
    """Whether the name beside the agent's id differs from ours, which would change nothing."""
    cell, name = cells.get(AGENT_NAME), str(number.agent or "")
    return cell is not None and cell != name and key_of(cell) != key_of(name)
