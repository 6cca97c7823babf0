"""The endpoints under /v1."""

import re
import sqlite3
from collections.abc import Callable
from typing import Any

from . import calls, purchase, query, shapes, stock, vocode
from .store import NEVER, Store
from .wire import BUY_PATH, Answer, ApiError, Request

_PROVIDERS = sorted(set(stock.PROVIDERS.values()))
_AREA_CODE = re.compile(r"\d{3}", re.ASCII)
_CONTAINED = re.compile(r"\d{0,10}", re.ASCII)
_SORTABLE = {
    "id": "id",
    "number": "number",
    "label": "label",
    "description": "description",
    "active": "active_at",
    "outbound_only": "outbound_only",
    "inbound_agent": "agent",
    "telephony_account_connection": "connection",
}


def handle(store: Store, request: Request) -> Answer:
    """The honest answer to a request whose route exists and whose token is right."""
    try:
        return ROUTES[request.method, request.path](store, request)
    except ApiError as refusal:
        return shapes.refusal(store, refusal)


def _buy(store: Store, request: Request) -> Answer:
    with store.write() as db:
        row = purchase.buy(db, store, request.body, request.request_id)
    return purchase.bought(store, row)


def _list(store: Store, request: Request) -> Answer:
    page, size = query.page(request)
    column = request.query.get("sort_column")
    if column not in (None, *_SORTABLE):
        raise ApiError(400, [f"sort_column must be one of {', '.join(_SORTABLE)}"])
    direction = query.direction(request)
    order = f"{_SORTABLE.get(column or '', 'seq')} {direction}, seq"
    seen = store.seen_until()
    with store.read() as db:
        total = db.execute("SELECT COUNT(*) FROM owned WHERE bought_at <= ?", (seen,)).fetchone()[0]
        owned = f"SELECT * FROM owned WHERE bought_at <= ? ORDER BY {order}"  # noqa: S608 - from _SORTABLE
        first = (page - 1) * size
        if (fault := request.suffers("page_drift")) and total:
            # Another call, another rotation: the edge of a page is never where it was.
            rows = db.execute(owned, (seen,)).fetchall()
            shift = fault.fired % total
            rows = (rows[shift:] + rows[:shift])[first : first + size]
        else:
            rows = db.execute(f"{owned} LIMIT ? OFFSET ?", (seen, size, first)).fetchall()
    items = [shapes.nested(store, row) for row in rows]
    return Answer(200, shapes.envelope(items, page, size, total))


def _get(store: Store, request: Request) -> Answer:
    asked = request.query.get("phone_number")
    if not asked:
        raise ApiError(400, ["phone_number should not be empty"])
    seen = store.seen_until()
    with store.read() as db:
        row = store.owned(db, query.digits(asked))
        if request.suffers("ignore_filter"):
            row = db.execute(
                "SELECT * FROM owned WHERE number <> ? AND bought_at <= ? ORDER BY seq LIMIT 1",
                (query.digits(asked), seen),
            ).fetchone()
        if row is None or row["bought_at"] > seen:
            raise ApiError(404, f"Phone number {asked} not found")
        return Answer(200, shapes.nested(store, row))


def _available(store: Store, request: Request) -> Answer:
    limit = query.whole(request, "limit", 10, most=query.MAX_SIZE)
    connection = request.query.get("telephony_account_connection") or None
    provider = request.query.get("telephony_provider") or None
    if provider not in (None, *_PROVIDERS):
        raise ApiError(400, [f"telephony_provider must be one of {', '.join(_PROVIDERS)}"])
    if connection:
        connection = purchase.telephony_connection(connection, provider)
    provider = provider or stock.PROVIDERS.get(connection, "twilio")
    area_code, contains = _filters(request)
    rng = stock.chance(store.stock.seed, "available", request.n)
    areas = [area_code] if area_code else rng.sample(stock.area_codes(), len(stock.area_codes()))
    if request.suffers("wrong_area"):
        areas = [code for code in rng.sample(stock.area_codes(), 5) if code != area_code]
    if request.suffers("no_stock"):
        areas = []
    found: list[str] = []
    with store.read() as db:
        for area in areas:
            numbers = [number for number in store.free(db, area, read=True) if contains in number[2:]]
            rng.shuffle(numbers)
            if request.suffers("stale_stock"):
                gone = [number for number in store.taken(db, area) if contains in number[2:]]
                numbers = gone + numbers
            # Without an area code the answer is a sample of the continent, not of its first area.
            found += numbers if area_code else numbers[:3]
            if len(found) > limit and not request.suffers("stale_stock"):
                break
    if request.suffers("stale_stock"):
        found.sort(key=lambda number: not _is_gone(store, number))
    items = [shapes.for_sale(store, number, provider, connection) for number in found[:limit]]
    return Answer(200, shapes.envelope(items, 1, limit, len(found), estimated=area_code is None))


