"""Invented calls: some lines are busy, some silent, and people call when it is day where they are."""

import random
import sqlite3
import uuid
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

DAY = 86_400
#: How many calls an hour of the day gets, from midnight, in the zone of the line.
_HOURS = (1, 1, 1, 1, 1, 2, 4, 9, 28, 36, 36, 32, 24, 31, 32, 30, 26, 16, 10, 7, 5, 3, 2, 1)
_WEEKEND = 0.3  # of a working day
_SILENT = 0.1  # of all lines
_BUSIEST = 60  # times the usual
_LONELY = 0.1  # of the calls that a line has where an agent answers
#: Hours behind UTC; elsewhere it is 5.
_BEHIND = {
    **dict.fromkeys(("415", "206", "702", "503", "619", "916", "604"), 8),
    **dict.fromkeys(("303", "602", "801", "403", "505"), 7),
    **dict.fromkeys(("312", "512", "214", "713", "615", "612", "504", "816", "210", "901"), 6),
    "808": 10,
}


def invented(
    lines: list[sqlite3.Row],
    agents: list[str],
    rng: random.Random,
    *,
    count: int,
    days: int,
    until: float,
    late: float = 0.0,
    wrong: float = 0.0,
) -> Iterator[dict[str, Any]]:
    """`count` calls of the `lines` in the `days` before `until` (epoch seconds), in no order.

    `late` is the share that the API tells of up to six hours later, `wrong` that of answers by another
    of the `agents` than the line's own.
    """
    weights = [0 if rng.random() < _SILENT else min(rng.paretovariate(1.1), _BUSIEST) for _ in lines]
    weights = [busy * (1 if line["agent"] else _LONELY) for busy, line in zip(weights, lines, strict=True)]
    if not any(weights):
        weights = [1] * len(lines)
    totals = list(accumulate(weights))
    for line in rng.choices(lines, cum_weights=totals, k=count):
        start = _moment(line["area_code"], rng, days=days, until=until)
        outgoing = bool(line["outbound_only"]) or rng.random() < 0.15
        outcome = rng.choices(("answered", "unanswered", "failed"), (88, 9, 3))[0]
        agent = line["agent"]
        if agent is None and not outgoing:
            outcome = "unanswered"
        if not outgoing and outcome == "answered" and rng.random() < wrong:
            agent = rng.choice([other for other in agents if other != agent])
        yield {
            "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
            "line": line["number"],
            # The range that is kept for films: who looks for callers in what we keep finds them by it.
            "other": f"+1{rng.choice(lines)['area_code']}55501{rng.randrange(100):02}",
            "outgoing": outgoing,
            "agent": agent,
            "start_at": start,
            "end_at": start + (3 + int(rng.expovariate(1 / 95)) if outcome == "answered" else 20),
            "outcome": outcome,
            "reported_at": start + rng.uniform(60, DAY / 4) if rng.random() < late else 0.0,
        }


def _moment(area_code: str, rng: random.Random, *, days: int, until: float) -> float:
    """A whole second in the `days` before `until` at which somebody in the area would be on the phone."""
    behind = 3600 * _BEHIND.get(area_code, 5)
    while True:
        midnight = (int(until - behind) // DAY - rng.randrange(days + 1)) * DAY
        # The first day of the epoch was a Thursday.
        if (midnight // DAY + 3) % 7 >= 5 and rng.random() >= _WEEKEND:
            continue
        hour = rng.choices(range(24), _HOURS)[0]
        moment = midnight + behind + hour * 3600 + rng.randrange(3600)
        if until - days * DAY <= moment < until:
            return float(moment)
