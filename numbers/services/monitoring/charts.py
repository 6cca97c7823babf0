"""The overview's pictures: what was counted, laid out for SVG, with the same said in words.

Bars and tiles are grey; colour is kept for states. Nothing here reads the database.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from numbers.currencies import priced
from numbers.services.calls.figures import Day
from numbers.states import LineState
from numbers.telephony.area_codes import REGIONS
from numbers.telephony.tiles import COLUMNS, ROWS, TILES

PITCH = 48  # of the map's tiles, in units of its view box
STEP, BAR, HEIGHT = 20, 14, 72  # of a chart's bars
SHADES = 4
OUTCOMES = {LineState.BOUGHT: "green", LineState.FAILED: "red", LineState.CANCELLED: "grey"}


@dataclass(slots=True)
class Tile:
    """One region on the map; `shade` is 0 without numbers and up to `SHADES` for the most."""

    region: str
    name: str
    count: int
    shade: int
    x: int
    y: int


@dataclass(slots=True)
class Column:
    """One bar of a chart: its words, and its stretches from below as (colour, y, height)."""

    x: int
    words: str
    parts: list[tuple[str, float, float]] = field(default_factory=list)


@dataclass(slots=True)
class Chart:
    """A row of bars, first to last in time."""

    columns: list[Column]
    first: str
    last: str
    words: str  # all of it, for who cannot see it
    rows: list[tuple[str, ...]]  # the same as a table

    @property
    def width(self) -> int:
        return len(self.columns) * STEP

    height = HEIGHT


def tile_map(regions: dict[str, int]) -> list[Tile]:
    """Every state and province, shaded by its share of the largest."""
    most = max((regions.get(tile.region, 0) for tile in TILES), default=0)
    return [
        Tile(
            tile.region,
            tile.name,
            count := regions.get(tile.region, 0),
            -(-SHADES * count // most) if count else 0,
            tile.column * PITCH,
            tile.row * PITCH,
        )
        for tile in TILES
    ]


MAP_WIDTH, MAP_HEIGHT = COLUMNS * PITCH - 4, ROWS * PITCH - 4


def region_rows(regions: dict[str, int]) -> list[tuple[str, str, int]]:
    """The map as a table: code, name and count of each region that has numbers, most first."""
    known = [(code, REGIONS[code], count) for code, count in regions.items() if code in REGIONS and count]
    return sorted(known, key=lambda row: (-row[2], row[1]))


def elsewhere(regions: dict[str, int]) -> int:
    """Numbers of no state or province: toll-free ones and other countries'."""
    return sum(count for code, count in regions.items() if code not in REGIONS)


def outcomes_chart(weeks: list[str], ended: dict[str, list[int]]) -> Chart:
    """How the lines of each week ended, one bar a week."""
    names = [f"{(day := date.fromisoformat(week)):%b} {day.day}" for week in weeks]
    states = [LineState(state) for state in OUTCOMES]
    rows = [[ended[state][i] for state in states] for i in range(len(weeks))]
    most = max(map(sum, rows), default=0) or 1
    columns = []
    for i, (name, row) in enumerate(zip(names, rows, strict=True)):
        said = ", ".join(f"{n} {state.label.lower()}" for state, n in zip(states, row, strict=True) if n)
        column = Column(i * STEP + 3, f"Week of {name}: {said or 'nothing'}")
        bottom = float(HEIGHT)
        for state, n in zip(states, row, strict=True):
            if n:
                height = round(n / most * (HEIGHT - 2), 2)
                bottom -= height
                column.parts.append((OUTCOMES[state], round(bottom, 2), height))
        columns.append(column)
    table = [(name, *(f"{n:,}" for n in row)) for name, row in zip(names, rows, strict=True)]
    words = "Line results by week. " + "; ".join(column.words for column in columns) + "."
    return Chart(columns, names[0], names[-1], words, table)


