"""Phone numbers as people read them."""

import re


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
    """A number as people write it, with or without +1, as E.164; "" where it cannot be one."""
    if re.fullmatch(r"\+1[2-9]\d{9}", text, re.ASCII):
        return text
    import phonenumbers  # noqa: PLC0415 -- as above

    try:
        parsed = phonenumbers.parse(text.strip(), "US")
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(parsed):
        return ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
