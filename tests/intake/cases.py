"""The tables of README.md, which are the cases of these tests: what is not in a table is not tried."""

import ast
import re
from pathlib import Path

README = Path(__file__).parent / "README.md"
REPEATED = re.compile(r"'(?P<unit>(?:[^'\\]|\\.)+)' \* (?P<times>\d+)")


def written(text: str) -> str:
    """TEXT as the tables write it: a Python string of ASCII alone, long repetitions shortened."""
    for size in (1, 2):
        if len(text) > 40 and text == text[:size] * (len(text) // size):
            return f"{text[:size]!a} * {len(text) // size}"
    return ascii(text).replace("|", "\\x7c").replace("`", "\\x60")


def written_file(content: bytes) -> str:
    """CONTENT as the tables write it: UTF-8 as a string, anything else as bytes."""
    try:
        return written(content.decode())
    except UnicodeDecodeError:
        return repr(content).replace("|", "\\x7c").replace("`", "\\x60")


def read(cell: str) -> str | bytes:
    """What `written` has written."""
    if found := REPEATED.fullmatch(cell):
        return ast.literal_eval(f"'{found['unit']}'") * int(found["times"])
    return ast.literal_eval(cell)


def table(title: str) -> list[tuple[str, str]]:
    """The rows of the table under TITLE: what is typed, and what it is read as."""
    _, _, part = README.read_text().partition(f"\n## {title}\n")
    rows = re.findall(r"^\| \d+ \| `(.*?)` \| (.*) \|$", part.partition("\n## ")[0], re.MULTILINE)
    assert rows, title
    return [(read(typed), expected) for typed, expected in rows]
