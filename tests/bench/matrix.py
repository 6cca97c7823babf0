"""The list by one or two of its filters, in each order: what the whole request costs, the dearest first."""

from itertools import combinations
from urllib.parse import urlencode

FILTERS: dict[str, dict[str, str]] = {
    "q": {"q": "clinic"},
    "agent": {"agent": "a3"},
    "provider": {"provider": "twilio"},
    "connection": {"connection": "c1"},
    "region": {"region": "TN"},
    "area_code": {"area_code": "615"},
    "status": {"status": "inactive"},
    "tag": {"tag": "vip"},
    "bought": {"bought_from": "2025-03-01", "bought_to": "2025-03-31"},
    "drifted": {"drifted": "1"},
    "silent": {"silent": "30"},
    "wrong": {"wrong": "1"},
}
SORTS = ("", "number", "label", "-bought", "-synced", "-calls", "last_call")
ODD = (
    {"agent": "nobody-has-this-id"},
    {"agent": "none", "sort": "label"},
    {"q": "clinic 12", "sort": "label"},
    {"q": "615", "sort": "-number"},
    {"q": "zebra", "sort": "label"},
    {"q": "67"},
    {"q": "2000500", "sort": "label"},
    {"tag": "nobody-has-this-tag", "sort": "label"},
    {"region": "CA", "agent": "a3", "sort": "label"},
    {"silent": "90", "sort": "-calls", "cols": "calls,last_call"},
)
TRIES = 2


def combos() -> list[dict[str, str]]:
    chosen = [*combinations(FILTERS, 1), *combinations(FILTERS, 2)]
    made = [
        {key: value for name in names for key, value in FILTERS[name].items()}
        | ({"sort": sort} if sort else {})
        for names in chosen
        for sort in SORTS
    ]
    return [*made, *ODD]


def matrix(caller) -> dict:
    """Milliseconds of CPU of the whole request: the best of some tries, as others use this machine, too."""
    taken = []
    for combo in combos():
        url = f"/numbers/?{urlencode(combo)}"
        status, _ = caller.get(url)
        assert status == 200, (url, status)
        taken.append((min(caller.cost(url, 0, least=1) for _ in range(TRIES)), urlencode(combo)))
    taken.sort()
    return {
        "count": len(taken),
        "p50": round(taken[len(taken) // 2][0], 1),
        "p95": round(taken[int(len(taken) * 0.95)][0], 1),
        "worst": [(round(ms, 1), combo) for ms, combo in taken[:-6:-1]],
    }
