"""Geographic area codes of the United States and Canada: region, places, time zone, neighbours.

The table `area_codes.csv` holds facts of the North American Numbering Plan and says where they are from and
when they were last checked; positions are those of the middle of an area, to some miles. Fluents tells no
geography, so pages take it from the area code.
"""

import csv
import re
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache
from math import cos, hypot, radians
from pathlib import Path

from .characters import key_of, plain, unwrapped
from .place_names import NICKNAMES, SHORT, canonical

TABLE = Path(__file__).parent / "area_codes.csv"

REGIONS = {
    "AL": "Alabama",
    "AK": "Alaska",
    "AZ": "Arizona",
    "AR": "Arkansas",
    "CA": "California",
    "CO": "Colorado",
    "CT": "Connecticut",
    "DE": "Delaware",
    "DC": "District of Columbia",
    "FL": "Florida",
    "GA": "Georgia",
    "HI": "Hawaii",
    "ID": "Idaho",
    "IL": "Illinois",
    "IN": "Indiana",
    "IA": "Iowa",
    "KS": "Kansas",
    "KY": "Kentucky",
    "LA": "Louisiana",
    "ME": "Maine",
    "MD": "Maryland",
    "MA": "Massachusetts",
    "MI": "Michigan",
    "MN": "Minnesota",
    "MS": "Mississippi",
    "MO": "Missouri",
    "MT": "Montana",
    "NE": "Nebraska",
    "NV": "Nevada",
    "NH": "New Hampshire",
    "NJ": "New Jersey",
    "NM": "New Mexico",
    "NY": "New York",
    "NC": "North Carolina",
    "ND": "North Dakota",
    "OH": "Ohio",
    "OK": "Oklahoma",
    "OR": "Oregon",
    "PA": "Pennsylvania",
    "RI": "Rhode Island",
    "SC": "South Carolina",
    "SD": "South Dakota",
    "TN": "Tennessee",
    "TX": "Texas",
    "UT": "Utah",
    "VT": "Vermont",
    "VA": "Virginia",
    "WA": "Washington",
    "WV": "West Virginia",
    "WI": "Wisconsin",
    "WY": "Wyoming",
    "AB": "Alberta",
    "BC": "British Columbia",
    "MB": "Manitoba",
    "NB": "New Brunswick",
    "NL": "Newfoundland and Labrador",
    "NS": "Nova Scotia",
    "NT": "Northwest Territories",
    "NU": "Nunavut",
    "ON": "Ontario",
    "PE": "Prince Edward Island",
    "QC": "Quebec",
    "SK": "Saskatchewan",
    "YT": "Yukon",
}


#: What people call the time zones of the table.
ZONES = {
    "America/New_York": "Eastern",
    "America/Toronto": "Eastern",
    "America/Chicago": "Central",
    "America/Winnipeg": "Central",
    "America/Regina": "Central",
    "America/Denver": "Mountain",
    "America/Boise": "Mountain",
    "America/Edmonton": "Mountain",
    "America/Fort_Nelson": "Mountain",
    "America/Phoenix": "Mountain",
    "America/Los_Angeles": "Pacific",
    "America/Vancouver": "Pacific",
    "America/Anchorage": "Alaska",
    "America/Halifax": "Atlantic",
    "America/Puerto_Rico": "Atlantic",
    "Pacific/Honolulu": "Hawaii",
}
COUNTRIES = {"US": "United States", "CA": "Canada"}
AROUND = re.compile(r"^(?:the )?(?:area code|npa) | area code$| (?:usa|us|u\.s\.a?\.?|united states)$|^the ")
LONGEST = 60  # characters of a search
NUMBER_LIKE = re.compile(r"[+(\[\d][-\d\s()\[\]+.]*")
SEPARATORS = str.maketrans(",;", "  ")
CODES = re.compile(r"\d{3}( \d{3})+")
KM_A_DEGREE = 111.2


@dataclass(frozen=True, slots=True)
class Area:
    """One area code. `region` is the postal code of a state or province, `places` the larger towns.

    `overlays` are the other codes of the same place.
    """

    code: str
    country: str
    region: str
    places: tuple[str, ...]
    time_zone: str
    overlays: tuple[str, ...] = ()
    latitude: float = 0.0
    longitude: float = 0.0

    def __str__(self) -> str:
        """ "Boston, MA", or the region alone where no town stands out."""
        return f"{self.places[0]}, {self.region}" if self.places else REGIONS[self.region]

    @property
    def region_name(self) -> str:
        return REGIONS[self.region]

    @property
    def zone(self) -> str:
        return ZONES[self.time_zone]

    def km_to(self, other: "Area") -> float:
        """Near enough to tell which of two areas is nearer."""
        north = self.latitude - other.latitude
        east = (self.longitude - other.longitude) * cos(radians((self.latitude + other.latitude) / 2))
        return KM_A_DEGREE * hypot(north, east)


