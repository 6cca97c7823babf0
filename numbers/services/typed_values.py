"""What people type, one reader for each kind of value, however it comes in.

Forms, files, commands and the upload of an edited export all read with these, so that a value is right or
wrong everywhere alike. Phone numbers and area codes are read in `numbers.telephony`.
"""

import re
import unicodedata
from collections.abc import Iterable

from numbers.telephony.characters import plain, shown, unwrapped

LONGEST_LABEL, LONGEST_DESCRIPTION, LONGEST_TAG, MOST_TAGS = 200, 1000, 50, 20
SHORTENED = re.compile(r"\d+(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)
WHOLE = re.compile(r"(\d+)(?:[.,]0{1,2})?")  # 10, 10.0, 10,00
THOUSANDS = re.compile(
    r"(\d{1,3}(?:,\d{3})+)(?:\.0{1,2})?"  # 1,000 and 1,000.00
    r"|(\d{1,3}(?:[ ']\d{3})+)(?:[.,]0{1,2})?"  # 1 000 and 1'000
    r"|(\d{1,3}(?:\.\d{3})+),0{1,2}"  # 1.000,00
)
TWO_WAYS = re.compile(r"\d{1,3}\.\d{3}")  # a thousand in Berlin, one in Boston
TRUE, FALSE = {"yes", "true", "1", "on", "y"}, {"no", "false", "0", "off", "n"}


class Unreadable(ValueError):
    """A value that makes no sense; the message says why, for people."""


def read_quantity(text: str, *, most: int) -> int:
    """A whole number from 1 to `most`, as people and spreadsheets write it. Raises Unreadable."""
    typed = unwrapped(plain(text.strip()[:LONGEST_TAG]))
    quoted = shown(typed, 20)
    if SHORTENED.fullmatch(typed):
        raise Unreadable(f"A spreadsheet shortened “{quoted}”. Enter all digits.")
    if TWO_WAYS.fullmatch(typed):
        raise Unreadable(f"“{quoted}” is ambiguous. Enter it without a decimal point.")
    if found := THOUSANDS.fullmatch(typed):
        typed = re.sub(r"\D", "", next(filter(None, found.groups())))
    found = WHOLE.fullmatch(typed)
    if not found or len(text.strip()) > LONGEST_TAG:
        raise Unreadable(f"“{quoted}” isn't a whole number. Enter one from 1 to {most:,}.")
    if len(found[1]) > 9 or not 1 <= int(found[1]) <= most:
        raise Unreadable(f"“{quoted}” isn't between 1 and {most:,}.")
    return int(found[1])


def same_text(text: str) -> str:
    """`text` in the form in which two texts are compared: trimmed, NFC, with the line breaks of Unix."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def read_text(text: str, *, name: str, longest: int, lines: bool = False) -> str:
    """text trimmed, in NFC and without control characters; with lines it may have several. Raises Unreadable.

    What people cannot see but mean is fine: narrow spaces, joined emoji, right-to-left marks.
    """
    value = same_text(text)
    for character in "" if value.isprintable() else value:
        if lines and character in "\n\t\u2028\u2029":
            continue
        if character in "\n\u2028\u2029":
            raise Unreadable(f"{name} must be one line. Remove the line break.")
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise Unreadable(f"{name} has a control character (U+{ord(character):04X}). Remove it.")
    if len(value) > longest:
        raise Unreadable(f"{name} can have up to {longest:,} characters; this has {len(value):,}.")
    return value


def read_label(text: str) -> str:
    return read_text(text, name="A label", longest=LONGEST_LABEL)


def read_description(text: str) -> str:
    return read_text(text, name="A description", longest=LONGEST_DESCRIPTION, lines=True)


def read_tags(text: str) -> list[str]:
    """Tags with commas, semicolons or line breaks between them, sorted. Raises Unreadable."""
    return check_tags(re.split("[,;\r\n]", text))


def check_tags(tags: Iterable[str]) -> list[str]:
    """`tags` as they are kept, sorted. Raises Unreadable."""
    kept = sorted({read_text(tag, name="A tag", longest=LONGEST_TAG) for tag in tags} - {""})
    if bad := next((tag for tag in kept if {",", ";"} & set(tag)), ""):
        raise Unreadable(f"“{shown(bad)}” isn't a valid tag. Tags can't contain commas or semicolons.")
    if len(kept) > MOST_TAGS:
        raise Unreadable(f"A number can have up to {MOST_TAGS} tags; this has {len(kept)}.")
    return kept


def read_yes_or_no(text: str) -> bool:
    """Yes or no. Raises Unreadable."""
    word = unwrapped(plain(text)).lower()
    if word not in TRUE | FALSE:
        raise Unreadable(f"“{shown(word, 20)}” isn't yes or no.")
    return word in TRUE
