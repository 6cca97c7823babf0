"""Reading changes from a CSV file: an export that somebody has edited, or a list of their own.

Nothing is changed here: what is read becomes a plan, and only if every row could be read.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import batched
from typing import IO

from django.db.models import prefetch_related_objects

from ..models import Agent, Number
from ..phone import pretty, to_e164
from .drafting import CannotChange, checked, values_of

COLUMNS = ("number", "label", "agent", "tags", "outbound_only", "description")
MOST_ROWS = 100_000
MOST_ERRORS = 100  # that are told one by one
PORTION = 1000
GUARDED = re.compile(r"'+[=+\-@\t\r]")  # what `reports.csv_safe` makes
TRUE, FALSE = {"yes", "true", "1", "on", "y"}, {"no", "false", "0", "off", "n"}
NOBODY = {"", "nobody"}


class Unreadable(Exception):
    """A cell or file that makes no sense; the text says why."""


def read_changes(file: IO, *, columns: Sequence[str] = COLUMNS) -> tuple[list[tuple[int, dict]], list[str]]:
    """What FILE wants otherwise than our books say, by the keys of its numbers, and what is wrong with it.

    FILE holds bytes or text; of its columns those in COLUMNS are read. Columns that it does not have
    stay as they are; an empty cell empties the field, save for outbound_only. With a single error
    there are no changes at all.
    """
    errors: list[str] = []
    agents = agents_by_name()
    seen: dict[str, int] = {}
    wanted: list[tuple[int, dict]] = []
    try:
        for portion in batched(rows_in(text_of(file), columns), PORTION):
            numbers = numbers_of(portion)
            for at, cells in portion:
                try:
                    number = number_in(cells, numbers, seen, at)
                except Unreadable as error:
                    errors.append(f"row {at}, number: {error}")
                else:
                    wanted.append((number.pk, changes_in(at, cells, number, agents, errors)))
    except (Unreadable, csv.Error) as error:
        return [], [str(error)]
    if len(errors) > MOST_ERRORS:
        errors[MOST_ERRORS:] = [f"and {len(errors) - MOST_ERRORS:,} more errors."]
    return ([], errors) if errors else (wanted, [])


def numbers_in(file: IO) -> tuple[list[int], list[str]]:
    """The keys of the numbers that FILE names, whatever else it says, and what is wrong with it."""
    wanted, errors = read_changes(file, columns=["number"])
    return [key for key, _ in wanted], errors


def text_of(file: IO) -> str:
    """The whole file as text, without a byte order mark. Raises Unreadable."""
    content = file.read()
    if isinstance(content, bytes):
        try:
            content = content.decode("utf-8")
        except UnicodeDecodeError:
            raise Unreadable("The file is not UTF-8 text. Save it as “CSV UTF-8” and try again.") from None
    return content.removeprefix("\ufeff")


def rows_in(text: str, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Row number, as a spreadsheet counts, and cells by column. Raises Unreadable."""
    header, _, _ = text.partition("\n")
    if to_e164(unguarded(header.strip())):  # a bare list of numbers
        text = f"number\n{text}"
    names, rows = table_in(text, known=COLUMNS)
    if "number" not in names:
        raise Unreadable(
            "row 1: there is no column “number”. Export the list to see how the file should look."
        )
    for at, cells in rows:
        if at - 1 > MOST_ROWS:
            raise Unreadable(f"The file has more than {MOST_ROWS:,} rows. Split it.")
        yield at, {name: cell for name, cell in cells.items() if name in columns}


def table_in(text: str, *, known: Sequence[str]) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """The columns of a CSV table, and its rows that are not empty: number and cells by column.

    Of columns that are not KNOWN any may stand there twice. Raises Unreadable.
    """
    header, _, _ = text.partition("\n")
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = [name.strip().lower() for name in next(reader, [])]
    often = Counter(names)
    if twice := {name for name in known if often[name] > 1}:
        raise Unreadable(f"row 1: the column “{min(twice)}” stands there twice.")
    return names, filled(reader, names)