def cost_chart(months: list[str], monthly: list[str], currency: str) -> Chart:
    """The estimated bill of each month, one bar a month."""
    names = [f"{date.fromisoformat(month + '-01'):%b %Y}" for month in months]
    amounts = [Decimal(amount) for amount in monthly]
    most = max(amounts, default=Decimal(0)) or Decimal(1)
    columns = []
    for i, (name, amount) in enumerate(zip(names, amounts, strict=True)):
        column = Column(i * STEP + 3, f"{name}: {priced(amount, currency)}")
        if height := round(float(amount / most) * (HEIGHT - 2), 2):
            column.parts.append(("ink", round(HEIGHT - height, 2), height))
        columns.append(column)
    words = "Monthly cost (estimate). " + "; ".join(column.words for column in columns) + "."
    table: list[tuple[str, ...]] = [
        (name, priced(amount, currency)) for name, amount in zip(names, amounts, strict=True)
    ]
    return Chart(columns, names[0], names[-1], words, table)


def calls_chart(days: list[Day]) -> Chart:
    """The calls of one number, one bar a day, with those that failed on top."""
    names = [f"{day.day:%b} {day.day.day}" for day in days]
    most = max((day.total for day in days), default=0) or 1
    columns, rows = [], []
    for i, (name, day) in enumerate(zip(names, days, strict=True)):
        said = f"{day.total:,} call{'' if day.total == 1 else 's'}" if day.total else "none"
        column = Column(i * STEP + 3, f"{name}: {said}{f', {day.failed:,} failed' if day.failed else ''}")
        bottom = float(HEIGHT)
        for colour, n in (("ink", day.total - day.failed), ("red", day.failed)):
            if n:
                height = round(n / most * (HEIGHT - 2), 2)
                bottom -= height
                column.parts.append((colour, round(bottom, 2), height))
        columns.append(column)
        rows.append((name, *(f"{n:,}" for n in (day.incoming, day.outgoing, day.failed))))
    busy = [column.words for column, day in zip(columns, days, strict=True) if day.total]
    words = f"Calls by day, the last {len(days)} days. {'; '.join(busy) or 'None'}."
    return Chart(columns, names[0], names[-1], words, rows)


def agent_bars(counts: dict) -> list[dict]:
    """Lines per agent, most first, then all others, each with its share of the longest bar in per cent."""
    rows = [dict(row) for row in counts["agents"]]
    if counts["other_agents"]:
        others = counts["other_agents"]
        name = f"{others:,} other agent{'' if others == 1 else 's'}"
        rows.append({"id": "", "name": name, "count": counts["other_agents_count"]})
    most = max((row["count"] for row in rows), default=1) or 1
    return [row | {"share": round(100 * row["count"] / most, 2)} for row in rows]


def drawn(counts: dict) -> dict:
    """All pictures and figures of the overview, from what `statistics` counted."""
    owned, bought = counts["owned"], counts["outcomes"][LineState.BOUGHT]
    run_rates = [priced(amount, currency) for currency, amount in counts["run_rates"].items()]
    return {
        "owned": owned,
        "unassigned": counts["unassigned"],
        "unassigned_share": round(100 * counts["unassigned"] / owned, 1) if owned else 0.0,
        "bought_this_week": bought[-1],
        "bought_last_week": bought[-2],
        "this_week": [
            {"state": state, "count": n} for state in OUTCOMES if (n := counts["outcomes"][state][-1])
        ],
        "run_rate": " + ".join(run_rates) or priced(Decimal(0), counts["currency"]),
        "unpriced": counts["unpriced"],
        "tiles": tile_map(counts["regions"]),
        "map_width": MAP_WIDTH,
        "map_height": MAP_HEIGHT,
        "regions": region_rows(counts["regions"]),
        "elsewhere": elsewhere(counts["regions"]),
        "outcomes": outcomes_chart(counts["weeks"], counts["outcomes"]),
        "cost": cost_chart(counts["months"], counts["monthly"], counts["currency"]),
        "agents": agent_bars(counts),
        "calls": counts["calls"],
        "used_cost": " + ".join(priced(amount, currency) for currency, amount in counts["used_cost"].items()),
    }