@cache
def areas() -> dict[str, Area]:
    """Every area code."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {
        row["area_code"]: Area(
            row["area_code"],
            row["country"],
            row["region"],
            tuple(filter(None, row["places"].split("; "))),
            row["time_zone"],
            tuple(row["overlays"].split()),
            float(row["latitude"]),
            float(row["longitude"]),
        )
        for row in csv.DictReader(lines)
    }


def checked_on() -> date:
    """When the table was last compared with its sources, as it says itself."""
    with TABLE.open(encoding="utf-8") as file:
        said = next(line for line in file if line.startswith("# Checked: "))
    return date.fromisoformat(said.removeprefix("# Checked: ").strip())


def search(text: str) -> list[Area]:
    """The areas that `text` means, also where it is a slip of the finger: "bosten" finds Boston."""
    return match(text) or match(suggestion(text))


def match(text: str) -> list[Area]:
    """The areas that text says: a code or its beginning, a whole number, a city, a nickname, a region, a time
    zone, or words of these.

    What matches exactly keeps out what matches in part, so "ma" is Massachusetts and not Madison.
    """
    wanted = wanted_by(text)
    if not wanted:
        return []
    if CODES.fullmatch(wanted):  # typed, or a nickname's
        return [areas()[code] for code in dict.fromkeys(wanted.split()) if code in areas()]
    ranked = [(rank, area) for area in areas().values() if (rank := _rank(area, wanted)) is not None]
    best = min((rank for rank, _ in ranked), default=0)
    kept = [(rank, area) for rank, area in ranked if rank == best or rank < PARTS]
    return [area for _, area in sorted(kept, key=lambda found: (found[0], found[1].code))]


def wanted_by(text: str) -> str:
    """`text` in the one form that areas are compared with: "(415)" and "+1 415 555 0123" are 415."""
    wanted = " ".join(key_of(unwrapped(plain(text[:LONGEST]))).translate(SEPARATORS).split())
    wanted = AROUND.sub("", wanted)
    if CODES.fullmatch(wanted):
        return wanted
    if NUMBER_LIKE.fullmatch(wanted):
        digits = "".join(filter(str.isdigit, wanted))
        if len(digits) in (4, 11) or wanted.startswith(("+1", "1 ", "1-", "1(")):
            digits = digits.removeprefix("1")
        return digits[:3] if len(digits) == 10 else digits
    if wanted in NICKNAMES:
        return NICKNAMES[wanted]  # "l.a." is not Louisiana
    dotted, wanted = wanted.endswith("."), canonical(wanted)
    place, _, region = wanted.rpartition(" ")
    if (place or dotted) and region in SHORT:
        region = SHORT[region]
        wanted = f"{place} {region}".strip()
    if region.upper() in REGIONS and place in NICKNAMES:  # "nyc, ny"
        wanted = place
    return NICKNAMES.get(wanted, wanted)


EXACT, PARTS, WORDS = 0, 4, 5  # what is below PARTS matches as a whole


def _rank(area: Area, wanted: str) -> int | None:
    """How well `area` is what is `wanted`, 0 best; None where it is not."""
    places = [canonical(place) for place in area.places]
    region = canonical(area.region_name)
    if wanted.isdigit():
        return EXACT if area.code == wanted else PARTS if area.code.startswith(wanted) else None
    if wanted in places:
        return 1 if wanted == places[0] else 2
    with_region = [
        place for place in places if wanted in (f"{place} {area.region.casefold()}", f"{place} {region}")
    ]
    if with_region:
        return 1 if with_region[0] == places[0] else 2
    if wanted in (area.region.casefold(), region):
        return 3
    if wanted in (area.zone.casefold(), f"{area.zone} time".casefold(), area.time_zone.casefold()):
        return 3
    begins = any(part.startswith(wanted) for part in [*places, region])
    if len(wanted) > 2 and (begins or SHORT.get(wanted) == area.region.casefold()):
        return PARTS
    words = " ".join([area.code, *places, area.region, region, area.zone, COUNTRIES[area.country]]).casefold()
    return WORDS if all(f" {word}" in f" {words}" for word in wanted.split()) else None


def suggestion(text: str) -> str:
    """The place or region that somebody who typed `text` may have meant, or ""."""
    wanted = wanted_by(text)[:40]
    names = {canonical(name): name for area in areas().values() for name in [*area.places, area.region_name]}
    names |= {name: name for name in NICKNAMES}
    if region := re.fullmatch(r"(.+) ([a-z]{2})", wanted):  # "pheonix az"
        close = get_close_matches(region[1], names, n=3, cutoff=0.75)
        fitting = [f"{names[name]}, {region[2].upper()}" for name in close]
        if found := next((name for name in fitting if match(name)), ""):
            return found
    close = get_close_matches(wanted, names, n=1, cutoff=0.75)
    return names[close[0]] if close else ""


def nearest(code: str) -> list[Area]:
    """All other areas, nearest first: its overlays, then by distance, the same country before the other."""
    here = areas()[code]
    others = [area for area in areas().values() if area.code != code]

    def how_far(area: Area) -> tuple:
        abroad = area.country != here.country
        return area.code not in here.overlays, abroad, here.km_to(area), area.code

    return sorted(others, key=how_far)


def area_code_of(e164: str) -> str:
    """The area code of a US or Canadian number, "" of any other."""
    return e164[2:5] if e164.startswith("+1") and len(e164) == 12 else ""


def area_of(e164: str) -> Area | None:
    """Where a number is from, as far as its area code tells."""
    return areas().get(area_code_of(e164))


def region_of(e164: str) -> str:
    """The postal code of the number's state or province, "" where that is not known."""
    area = area_of(e164)
    return area.region if area else ""