def _is_gone(store: Store, number: str) -> bool:
    with store.read() as db:
        return store.owned(db, number) is not None or store.is_sold(db, number)


def _filters(request: Request) -> tuple[str | None, str]:
    """``(area_code, contains)``; other filters are ignored."""
    filters = query.filters(request)
    area_code, contains = filters.get("area_code"), filters.get("contains", "")
    if area_code is not None and not (isinstance(area_code, str) and _AREA_CODE.fullmatch(area_code)):
        raise ApiError(400, ["filters.area_code must be 3 digits"])
    if not isinstance(contains, str) or not _CONTAINED.fullmatch(contains):
        raise ApiError(400, ["filters.contains must be digits"])
    return area_code, contains


def _update(store: Store, request: Request) -> Answer:
    changes = changes_of(store, request.body, UPDATABLE)
    with store.write() as db:
        row = store.change(db, find(store, db, request)["number"], changes)
    return Answer(201, shapes.normalized(store, row))


def _cancel(store: Store, request: Request) -> Answer:
    with store.write() as db:
        row = find(store, db, request)
        store.give_up(db, row["number"])
    answer = Answer(201, shapes.normalized(store, row))
    answer.body["active"] = False
    return answer


def _detach(store: Store, request: Request) -> Answer:
    with store.write() as db:
        row = find(store, db, request)
        if row["connection"] is None:
            raise ApiError(400, f"Phone number {row['number']} belongs to no account connection")
        db.execute("DELETE FROM owned WHERE number = ?", (row["number"],))
        db.execute("INSERT OR REPLACE INTO linkable VALUES (?, ?)", (row["number"], row["connection"]))
    return Answer(201, shapes.detailed(store, row))


def _link(store: Store, request: Request) -> Answer:
    body = request.body if isinstance(request.body, dict) else {}
    wrong = [
        f"{name} must be a string"
        for name in ("phone_number", "telephony_account_connection")
        if not isinstance(body.get(name), str)
    ]
    if wrong:
        raise ApiError(400, wrong)
    changes = changes_of(store, body, ("outbound_only", "inbound_agent"))
    connection = purchase.telephony_connection(body["telephony_account_connection"])
    number = query.digits(body["phone_number"])
    with store.write() as db:
        if store.owned(db, number):
            raise purchase.taken(number)
        gone = db.execute("DELETE FROM linkable WHERE number = ? AND connection = ?", (number, connection))
        if not gone.rowcount:
            raise ApiError(404, f"Phone number {number} not found in account connection {connection}")
        row = store.add(db, number, connection, **changes)
    return Answer(201, shapes.normalized(store, row))


def _agents(store: Store, request: Request) -> Answer:
    return _paged(request, list(store.agents.values()))


def _agent(store: Store, request: Request) -> Answer:
    return Answer(200, query.by_id(request, store.agents, "Agent"))


def _connections(store: Store, request: Request) -> Answer:
    return _paged(request, list(_known_connections(store).values()))


def _connection(store: Store, request: Request) -> Answer:
    return Answer(200, query.by_id(request, _known_connections(store), "Account connection"))


def _known_connections(store: Store) -> dict[str, dict]:
    known = {c["id"]: shapes.connection(store, c["id"]) for c in stock.CONNECTIONS}
    return vocode.connections(known) if store.config["dialect"] == "vocode" else known


