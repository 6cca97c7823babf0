"""The endpoints for calls, and their ledger, which knows of every call whether reported yet or not."""

import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from . import purchase, query, shapes, stock
from .store import Store
from .wire import CALL_PATH, Answer, ApiError, Request

_SORTABLE = {"start_time": "start_at", "end_time": "end_at"}
_STAGES = {
    "answered": {"stage": "picked_up", "stage_outcome": "human_disconnected"},
    "unanswered": {"stage": "created", "stage_outcome": "human_unanswered"},
    "failed": {"stage": "created", "stage_outcome": "call_did_not_connect"},
}
OUTCOMES = tuple(_STAGES)
_NEEDED = ("to_number", "from_number", "agent_phone_number", "agent", "telephony_provider")
_NEEDED_OBJECTS = ("context", "telephony_params")

NEW_CALL: dict[str, Any] = {
    "outgoing": False,
    "agent": None,
    "outcome": "answered",
    "reported_at": 0.0,
    "placed": False,
    "request_id": None,
}


def record(db: sqlite3.Connection, calls: Iterable[dict[str, Any]]) -> None:
    """Enters calls with at least ``line``, ``other``, ``start_at`` and ``end_at`` (epoch seconds)."""
    db.executemany(
        "INSERT INTO calls (id, line, other, outgoing, agent, start_at, end_at, outcome, reported_at, placed,"
        " request_id) VALUES (:id, :line, :other, :outgoing, :agent, :start_at, :end_at, :outcome,"
        " :reported_at, :placed, :request_id)",
        ({**NEW_CALL, "id": str(uuid.uuid4()), **call} for call in calls),
    )


