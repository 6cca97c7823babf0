"""The one reader of CSV files, and the one writer.

A file comes from any spreadsheet of any country, and is read as its writer meant it or refused with the row,
the column and the reason. It is bounded in size, rows and columns, read row by row, and only known columns
are kept.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from itertools import chain, islice
from typing import IO

from numbers.telephony.characters import plain, shown
from numbers.telephony.phone import to_e164

MOST_BYTES, MOST_ROWS, MOST_COLUMNS = 5_000_000, 20_000, 100
LONGEST_LINE = 100_000  # characters
LONGEST_TITLE = 100
MOST_ABOVE = 10  # titles and blank lines above the header
MOST_MISTAKES = 200  # that are told one by one
DELIMITERS = ",;\t|"
BOMS = (
    ("utf-32-le", b"\xff\xfe\x00\x00"),
    ("utf-8", b"\xef\xbb\xbf"),
    ("utf-16-le", b"\xff\xfe"),
    ("utf-16-be", b"\xfe\xff"),
)
OTHER_KINDS = (
    (b"PK\x03\x04", "a workbook (such as .xlsx)"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "a text document (.rtf)"),
    (b"<", "a web page or XML document"),
)
OLD_ENCODING = "The file isn't UTF-8. It was read as {}. Check accented letters."
NOT_TEXT = "The file isn't text. Save it as “CSV UTF-8” and try again."
SEP = re.compile(r'"?sep=([,;\t|])"?[ ,;|]*\r?\n', re.IGNORECASE)  # how a file tells Excel its delimiter
GUARDED = re.compile(r"'+[=+\-@\t\r]")  # what `csv_safe` makes
FORMULA = re.compile(r'="([^"]*)"')  # how a file makes Excel keep all digits
# What a spreadsheet takes for a formula, and what only looks as if it had been guarded already.
DANGEROUS = re.compile(r"'*[=+\-@\t\r]")
FIRST = frozenset("'=+-@\t\r")  # where such a value begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong in a file, and where; `row` 0 is the whole file, `typed` what stands there."""

    row: int = 0
    column: str = ""
    typed: str = ""
    text: str

    def __str__(self) -> str:
        where = ", ".join(filter(None, [f"row {self.row}" if self.row else "", self.column]))
        return f"{where}: {self.text}" if where else self.text

    def as_json(self) -> dict:
        return asdict(self)