def _paged(request: Request, rows: list[dict]) -> Answer:
    page, size = query.page(request)
    return Answer(200, shapes.envelope(rows[(page - 1) * size : page * size], page, size, len(rows)))


def find(store: Store, db: sqlite3.Connection, request: Request) -> sqlite3.Row:
    """The owned number which ``phone_number`` and ``id`` name. Raises ApiError 400 or 404."""
    number, number_id = request.query.get("phone_number"), request.query.get("id")
    if not number and not number_id:
        raise ApiError(400, ["phone_number should not be empty"])
    row = db.execute(
        "SELECT * FROM owned WHERE (? IS NULL OR number = ?) AND (? IS NULL OR id = ?)",
        (number, query.digits(number or ""), number_id, number_id),
    ).fetchone()
    if row is None:
        raise ApiError(404, f"Phone number {number or number_id} not found")
    return row


_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "label": (lambda v: isinstance(v, str), "a string"),
    "description": (lambda v: isinstance(v, str), "a string"),
    "outbound_only": (lambda v: isinstance(v, bool), "a boolean value"),
    "inbound_agent": (lambda v: v is None or isinstance(v, str), "a string"),
    "example_context": (lambda v: isinstance(v, dict), "an object"),
    "telephony_account_connection": (lambda v: v is None or isinstance(v, str), "a string"),
    "active": (lambda v: isinstance(v, bool), "a boolean value"),
    "sms_enabled": (lambda v: isinstance(v, bool), "a boolean value"),
    "tags": (lambda v: isinstance(v, list) and all(isinstance(t, str) for t in v), "a list of strings"),
}
UPDATABLE = ("label", "description", "outbound_only", "inbound_agent", "example_context")


def changes_of(store: Store, body: Any, allowed: tuple[str, ...]) -> dict[str, Any]:
    """The columns to change from a JSON body; fields that are not ``allowed`` are ignored.

    Raises ApiError: 400 mistyped, 404 unknown agent or connection.
    """
    given = {name: body[name] for name in allowed if isinstance(body, dict) and name in body}
    wrong = [
        f"{name} must be {_TYPES[name][1]}" for name, value in given.items() if not _TYPES[name][0](value)
    ]
    if wrong:
        raise ApiError(400, wrong)
    if "inbound_agent" in given:
        given["agent"] = purchase.find_agent(store, given.pop("inbound_agent"))
    if "telephony_account_connection" in given:
        wanted = given.pop("telephony_account_connection")
        given["connection"] = wanted and purchase.telephony_connection(wanted)
    if "active" in given:
        given["active_at"] = 0.0 if given.pop("active") else NEVER
    return given


ROUTES: dict[tuple[str, str], Callable[[Store, Request], Answer]] = {
    ("POST", BUY_PATH): _buy,
    ("GET", "/v1/numbers/list"): _list,
    ("GET", "/v1/numbers"): _get,
    ("GET", "/v1/numbers/available"): _available,
    ("POST", "/v1/numbers/update"): _update,
    ("POST", "/v1/numbers/cancel"): _cancel,
    ("POST", "/v1/numbers/detach"): _detach,
    ("POST", "/v1/numbers/link"): _link,
    ("GET", "/v1/agents/list"): _agents,
    ("GET", "/v1/agents"): _agent,
    ("GET", "/v1/account_connections/list"): _connections,
    ("GET", "/v1/account_connections"): _connection,
    **calls.ROUTES,
}
PATHS = {path for _method, path in ROUTES}


def exists(config: dict[str, Any], path: str) -> bool:
    """Whether anything is served at ``path`` under this config."""
    if path not in PATHS or path in config["disabled_paths"] or (config["only_buy"] and path != BUY_PATH):
        return False
    if path in calls.PATHS and not config["calls"]:
        return False
    return config["dialect"] == "fluents" or path not in vocode.ABSENT


def methods(path: str) -> list[str]:
    """What a request for ``path`` may be; HEAD is a GET that asks for no body."""
    found = [method for method, known in ROUTES if known == path]
    return [*found, "HEAD"] if "GET" in found else found
