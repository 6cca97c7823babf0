"""The endpoints under /_sandbox/calls: traffic is invented, told in full, and reported late here."""

import time
from typing import Any

from . import calls, query, stock, traffic
from .faults import is_number
from .store import Store
from .wire import Answer, ApiError, Request

_MOST = 1_000_000


def read(store: Store, request: Request) -> Answer:
    """The ledger, or with ``number`` every call of one line."""
    number = request.query.get("number")
    with store.read() as db:
        if number:
            rows = db.execute("SELECT * FROM calls WHERE line = ? ORDER BY start_at", (query.digits(number),))
            return Answer(200, {"calls": [dict(row) for row in rows]})
        placed = db.execute("SELECT * FROM calls WHERE placed ORDER BY seq")
        total = db.execute("SELECT COUNT(*) FROM calls").fetchone()[0]
        body = {"days": calls.ledger(db), "placed": [dict(row) for row in placed], "total": total}
    return Answer(200, body)


def add(store: Store, request: Request) -> Answer:
    """Adds the ``calls`` that the body lists, or invents ``count`` of them."""
    body = request.body if isinstance(request.body, dict) else {}
    listed = body.get("calls")
    entries = [_entry(store, call) for call in listed] if isinstance(listed, list) else _invented(store, body)
    with store.write() as db:
        calls.record(db, entries)
    return Answer(201, {"added": len(entries)})


def report(store: Store, request: Request) -> Answer:
    """The API tells of all late calls from now on."""
    with store.write() as db:
        late = db.execute("UPDATE calls SET reported_at = 0 WHERE reported_at > ?", (time.time(),)).rowcount
    return Answer(200, {"reported": late})


def _entry(store: Store, given: Any) -> dict[str, Any]:
    """``{"number", "other", "at", "seconds", "outgoing", "agent", "outcome", "reported_after"}``; all but the
    number may be left out. Times are in seconds, ``at`` since the epoch."""
    call = {
        "other": "+12025550142",
        "at": time.time() - 60,
        "seconds": 30,
        "outgoing": False,
        "agent": None,
        "outcome": "answered",
        "reported_after": 0,
        **(given if isinstance(given, dict) else {}),
    }
    number, other = (query.digits(call.get(name) or "") for name in ("number", "other"))
    numeric = all(is_number(call[name]) and call[name] >= 0 for name in ("at", "seconds", "reported_after"))
    known = call["agent"] is None or call["agent"] in store.agents
    if not (number and other and numeric and known and call["outcome"] in calls.OUTCOMES):
        raise ApiError(400, f"no call: {given}; it needs a number, seconds, a known agent, and an outcome")
    return {
        "line": number,
        "other": other,
        "outgoing": bool(call["outgoing"]),
        "agent": call["agent"],
        "start_at": call["at"],
        "end_at": call["at"] + call["seconds"],
        "outcome": call["outcome"],
        "reported_at": call["at"] + call["reported_after"] if call["reported_after"] else 0.0,
    }


def _invented(store: Store, body: dict[str, Any]) -> list[dict[str, Any]]:
    given = {"count": 0, "days": 30, "until": time.time(), "late": 0, "wrong": 0, "seed": 0, **body}
    count, days = given.pop("count"), given.pop("days")
    if type(count) is not int or not 0 < count <= _MOST or type(days) is not int or not 0 < days <= 1000:
        raise ApiError(400, f"give calls, or a count up to {_MOST} and days up to 1000")
    shares = all(is_number(given[name]) and 0 <= given[name] <= 1 for name in ("late", "wrong"))
    if not shares or not is_number(given["until"]) or given.keys() - {"until", "late", "wrong", "seed"}:
        raise ApiError(400, "until must be a time, late and wrong shares from 0 to 1, and nothing else given")
    rng = stock.chance(store.stock.seed, "calls", given.pop("seed"))
    with store.read() as db:
        lines = db.execute("SELECT * FROM owned ORDER BY seq").fetchall()
    if not lines:
        raise ApiError(400, "there are no numbers that anybody could call")
    return list(traffic.invented(lines, list(store.agents), rng, count=count, days=days, **given))
