"""The North American Numbering Plan: which area codes belong to a place, and what the others are.

Checked 2026-11-28 with `phonenumbers` 9.0.42 and published lists, not with the administrator's own database.
What is in doubt stands in the header of `area_codes.csv`.
"""

import re

from .area_codes import areas, match, suggestion
from .characters import plain, shown, unwrapped

TOLL_FREE = {"800", "833", "844", "855", "866", "877", "888"}
TOLL_FREE_TO_COME = {"822", *map(str, range(880, 888)), "889"}
PERSONAL = {"500", *map(str, range(521, 530)), "532", "533", "544", "566", "577", "588"}
SERVICES_OF_CANADA = {"600", "622", "633", "644", "655", "677", "688"}
OTHERS = {
    "555": "for directory assistance and tests",
    "700": "for services of the long-distance carriers",
    "710": "for the US government",
    "900": "premium rate",
    "988": "the suicide and crisis lifeline",
}
COUNTRIES = {
    "242": "the Bahamas",
    "246": "Barbados",
    "264": "Anguilla",
    "268": "Antigua and Barbuda",
    "284": "the British Virgin Islands",
    "345": "the Cayman Islands",
    "441": "Bermuda",
    "473": "Grenada",
    "649": "the Turks and Caicos Islands",
    "658": "Jamaica",
    "664": "Montserrat",
    "721": "Sint Maarten",
    "758": "Saint Lucia",
    "767": "Dominica",
    "784": "Saint Vincent and the Grenadines",
    "809": "the Dominican Republic",
    "829": "the Dominican Republic",
    "849": "the Dominican Republic",
    "868": "Trinidad and Tobago",
    "869": "Saint Kitts and Nevis",
    "876": "Jamaica",
}
TERRITORIES = {
    "340": "the US Virgin Islands",
    "670": "the Northern Mariana Islands",
    "671": "Guam",
    "684": "American Samoa",
    "787": "Puerto Rico",
    "939": "Puerto Rico",
}
SERVICES = {
    "211": "community services",
    "311": "city services",
    "411": "directory assistance",
    "511": "traffic information",
    "611": "the carrier's repair service",
    "711": "the relay service",
    "811": "the call-before-you-dig line",
    "911": "the emergency number",
}
TYPED = re.compile(r"(?:\+?\s*\(?1\)?[\s.-]*)?[(\[]?\s*(\d{3})\s*[)\]]?\s*[-.]?(?:[.,]0+)?")
LONGEST = 60  # characters that are read at all
NAMED = 8  # area codes of one place


class NotForSale(ValueError):
    """An area code or number that cannot be bought; the message says what it is, for people."""


def read_area_code(text: str) -> str:
    """The area code that `text` means: 415, (415), +1 415, ="415". Raises NotForSale.

    Only what can be bought passes; `warning_about` tells what a person should confirm.
    """
    text = text.strip()
    typed = unwrapped(plain(text[:LONGEST]))
    if len(text) > LONGEST or not (found := TYPED.fullmatch(typed)):
        raise NotForSale(what_else(typed))
    warning_about(found[1])
    return found[1]


def read_area(text: str) -> str:
    """As `read_area_code`; a place that has one area code, too. Raises NotForSale, which names the codes of
    a place with several."""
    if not re.search(r"[^\W\d_]{2}", text):
        return read_area_code(text)
    found, said = match(text), shown(text.strip(), 20)
    if len(found) == 1:
        return found[0].code
    if found:
        codes = ", ".join(area.code for area in found[:NAMED]) + (" and more" if len(found) > NAMED else "")
        raise NotForSale(f"“{said}” has {len(found)} area codes: {codes}. Choose one.")
    near = suggestion(text)
    hint = f" Did you mean {near}?" if near else ""
    raise NotForSale(f"No area code, city, or state is called “{said}”.{hint}")


def what_else(typed: str) -> str:
    """Why `typed` is not an area code."""
    digits = "".join(filter(str.isdigit, typed))
    if len(re.findall(r"(?<!\d)\d{3}(?!\d)", typed)) > 1 and not re.search(r"\d{4}", typed):
        return f"“{shown(typed, 20)}” is more than one area code. Enter one, such as 415."
    if len(digits) in (10, 11) and not re.search("[A-Za-z]", typed):
        return f"“{shown(typed, 20)}” is a full phone number. Enter its area code, or use the exact number."
    return f"“{shown(typed, 20)}” isn't an area code such as 415."


def warning_about(code: str) -> str:
    """What a person should confirm before buying in code, or "". Raises NotForSale for what is never bought.

    `code` is three ASCII digits.
    """
    if code in areas():
        return ""
    check_structure(code)
    if code in TERRITORIES:
        return f"{code} is {TERRITORIES[code]}. Search and prices cover only the US states and Canada."
    if what := kind_of(code):
        raise NotForSale(f"{code} can't be bought. It's {what}.")
    return f"{code} isn't a known area code. It may be new or mistyped."


def kind_of(code: str) -> str:
    """What the area code `code` is for, where it belongs to no place of the US or Canada; "" where it may."""
    if code in OTHERS:
        return OTHERS[code]
    if code in TOLL_FREE:
        return "toll-free"
    if code in TOLL_FREE_TO_COME:
        return "reserved for toll-free numbers"
    if code in PERSONAL:
        return "for personal and machine numbers, not for a place"
    if code in SERVICES_OF_CANADA:
        return "for Canadian services without a place"
    if code in COUNTRIES:
        return f"in {COUNTRIES[code]}"
    if code[1] == "9":
        return "reserved, as all codes with a 9 in the middle are"
    if code[1] == code[2]:
        return "reserved for services without a place"
    return ""


def check_structure(code: str) -> None:
    """Raise NotForSale where `code` can never be an area code."""
    if code in SERVICES:
        raise NotForSale(f"{code} isn't an area code. It's {SERVICES[code]}.")
    if code[0] in "01":
        raise NotForSale(f"{code} isn't an area code. Area codes start with 2 to 9.")


def check_exchange(exchange: str) -> None:
    """Raise NotForSale where the three digits after an area code can never be."""
    if exchange[0] in "01" or exchange[1:] == "11":
        raise NotForSale(
            f"The three digits after the area code ({exchange}) must start with 2 to 9 and can't end in 11."
        )
