"""Phone numbers as people write them, and as people read them."""

import re
from urllib.parse import unquote

from .characters import plain, unwrapped
from .characters import shown as quoted
from .numbering_plan import NotForSale, check_exchange, check_structure, warning_about

EXAMPLE = "Enter it like +1 415 555 0123."
SHORTENED = re.compile(r"\+?[\d.,]+\s?E[+-]?\d+", re.IGNORECASE)  # what a spreadsheet makes of a long number
URI = re.compile(r"(?:tel|callto):(?://)?|(?:tel|ph|phone|cell|mobile|[tpmc])\s*[.:]\s+", re.IGNORECASE)
CONTEXT = re.compile(r";phone-context=\+1", re.IGNORECASE)
BULLET = re.compile(r"^[-.*]\s+")
SEPARATORS = re.compile(r"[,;|/&\n\r]|\b(?:and|or|to|und|oder|bis|et|ou)\b|(?<=\d)\s*(?=\+)", re.IGNORECASE)
EXTENSION = re.compile(r"(.*?)[\s.(\[-]*(?:[^\W\d_]+|[#~*,;:])[\s.:=#,;*-]*(\d{1,8})[\s#*]*[)\]]?", re.DOTALL)
DECIMALS = re.compile(r"(\+?\d{8,15})[.,](\d+)")  # a number that a program took for a fraction
GROUPED = re.compile(r"\d{1,3}(?:,\d{3}){3}")  # 4,155,550,123
VANITY = re.compile(r"(\+?1?[-. ]*\(?\d{3}\)?)[-. ]*((?=(?:[^A-Z]*[A-Z]){3})[A-Z0-9]+(?:[-. ]+[A-Z0-9]+)*)")
CONFUSED = set("OIL")  # letters that people take for digits
KEYPAD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")
E164 = re.compile(r"\+[1-9]\d{5,14}", re.ASCII)
LONGEST = 100  # characters that are read at all; some of the patterns are slow with more


class NotAPhoneNumber(ValueError):
    """A text that is not exactly one phone number; the message says why, for people."""


def pretty(e164: str) -> str:
    """+14155550123 as "+1 415 555 0123"; anything that is not a phone number as it is."""
    if len(e164) == 12 and e164.startswith("+1"):  # nearly all of them, and a list shows a hundred
        return f"+1 {e164[2:5]} {e164[5:8]} {e164[8:]}"
    import phonenumbers  # noqa: PLC0415 -- seldom needed, and no small thing

    try:
        parsed = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return e164
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def to_e164(text: str) -> str:
    """A number as people write it, with or without +1, as E.164; "" where it is not exactly one number."""
    try:
        return read_phone_number(text)
    except NotAPhoneNumber:
        return ""


def read_listed_number(text: str) -> str:
    """As `read_phone_number`, for numbers that we may already own.

    What Fluents lists is kept whatever its numbering plan says, so E.164 is taken as it is.
    """
    if E164.fullmatch(text):
        return text
    typed = unwrapped(plain(text)) if len(text) <= LONGEST else ""
    return typed if E164.fullmatch(typed) else read_phone_number(text)


def read_phone_number(text: str) -> str:
    """`text` as E.164; exactly one complete number of a form that can exist. Raises NotAPhoneNumber.

    Whether it may be bought is another question: `check_for_sale`.
    """
    if re.fullmatch(r"\+1[2-9]\d{2}[2-9]\d{6}", text, re.ASCII) and "11" not in (text[3:5], text[6:8]):
        return text
    text = text.strip()
    typed = unwrapped(plain(text[:LONGEST]))
    shown = quoted(typed)
    if len(text) > LONGEST:
        raise NotAPhoneNumber(f"“{shown}” isn't a phone number. {EXAMPLE}")
    typed = without_program(BULLET.sub("", without_uri(typed), count=1).strip(" ,;."), shown)
    check_single(typed, shown)
    typed = without_letters(typed)
    if not re.fullmatch(r"\(?\+?[\d\s()./-]+", typed) or "\n" in typed or not any(map(str.isdigit, typed)):
        raise NotAPhoneNumber(f"“{shown}” isn't a phone number. {EXAMPLE}")
    return from_digits(typed, shown)


