"""Phone numbers as people read them."""

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