def ledger(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """Per line, UTC day and agent: calls in and out, seconds talked, calls that came to nothing, the last."""
    rows = db.execute(
        "SELECT line AS number, date(start_at, 'unixepoch') AS day, agent,"
        " SUM(outgoing = 0) AS incoming, SUM(outgoing) AS outgoing,"
        " SUM(CASE outcome WHEN 'answered' THEN ROUND(end_at - start_at) ELSE 0 END) AS seconds,"
        " SUM(outcome <> 'answered') AS failed, MAX(start_at) AS last"
        " FROM calls GROUP BY line, day, agent ORDER BY line, day, agent"
    )
    return [dict(row) for row in rows]


def _list(store: Store, request: Request) -> Answer:
    page, size = query.page(request)
    column = request.query.get("sort_column")
    if column not in (None, *_SORTABLE):
        raise ApiError(400, [f"sort_column must be one of {', '.join(_SORTABLE)}"])
    query.filters(request)
    direction = query.direction(request)
    order = f"{_SORTABLE.get(column or '', 'seq')} {direction}, seq {direction}"
    if fault := request.suffers("calls_meanwhile"):
        _ring(store, **fault.params)
    now = time.time()
    with store.read() as db:
        total = db.execute("SELECT COUNT(*) FROM calls WHERE reported_at <= ?", (now,)).fetchone()[0]
        found = f"SELECT seq FROM calls WHERE reported_at <= ? ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
        rows = db.execute(
            f"SELECT * FROM calls WHERE seq IN ({found}) ORDER BY {order}",  # noqa: S608
            (now, size, (page - 1) * size),
        ).fetchall()
        lines = _lines(db, rows)
    items = [_shown(row, lines.get(row["line"]), now) for row in rows]
    return Answer(200, shapes.envelope(items, page, size, total))


def _ring(store: Store, count: int, ago: float) -> None:
    """New calls to whichever line comes first, begun so many seconds ago: they push what is on a page to
    the next one."""
    now = time.time()
    with store.write() as db:
        line = db.execute("SELECT number, agent FROM owned WHERE outbound_only = 0 ORDER BY seq").fetchone()
        if line:
            call = {"line": line["number"], "agent": line["agent"], "other": "+12025550143"}
            start = round(now - ago)
            record(db, [{**call, "start_at": start, "end_at": start + 15}] * count)


def _get(store: Store, request: Request) -> Answer:
    key = request.query.get("id")
    if not key:
        raise ApiError(400, ["id should not be empty"])
    now = time.time()
    with store.read() as db:
        row = db.execute("SELECT * FROM calls WHERE id = ? AND reported_at <= ?", (key, now)).fetchone()
        if row is None:
            raise ApiError(404, f"Call {key} not found")
        line = _lines(db, [row]).get(row["line"])
    call = {**_shown(row, line, now), "action_history": []}
    if "agent" in call:
        call["agent"] = store.agents.get(row["agent"], {})
    return Answer(200, call)


def _create(store: Store, request: Request) -> Answer:
    body = request.body if isinstance(request.body, dict) else {}
    wrong = [f"{name} should not be empty" for name in _NEEDED if not body.get(name)]
    wrong += [f"{name} must be an object" for name in _NEEDED_OBJECTS if not isinstance(body.get(name), dict)]
    texts = [name for name in _NEEDED[:3] if body.get(name) and not isinstance(body[name], str)]
    wrong += [f"{name} must be a string" for name in texts]
    agent = body.get("agent")
    if isinstance(agent, dict):
        agent = agent.get("id")
    if body.get("agent") and not isinstance(agent, str):
        wrong.append("agent must be an agent or the id of one")
    if wrong:
        raise ApiError(400, wrong)
    agent = purchase.find_agent(store, agent)
    line, other = query.digits(body["from_number"]), query.digits(body["to_number"])
    if not other:
        raise ApiError(400, ["to_number must be a valid phone number in E.164 format"])
    ring, talk = store.config["call_seconds"]
    start = round(time.time() + ring, 3)
    times = {"start_at": start, "end_at": round(start + talk, 3)}
    with store.write() as db:
        ours, theirs = store.owned(db, line), store.owned(db, other)
        if ours is None:
            raise ApiError(404, f"Phone number {body['from_number']} not found")
        answers = _who_answers(store, request, theirs) if theirs else None
        outcome = "answered" if answers or not theirs else "unanswered"
        call = {"id": str(uuid.uuid4()), "line": line, "other": other, "outgoing": True, "agent": agent}
        record(db, [{**call, **times, "outcome": outcome, "placed": True, "request_id": request.request_id}])
        if theirs:
            back = {"line": other, "other": line, "agent": answers}
            record(db, [{**back, **times, "outcome": outcome}])
        row = db.execute("SELECT * FROM calls WHERE id = ?", (call["id"],)).fetchone()
    return Answer(201, _shown(row, ours, time.time()))


def _who_answers(store: Store, request: Request, line: sqlite3.Row) -> str | None:
    """The agent that picks up a call to one of our own lines."""
    if line["outbound_only"] or request.suffers("no_answer"):
        return None
    if request.suffers("wrong_agent"):
        return next((key for key in store.agents if key != line["agent"]), None)
    return line["agent"]


def _lines(db: sqlite3.Connection, rows: list[sqlite3.Row]) -> dict[str, sqlite3.Row]:
    numbers = json.dumps([row["line"] for row in rows])
    found = db.execute("SELECT * FROM owned WHERE number IN (SELECT value FROM json_each(?))", (numbers,))
    return {row["number"]: row for row in found}


def _shown(row: sqlite3.Row, line: sqlite3.Row | None, now: float) -> dict[str, Any]:
    """A call in the list: the agent by its id, and as much of the caller as Fluents tells."""
    outgoing = bool(row["outgoing"])
    call = {
        "id": row["id"],
        "user_id": stock.USER_ID,
        "status": _status(row, now),
        "recording_available": row["outcome"] == "answered" and now >= row["end_at"],
        "do_not_call_result": False,
        "telephony_id": "CA" + row["id"].replace("-", ""),
        "telephony_metadata": {},
        "start_time": _written(row["start_at"]),
        "to_number": row["other"] if outgoing else row["line"],
        "from_number": row["line"] if outgoing else row["other"],
        "telephony_provider": line["provider"] if line else "twilio",
        "agent_phone_number": row["line"],
        "hipaa_compliant": False,
        "on_no_human_answer": "continue",
        "context": {"caller": f"CANARY-caller-{row['id'][:8]}"},
        "run_do_not_call_detection": False,
        "telephony_params": {},
        "is_outgoing": outgoing,
        "errors": [],
    }
    if row["agent"]:
        call["agent"] = row["agent"]
    if line and line["connection"]:
        call["telephony_account_connection"] = shapes.CONNECTIONS[line["connection"]]
    if now >= row["end_at"]:
        call |= {"end_time": _written(row["end_at"]), **_STAGES[row["outcome"]]}
        if row["outcome"] == "failed":
            call |= {"error_message": "The call did not connect", "errors": ["The call did not connect"]}
        if row["outcome"] == "answered":
            call["transcript"] = f"HUMAN: My name is CANARY-transcript-{row['id'][:8]}."
            call["human_detection_result"] = "human"
    else:
        call["stage"] = "created" if now < row["start_at"] else _STAGES[row["outcome"]]["stage"]
    return call


def _status(row: sqlite3.Row, now: float) -> str:
    if now < row["start_at"]:
        return "not_started"
    if now < row["end_at"]:
        return "in_progress"
    return "error" if row["outcome"] == "failed" else "ended"


def _written(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


ROUTES: dict[tuple[str, str], Callable[[Store, Request], Answer]] = {
    ("GET", "/v1/calls/list"): _list,
    ("GET", "/v1/calls"): _get,
    ("POST", CALL_PATH): _create,
}
PATHS = {path for _method, path in ROUTES}
