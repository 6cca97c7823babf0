"""Files as chance makes them: pieces that people paste, in every order, and bytes turned over."""

import random
from collections.abc import Iterator

from .cases import table

COLUMNS = ["area_code", "phone_number", "quantity", "agent", "label", "tags", "number", "outbound_only"]
ODD_COLUMNS = [
    *("Area Code", "agent_name", "lable", "count", "", " ", "Notes", "inbound_agent", "description", "e164"),
    *("\ufeffarea_code", "area\u00a0code", "PHONE-NUMBER", "x" * 300, '"', "number of lines", "tag"),
]
JUNK = [
    *(
        "",
        " ",
        "\x00",
        "\u200b",
        "\t",
        '"',
        '""',
        '"""',
        "'",
        "=",
        '="',
        "#REF!",
        "NULL",
        "nan",
        "1e400",
        "\u2028",
    ),
    *(
        "\U0001f468\u200d\U0001f469",
        "a\nb",
        "a\r\nb",
        "x" * 3000,
        ",",
        ";",
        "|",
        "-",
        "\\",
        "%",
        "{",
        "\ufeff",
    ),
]
TABLES = ["Phone numbers to buy", "Area codes", "Quantities", "Labels", "Tags", "Agents"]
ENCODINGS = ["utf-8"] * 6 + [
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "cp1252",
    "latin-1",
    "utf-32",
    "utf-7",
]


def cells() -> list[str]:
    """Every value of the tables, and junk."""
    return [typed for title in TABLES for typed, _ in table(title)] + JUNK


def files(seed: int, count: int) -> Iterator[tuple[int, bytes]]:
    """COUNT files, each with the seed that makes it again."""
    pool = cells()
    for n in range(seed, seed + count):
        yield n, one(random.Random(n), pool)


def one(dice: random.Random, pool: list[str]) -> bytes:
    header = [
        dice.choice(COLUMNS if dice.random() < 0.93 else ODD_COLUMNS) for _ in range(dice.randrange(1, 7))
    ]
    if dice.random() < 0.8:
        header = list(dict.fromkeys(header))
    rows = [header] * (dice.random() < 0.95)
    for _ in range(dice.randrange(6)):
        width = len(header) if dice.random() < 0.9 else dice.randrange(9)
        rows.append([dice.choice(pool) if dice.random() < 0.6 else "" for _ in range(width)])
    if dice.random() < 0.15:
        rows.insert(0, [dice.choice(JUNK)])
    delimiter = dice.choice(",,,,;;\t|")
    text = dice.choice(["\n", "\r\n", "\r"]).join(delimiter.join(map(quoter(dice), row)) for row in rows)
    content = text.encode(dice.choice(ENCODINGS), "replace")
    return turned(dice, content) if dice.random() < 0.2 else content


def quoter(dice: random.Random):
    """How a program writes its cells: as it should, or as it happens."""
    careful = dice.random() < 0.7

    def quoted(cell: str) -> str:
        needed = set(cell) & set('",;\t|\r\n')
        if (careful and needed) or dice.random() < 0.1:
            return '"' + cell.replace('"', '""') + '"'
        return cell

    return quoted


def turned(dice: random.Random, content: bytes) -> bytes:
    """CONTENT with bytes changed, lost or doubled."""
    found = bytearray(content)
    for _ in range(dice.randrange(1, 5)):
        if not found:
            break
        at = dice.randrange(len(found))
        match dice.randrange(3):
            case 0:
                found[at] = dice.randrange(256)
            case 1:
                del found[at : at + dice.randrange(1, 20)]
            case 2:
                found[at:at] = found[max(0, at - 20) : at]
    return bytes(found)
