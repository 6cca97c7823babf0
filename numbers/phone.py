"""Phone numbers as people read them."""

import re

import phonenumbers


def pretty(e164: str) -> str:
    """+14155550123 as "+1 415 555 0123"; anything that is not a phone number as it is."""
    try:
        parsed = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return e164
    if parsed.country_code == 1 and len(str(parsed.national_number)) == 10:
        digits = str(parsed.national_number)
        return f"+1 {digits[:3]} {digits[3:6]} {digits[6:]}"
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def to_e164(text: str) -> str:
    """A number as people write it, with or without +1, as E.164; "" where it cannot be one."""
    if re.fullmatch(r"\+1[2-9]\d{9}", text, re.ASCII):
        return text
    try:
        parsed = phonenumbers.parse(text.strip(), "US")
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(parsed):
        return ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