def filled(reader: Iterable[list[str]], names: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for at, cells in enumerate(reader, start=2):
        if any(cell.strip() for cell in cells):
            padded = [*cells, *[""] * (len(names) - len(cells))]
            yield at, {name: unguarded(cell) for name, cell in zip(names, padded, strict=False)}


def unguarded(cell: str) -> str:
    """The cell without the apostrophe that our export puts before what looks like a formula."""
    return cell[1:] if GUARDED.match(cell) else cell


def agents_by_name() -> dict[str, list[Agent]]:
    """The agents that can answer, by id and by name."""
    found: dict[str, list[Agent]] = {}
    for agent in Agent.objects.filter(gone_at=None):
        found.setdefault(agent.api_id, []).append(agent)
        found.setdefault(agent.name.strip().lower(), []).append(agent)
    return found


def numbers_of(portion: tuple[tuple[int, dict], ...]) -> dict[str, Number]:
    """Our numbers among those that these rows name, with what a plan needs to know of them."""
    named = {to_e164(cells["number"]) for _, cells in portion}
    rows = list(Number.objects.filter(e164__in=named - {""}).defer("answer", "search_text"))
    prefetch_related_objects(rows, "agent", "tags")
    return {number.e164: number for number in rows}


def number_in(cells: dict[str, str], numbers: dict[str, Number], seen: dict[str, int], at: int) -> Number:
    """The number that the row AT is about; SEEN has the rows of those before it. Raises Unreadable."""
    if re.fullmatch(r"[\d.,]+E\+?\d+", cells["number"].strip(), re.IGNORECASE):
        raise Unreadable("the spreadsheet has shortened it. Format the column as text and try again.")
    if not (e164 := to_e164(cells["number"])):
        raise Unreadable(f"“{cells['number'][:40]}” is no phone number. Write it like +1 415 555 0123.")
    if e164 not in numbers:
        raise Unreadable(f"{pretty(e164)} is not on our books.")
    if (before := seen.setdefault(e164, at)) != at:
        raise Unreadable(f"{pretty(e164)} stands in row {before} already.")
    return numbers[e164]


def changes_in(
    at: int, cells: dict[str, str], number: Number, agents: dict[str, list[Agent]], errors: list[str]
) -> dict:
    """What a row wants of NUMBER otherwise than our books say; what is wrong with it is added to ERRORS.

    A cell as the export writes it is never wrong, whatever has come over the agent or the tags since.
    """
    read: dict[str, Callable[[str], object]] = {
        "label": str,
        "description": str,
        "agent": lambda cell: agent_in(cell, agents),
        "tags": lambda cell: [tag for tag in re.split("[,;]", cell) if tag.strip()],
        "outbound_only": yes_or_no,
    }
    now = values_of(number)
    changes: dict[str, object] = {}
    for name, reader in read.items():
        if cells.get(name, as_cell(now[name])) == as_cell(now[name]):
            continue
        if name == "outbound_only" and not cells[name].strip():
            continue
        try:
            changes |= checked({name: reader(cells[name])})
        except (Unreadable, CannotChange) as error:
            errors.append(f"row {at}, {name}: {error}")
    return {name: value for name, value in changes.items() if value != now[name]}


def as_cell(value: object) -> str:
    """VALUE as the export writes it, formulas aside."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def agent_in(cell: str, agents: dict[str, list[Agent]]) -> str:
    """The id of the agent that CELL names by id or name, "" for nobody. Raises Unreadable."""
    word = cell.strip()
    if word.lower() in NOBODY:
        return ""
    found = {agent.api_id for agent in agents.get(word) or agents.get(word.lower(), [])}
    if not found:
        raise Unreadable(f"no agent is called “{word[:60]}”.")
    if len(found) > 1:
        raise Unreadable(f"{len(found)} agents are called “{word[:60]}”. Write the id instead.")
    return found.pop()


def yes_or_no(cell: str) -> bool:
    word = cell.strip().lower()
    if word not in TRUE | FALSE:
        raise Unreadable(f"“{cell[:20]}” is neither yes nor no.")
    return word in TRUE
