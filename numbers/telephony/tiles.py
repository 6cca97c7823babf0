"""A map of the United States and Canada with one tile a state or province.

Real outlines drown Rhode Island and Prince Edward Island; equal tiles keep every region as easy to
see as any other. The grid is data: one row of text for each row of tiles, "." where there is none.
"""

from dataclasses import dataclass

from .area_codes import REGIONS

GRID = """
AK YT NT NU .  .  .  .  .  .  .  ME NB NL
.  BC AB SK MB .  ON .  QC .  VT NH NS PE
.  WA ID MT ND MN IL WI MI NY RI MA .  .
.  OR NV WY SD IA IN OH PA NJ CT .  .  .
.  CA UT CO NE MO KY WV VA MD DE .  .  .
.  .  AZ NM KS AR TN NC SC DC .  .  .  .
.  .  .  .  OK LA MS AL GA .  .  .  .  .
HI .  .  .  TX .  .  .  .  FL .  .  .  .
"""


@dataclass(frozen=True, slots=True)
class Tile:
    """One region, counted in tiles from the top left."""

    region: str
    column: int
    row: int

    @property
    def name(self) -> str:
        return REGIONS[self.region]


TILES = tuple(
    Tile(region, column, row)
    for row, line in enumerate(GRID.strip().splitlines())
    for column, region in enumerate(line.split())
    if region != "."
)
COLUMNS = max(tile.column for tile in TILES) + 1
ROWS = max(tile.row for tile in TILES) + 1