def without_program(typed: str, shown: str) -> str:
    """`typed` without what programs make of a number that they take for an amount. Raises NotAPhoneNumber."""
    if SHORTENED.fullmatch(typed):
        raise NotAPhoneNumber("A spreadsheet shortened this number. Format the column as text.")
    if found := DECIMALS.fullmatch(typed):
        if found[2].strip("0"):
            raise NotAPhoneNumber(f"“{shown}” isn't a phone number. {EXAMPLE}")
        return found[1]
    return typed.replace(",", "") if GROUPED.fullmatch(typed) else typed


def check_single(typed: str, shown: str) -> None:
    """Raise NotAPhoneNumber where `typed` is more than one number, or one with an extension."""
    last = re.search(r"/\W*(?:\d\W*){1,4}$", typed)  # 415-555-0123/24
    if sum(count_of_digits(part) >= 7 for part in SEPARATORS.split(typed)) > 1 or (
        last and count_of_digits(typed[: last.start()]) >= 8
    ):
        raise NotAPhoneNumber(f"“{shown}” has more than one number. Enter one.")
    found = EXTENSION.fullmatch(typed)
    if found and count_of_digits(without_letters(found[1].strip())) >= 7:
        extension = typed[len(found[1]) :].strip(" .()[]-")
        raise NotAPhoneNumber(f"“{shown}” has an extension ({extension}). Enter the number without it.")


def read_number_for_sale(text: str) -> str:
    """As `read_phone_number`. Raises NotForSale too, where such a number is never bought."""
    e164 = read_phone_number(text)
    check_for_sale(e164)
    return e164


def without_uri(typed: str) -> str:
    """`typed` without the scheme of a telephone link, such as tel:+1-415-555-0123."""
    if typed.lower().startswith("%2b"):
        return unquote(typed)
    if not (scheme := URI.match(typed)):
        return typed
    return CONTEXT.sub("", unquote(typed[scheme.end() :]))


def without_letters(typed: str) -> str:
    """A number that spells a word after its area code, 1-800-FLOWERS, as digits; any other as it is."""
    if not (found := VANITY.fullmatch(typed.upper())):
        return typed
    word = "".join(filter(str.isalnum, found[2]))
    if len(word) != 7 or {letter for letter in word if letter.isalpha()} <= CONFUSED:
        return typed
    return f"{found[1]} {word.translate(KEYPAD)}"


def from_digits(typed: str, shown: str) -> str:
    """The number of a text that holds digits and punctuation alone. Raises NotAPhoneNumber."""
    digits = "".join(filter(str.isdigit, typed))
    international = "+" in typed
    if not international and (found := re.match(r"(?:011|00)(?=[1-9])", digits)):
        digits, international = digits[found.end() :], True
    if len(digits) > 15:
        raise NotAPhoneNumber(f"“{shown}” has more digits than a phone number. Enter one number.")
    if international and not digits.startswith("1"):
        return from_abroad(digits, typed, shown)
    national = digits[1:] if international or (len(digits) == 11 and digits[0] == "1") else digits
    if len(national) == 7:
        raise NotAPhoneNumber(f"“{shown}” has no area code. {EXAMPLE}")
    if len(national) != 10:
        hint = "" if international else " Numbers in other countries start with + and the country code."
        raise NotAPhoneNumber(
            f"“{shown}” isn't a complete phone number. It has {len(national)} digits, not 10.{hint}"
        )
    try:
        check_structure(national[:3])
        check_exchange(national[3:6])
    except NotForSale as error:
        raise NotAPhoneNumber(f"This number can't exist. {error}") from None
    return f"+1{national}"


def from_abroad(digits: str, typed: str, shown: str) -> str:
    import phonenumbers  # noqa: PLC0415 -- seldom needed, and no small thing

    try:
        parsed = phonenumbers.parse(typed if typed.lstrip("( ").startswith("+") else f"+{digits}", None)
    except phonenumbers.NumberParseException:
        parsed = None
    whole = phonenumbers.ValidationResult.IS_POSSIBLE
    if not parsed or parsed.extension or phonenumbers.is_possible_number_with_reason(parsed) != whole:
        raise NotAPhoneNumber(f"“{shown}” isn't a complete phone number in any country. {EXAMPLE}")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def check_for_sale(e164: str) -> str:
    """What a person should confirm before buying e164, or "". Raises NotForSale for what is never bought."""
    if e164.startswith("+1"):
        return warning_about(e164[2:5])
    return f"{pretty(e164)} isn't a US or Canadian number. Search and prices cover only +1."


def count_of_digits(text: str) -> int:
    return sum(map(str.isdigit, text))
