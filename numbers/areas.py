"""Geographic area codes of the United States and Canada: region, places, time zone.

The table `data/area_codes.csv` holds facts of the North American Numbering Plan, made with the
`phonenumbers` package. Fluents tells no geography, so pages take it from the area code.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "data" / "area_codes.csv"

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


@dataclass(frozen=True, slots=True)
class Area:
    """One area code. `region` is the postal code of a state or province, `places` the larger towns."""

    code: str
    country: str
    region: str
    places: tuple[str, ...]
    time_zone: str

    def __str__(self) -> str:
        """ "Boston, MA", or the region alone where no town stands out."""
        return f"{self.places[0]}, {self.region}" if self.places else REGIONS[self.region]


@cache
def areas() -> dict[str, Area]:
    """Every area code."""
    with TABLE.open(newline="") as file:
        return {
            row["area_code"]: Area(
                row["area_code"],
                row["country"],
                row["region"],
                tuple(filter(None, row["places"].split("; "))),
                row["time_zone"],
            )
            for row in csv.DictReader(file)
        }


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