class BadTable(ValueError):
    """A file that cannot be read as a table."""

    def __init__(self, text: str, *, row: int = 0, column: str = "", typed: str = "") -> None:
        super().__init__(text)
        self.mistake = Mistake(row=row, column=column, typed=shown(typed, 60), text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns that a kind of file may have.

    names are read, each with the other names that it goes by; ignored stand in our files, for information.
    `hints` say which column somebody means by a word that is none.
    """

    names: Mapping[str, Sequence[str]]
    ignored: Sequence[str] = ()
    hints: Mapping[str, str] = field(default_factory=dict)

    def known(self) -> dict[str, str]:
        """The name of a column by each way to write it; "" for those that are ignored."""
        found = {key_of_column(name): "" for name in self.ignored}
        for name, others in self.names.items():
            found |= {key_of_column(other): name for other in (name, *others)}
        return found

    def near(self, key: str) -> str:
        """The column that somebody who wrote `key` may have meant, or ""."""
        hints = {key_of_column(word): meant for word, meant in self.hints.items()}
        known = {**{key: name for key, name in self.known().items() if name}, **hints}
        close = get_close_matches(key, known, n=1, cutoff=0.75)
        return known[close[0]] if close else ""


@dataclass(slots=True)
class Table:
    """A table whose header was read: the names of its columns, "" for those not read, and its rows to come.

    `warnings` are what a person should know of how it was read.
    """

    columns: list[str]
    rows: Iterator[tuple[int, dict[str, str]]]
    warnings: list[str]


def read_table(file: IO, columns: Columns, *, bare: Callable[[str], bool] | None = None) -> Table:
    """The table in file, bytes or text. bare knows a value of the first column in a file without a header.

    Rows come with the number that a spreadsheet gives them and their cells by column; a cell that a short row
    does not have is not there. Raises BadTable, also while rows are read.
    """
    text, warnings = text_of(file)
    delimiter, lines = delimiter_of(text, columns)
    records = records_of(lines, delimiter)
    above = list(islice(records, MOST_ABOVE + 1))
    first = next((cells for _, cells in above if filled(cells)), [""])
    if bare and bare(first[0]) and not filled(first[1:]):
        names = [next(iter(columns.names))]
        return Table(names, rows_of(chain(above, records), names, names), warnings)
    at, titles = header_among(above, columns)
    names, unread = names_of(titles, at, columns)
    if unread:
        warnings.append(f"These columns were ignored: {', '.join(shown(name) for name in unread)}.")
    rest = [record for record in above if record[0] > at]
    return Table(names, rows_of(chain(rest, records), names, titles), warnings)


def read_titles(file: IO, columns: Columns) -> list[str]:
    """The titles of the header of `file` as they stand there, also those that `columns` does not know.

    Where it knows none, the header is the first of the widest rows at the top. Raises BadTable.
    """
    text, _ = text_of(file)
    delimiter, lines = delimiter_of(text, columns)
    above = list(islice(records_of(lines, delimiter), MOST_ABOVE + 1))
    _, titles = header_among(above, columns)
    if not {key_of_column(title) for title in titles} & columns.known().keys():
        titles = max((cells for _, cells in above), key=lambda cells: sum(map(bool, map(str.strip, cells))))
    return [title.strip() for title in titles if title.strip()]


def text_of(file: IO) -> tuple[str, list[str]]:
    """The whole file as text, and what a person should know of how it was read. Raises BadTable."""
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BadTable(f"The file is larger than {MOST_BYTES // 1_000_000} MB. Split it into smaller files.")
    if isinstance(content, str):
        return content.lstrip("\ufeff"), []
    for magic, kind in OTHER_KINDS:
        if content.lstrip().startswith(magic):
            raise BadTable(f"The file is {kind}, not CSV. Save it as “CSV UTF-8” and try again.")
    warnings: list[str] = []
    encoding = encoding_of(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8" or re.search(rb"[\x00-\x08\x0e-\x1f]", content):
            raise BadTable(NOT_TEXT) from None
        text, warnings = old_text(content)
    return text.lstrip("\ufeff").rstrip("\x1a"), warnings  # the latter ends files of DOS


def old_text(content: bytes) -> tuple[str, list[str]]:
    """`content` in an encoding of Windows, or of a Mac where lines end with CR alone. Raises BadTable."""
    encoding, name = ("cp1252", "Windows-1252") if b"\n" in content else ("mac_roman", "Mac OS Roman")
    try:
        return content.decode(encoding), [OLD_ENCODING.format(name)]
    except UnicodeDecodeError:
        raise BadTable(NOT_TEXT) from None


def encoding_of(content: bytes) -> str:
    """By its byte order mark, or where the zeros of UTF-16 stand."""
    for encoding, mark in BOMS:
        if content.startswith(mark):
            return encoding
    start = content[:2000]
    if len(start) > 3 and start.count(0) >= len(start) // 3:
        return "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
    return "utf-8"


def delimiter_of(text: str, columns: Columns) -> tuple[str, str]:
    """The delimiter under which text has most known columns, and text without a line that says so itself."""
    if said := SEP.match(text):
        return said[1], text[said.end() :]  # no row to a spreadsheet
    top = "\n".join(islice(io.StringIO(text, newline=None), MOST_ABOVE + 5))[:LONGEST_LINE]
    known = columns.known()

    def fit(delimiter: str) -> tuple[int, int]:
        rows = csv.reader(io.StringIO(top), delimiter=delimiter)
        try:
            best = max((len({key_of_column(cell) for cell in row} & known.keys()) for row in rows), default=0)
        except csv.Error:
            best = 0
        return best, top.partition("\n")[0].count(delimiter)

    return max(DELIMITERS, key=fit), text


def records_of(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of `text` as a spreadsheet counts them. Raises BadTable."""
    # "Front, desk" in quotation marks after a space: people put the space for the eye.
    spaced = re.search(rf'{re.escape(delimiter)} +"', text) is not None
    reader = csv.reader(bounded(text), delimiter=delimiter, strict=True, skipinitialspace=spaced)
    at = 0
    while True:
        at += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "expected after" in str(error):  # the module gives nothing else to tell them apart
                raise BadTable("There's text after a closing quotation mark.", row=at) from None
            raise BadTable("This quotation mark is never closed.", row=at) from None
        while len(cells) > MOST_COLUMNS and not cells[-1].strip():
            cells.pop()
        if len(cells) > MOST_COLUMNS:
            raise BadTable(f"The row has {len(cells):,} columns. The maximum is {MOST_COLUMNS}.", row=at)
        yield at, cells


def bounded(text: str) -> Iterator[str]:
    """The lines of `text`, as long as they are of a length that people write. Raises BadTable."""
    for at, line in enumerate(io.StringIO(text, newline=""), start=1):
        if len(line) > LONGEST_LINE:
            text = f"Line {at} of the file has {len(line):,} characters. This isn't a table."
            raise BadTable(text, row=at)
        yield line


def header_among(above: list[tuple[int, list[str]]], columns: Columns) -> tuple[int, list[str]]:
    """The header: the row with most known columns among those at the top. Raises BadTable."""
    known = columns.known()

    def fit(record: tuple[int, list[str]]) -> int:
        return len({key_of_column(cell) for cell in record[1]} & known.keys())

    if not above:
        raise BadTable("The file is empty.")
    best = max(above, key=fit)
    if not fit(best):
        return next((record for record in above if filled(record[1])), above[0])
    for at, cells in above[: above.index(best)]:
        for n, cell in enumerate(cells):
            if re.fullmatch(r"\(?\d{3}\)?", cell.strip()) or to_e164(cell):  # no title
                text = "This row is above the header. Move the header to the top."
                raise BadTable(text, row=at, column=letters_of(n), typed=cell)
    return best


def names_of(titles: list[str], at: int, columns: Columns) -> tuple[list[str], list[str]]:
    """The names of the columns that `titles` are, and the titles that are none. Raises BadTable."""
    known, names, unread = columns.known(), [], []
    while titles and not titles[-1].strip():
        titles.pop()
    for title in titles:
        key = key_of_column(title)
        name = known.get(key, "")
        if name and name in names:
            raise BadTable(f"The column “{name}” appears twice.", row=at, column=name, typed=title)
        names.append(name)
        if key and key not in known:
            if near := columns.near(key):
                text = f"“{shown(title)}” isn't a known column. Did you mean “{near}”?"
                raise BadTable(text, row=at, column=shown(title), typed=title)
            unread.append(title.strip())
    return names, unread


def rows_of(
    records: Iterable[tuple[int, list[str]]], names: list[str], titles: list[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """The cells of each row by column. Raises BadTable for a row that does not go with the header."""
    kept = [(n, name) for n, name in enumerate(names) if name]
    untitled = [n for n, title in enumerate(titles) if not title.strip()]
    for count, (at, cells) in enumerate((record for record in records if filled(record[1])), start=1):
        if count > MOST_ROWS:
            raise BadTable(f"The file has more than {MOST_ROWS:,} rows. Split it into smaller files.")
        while len(cells) > len(titles) and not cells[-1].strip():
            cells.pop()
        if len(cells) > len(titles):
            text = f"The row has {len(cells)} cells, the header has {len(titles)}."
            raise BadTable(text, row=at, column=letters_of(len(titles)), typed=cells[len(titles)])
        count_of_cells = len(cells)
        for n in untitled:
            if n < count_of_cells and cells[n].strip():
                raise BadTable("This column has no header.", row=at, column=letters_of(n), typed=cells[n])
        yield at, {name: unguarded(cells[n]) for n, name in kept if n < count_of_cells}


def letters_of(n: int) -> str:
    """What a spreadsheet calls its column `n`, counted from 0: A to Z, AA and so on."""
    return (letters_of(n // 26 - 1) if n > 25 else "") + chr(ord("A") + n % 26)


def filled(cells: list[str]) -> bool:
    return any(map(str.strip, cells))


def key_of_column(title: str) -> str:
    """What all ways to write the name of a column have in common: "Area Code" is "area_code"."""
    return "".join(filter(str.isalnum, plain(title[:LONGEST_TITLE]))).casefold()


def unguarded(cell: str) -> str:
    """The cell without what keeps a spreadsheet from reading it: our export's apostrophe, and ="…"."""
    if '="' in cell and (found := FORMULA.fullmatch(cell.strip())):
        return found[1]
    return cell[1:] if cell[:1] == "'" and GUARDED.match(cell) else cell


def told(mistakes: list[Mistake]) -> list[Mistake]:
    """`mistakes` by row, the last of very many as their count."""
    mistakes = sorted(mistakes, key=lambda mistake: mistake.row)
    more = len(mistakes) - MOST_MISTAKES
    return [*mistakes[:MOST_MISTAKES], Mistake(text=f"And {more:,} more errors.")] if more > 0 else mistakes


# --- Writing --------------------------------------------------------------------------------


def csv_lines(rows: Iterable[dict], columns: Sequence[str]) -> Iterator[str]:
    """`rows` as the lines of a CSV file, header first; no cell is a formula to a spreadsheet."""
    writer = csv.writer(Echo())
    yield writer.writerow(columns)
    for row in rows:
        values = [row[name] for name in columns]
        # Most are text already, and of a million numbers there are 18 million.
        yield writer.writerow([csv_safe(cell if type(cell) is str else as_cell(cell)) for cell in values])


def as_cell(value: object) -> str:
    """`value` as a cell says it, formulas aside."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def csv_safe(value: str) -> str:
    """`value` with an apostrophe before it where a spreadsheet would take it for a formula.

    A value that has such apostrophes of its own gets one more, so that taking one away always
    brings back what was there.
    """
    return f"'{value}" if value[:1] in FIRST and DANGEROUS.match(value) else value


class Echo:
    """A file that gives back what is written to it: a csv writer then returns its lines."""

    def write(self, text: str) -> str:
        return text
