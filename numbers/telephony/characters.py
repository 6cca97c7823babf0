"""The characters that people paste beside digits: every kind of dash, space, mark and quotation mark.

Spreadsheets, mail and chat programs put typographic characters where somebody typed ASCII. What means the
same is read the same, here for phone numbers, area codes, counts, names and searches.
"""

import unicodedata

DASHES = "\u2212\u2043\u02d7\u30fc\uff0d"  # besides all that Unicode calls dashes (Pd)
DOTS = "\u00b7\u2022\u2024\u2027\u2219\u22c5\u30fb\uff0e"
APOSTROPHES = "\u2018\u2019\u201a\u201b\u02bc\u02b9\u2032\u00b4\u0060\uff07"
QUOTES = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\uff02"
SAME = {
    **dict.fromkeys(DASHES, "-"),
    **dict.fromkeys(DOTS, "."),
    **dict.fromkeys(APOSTROPHES, "'"),
    **dict.fromkeys(QUOTES, '"'),
    "\u2044": "/",
    "\u2215": "/",
    "\u00d7": "x",
}
INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe0e\ufe0f"  # besides the format characters (Cf)


def plain(text: str) -> str:
    """`text` with ASCII dashes, spaces, quotation marks and digits, without marks that nobody sees.

    Line breaks and other control characters stay: they mean something, or are an error.
    """
    if text.isascii():
        return text
    return "".join(map(plain_character, unicodedata.normalize("NFC", text)))


def plain_character(character: str) -> str:
    if character.isascii():
        return character
    if character in SAME:
        return SAME[character]
    category = unicodedata.category(character)
    if category == "Pd":
        return "-"
    if category == "Zs":
        return " "
    if category == "Cf" or character in INVISIBLE:
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if "\uff01" <= character <= "\uff5e":  # full-width forms of ASCII
        return chr(ord(character) - 0xFEE0)
    return character


def folded(text: str) -> str:
    """`text` as searches compare it: `plain`, without case and without accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFD", plain(text).casefold())
    return unicodedata.normalize("NFC", "".join(part for part in parts if not unicodedata.combining(part)))


def unwrapped(text: str) -> str:
    """`text` without what spreadsheets and people put around a value: ="415", '415, “415”."""
    text = text.strip()
    if text.startswith('="') and text.endswith('"') and len(text) > 2:
        text = text[2:-1]
    while len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text[1:].strip() if text.startswith("'") else text


def key_of(name: str) -> str:
    """What all ways to write one name have in common, whatever their case, spaces and apostrophes."""
    return " ".join(plain(unicodedata.normalize("NFC", name)).casefold().split())


def shown(text: str, longest: int = 40) -> str:
    """`text` as a message quotes it: not too long, on one line, without characters that cannot be seen."""
    cut = text if len(text) <= longest else f"{text[:longest]}…"
    return "".join(c if c.isprintable() or c == " " else "\ufffd" for c in plain(cut))
