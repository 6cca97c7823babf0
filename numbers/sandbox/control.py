"""The endpoints under /_sandbox, with which tests look behind the scenes and set them."""

import uuid
from collections.abc import Callable
from typing import Any

from . import api, config, faults, query, shapes, stock, switchboard
from .log import RequestLog
from .purchase import taken
from .store import Store
from .wire import Answer, ApiError, Request, no_route, problem

_NUMBER_FIELDS = (*api.UPDATABLE, "telephony_account_connection", "active", "sms_enabled", "tags")
_MOST_NUMBERS = 100_000
_PURPOSES = ("front desk", "bookings", "support", "campaign", "after hours", "billing", "office")
_TAGS = ("inbound", "campaign", "office", "seasonal")


def handle(store: Store, log: RequestLog, request: Request) -> Answer:
    route = _ROUTES.get((request.method, request.path))
    if route is None:
        return no_route(request.method, request.path)
    try:
        return route(store, log, request)
    except ApiError as refusal:
        return problem(refusal.status, refusal.message)


def _health(store: Store, log: RequestLog, request: Request) -> Answer:
    return Answer(200, {"ok": True})


def _ledger(store: Store, log: RequestLog, request: Request) -> Answer:
    with store.read() as db:
        charges = [dict(row) for row in db.execute("SELECT * FROM charges ORDER BY n")]
    return Answer(200, {"charges": charges, "total": len(charges)})


def _requests(store: Store, log: RequestLog, request: Request) -> Answer:
    entries = log.entries(request.query.get("path"), request.query.get("method"))
    return Answer(200, {"requests": entries, "total": len(entries)})


def _queue_faults(store: Store, log: RequestLog, request: Request) -> Answer:
    entries = request.body if isinstance(request.body, list) else [request.body]
    # All are checked before any is queued.
    store.queue_faults([faults.parse(entry, api.PATHS) for entry in entries])
    return Answer(201, _pending(store))


def _list_faults(store: Store, log: RequestLog, request: Request) -> Answer:
    return Answer(200, _pending(store))


def _clear_faults(store: Store, log: RequestLog, request: Request) -> Answer:
    return Answer(200, {"cleared": store.clear_faults()})


def _pending(store: Store) -> dict[str, Any]:
    with store.read() as db:
        waiting = store.waiting_faults(db)
        late = db.execute("SELECT COUNT(*) FROM late").fetchone()[0]
    return {"faults": waiting, "total": len(waiting), "late_commits_due": late}


def _get_config(store: Store, log: RequestLog, request: Request) -> Answer:
    return Answer(200, store.config)


def _set_config(store: Store, log: RequestLog, request: Request) -> Answer:
    store.configure(config.checked(request.body))
    log.keep(store.config["requests_kept"])
    return Answer(200, store.config)


def _get_dialect(store: Store, log: RequestLog, request: Request) -> Answer:
    return Answer(200, {"name": store.config["dialect"]})


def _set_dialect(store: Store, log: RequestLog, request: Request) -> Answer:
    name = request.body.get("name") if isinstance(request.body, dict) else None
    store.configure(config.checked({"dialect": name}))
    return _get_dialect(store, log, request)


def _reset(store: Store, log: RequestLog, request: Request) -> Answer:
    body = {} if request.body is None else request.body
    count = body.get("numbers", 0) if isinstance(body, dict) else None
    if type(count) is not int or not 0 <= count <= _MOST_NUMBERS:
        raise ApiError(400, f"numbers must be a count up to {_MOST_NUMBERS}")
    weights = body.get("areas")
    if weights is not None and not (
        isinstance(weights, dict)
        and weights.keys() <= set(stock.area_codes())
        and all(type(weight) is int and weight > 0 for weight in weights.values())
    ):
        raise ApiError(400, 'areas must name area codes with their weights, such as {"415": 3}')
    store.empty()
    log.clear()
    log.keep(store.config["requests_kept"])
    _own_for_long(store, count, weights)
    store.late_added.set()
    return Answer(200, {"ok": True, "numbers": count})


def _own_for_long(store: Store, count: int, weights: dict[str, int] | None = None) -> None:
    """Gives the sandbox ``count`` numbers which were bought before the ledger began.

    ``weights`` says how likely each area code is; then few numbers are left without an agent.
    """
    rng = stock.chance(store.stock.seed, "long ago")
    agents, connections = list(store.agents), list(stock.PROVIDERS)
    # A small fleet sits in a few cities; a large one needs all of the continent.
    areas = list(stock.CITIES)[: max(3, count // 4)] if count < 2000 else list(stock.area_codes())
    if weights:
        areas = list(weights)
    lonely = 40 if weights else 5
    numbers: set[str] = set()
    with store.write() as db:
        while len(numbers) < count:
            area_code = rng.choices(areas, list(weights.values()))[0] if weights else rng.choice(areas)
            number = stock.random_number(area_code, rng)
            if number in numbers:
                continue
            numbers.add(number)
            purpose = rng.choice(_PURPOSES)
            place = stock.CITIES.get(area_code, f"Area {area_code}")
            store.add(
                db,
                number,
                rng.choices(connections, (6, 3, 1))[0],
                agent=None if len(numbers) % lonely == 0 else rng.choice(agents),
                label=f"{place} {purpose}",
                description=rng.choice(("", "", f"Answers for {place}", "Printed on the brochure")),
                outbound_only=purpose == "campaign" and rng.random() < 0.5,
                tags=rng.sample(_TAGS, rng.randrange(3)),
                sms_enabled=rng.random() < 0.3,
            )


def _add_number(store: Store, log: RequestLog, request: Request) -> Answer:
    body = request.body if isinstance(request.body, dict) else {}
    changes = api.changes_of(store, body, _NUMBER_FIELDS)
    connection = changes.pop("connection", next(iter(stock.PROVIDERS)))
    area_code, number = body.get("area_code", "415"), body.get("number")
    if number is None:
        if area_code not in stock.area_codes():
            raise ApiError(400, f"{area_code} is not an area code")
        number = stock.random_number(area_code, stock.chance(uuid.uuid4()))
    elif not isinstance(number, str) or not (number := query.digits(number)):
        raise ApiError(400, "number must be in E.164 format")
    with store.write() as db:
        if store.owned(db, number):
            raise taken(number)
        for table in ("sold", "linkable"):
            db.execute(f"DELETE FROM {table} WHERE number = ?", (number,))  # noqa: S608 - our own names
        row = store.add(db, number, connection, **changes)
    return Answer(201, shapes.nested(store, row))


def _change_number(store: Store, log: RequestLog, request: Request) -> Answer:
    changes = api.changes_of(store, request.body, _NUMBER_FIELDS)
    with store.write() as db:
        row = store.change(db, api.find(store, db, request)["number"], changes)
    return Answer(200, shapes.nested(store, row))


def _remove_number(store: Store, log: RequestLog, request: Request) -> Answer:
    with store.write() as db:
        row = api.find(store, db, request)
        store.give_up(db, row["number"])
    return Answer(200, shapes.nested(store, row))


def _agent_texts(body: Any) -> dict[str, str]:
    texts = {k: v for k, v in body.items() if k in ("name", "language", "description")} if body else {}
    if not all(isinstance(text, str) for text in texts.values()):
        raise ApiError(400, "name, language and description must be strings")
    return texts


def _add_agent(store: Store, log: RequestLog, request: Request) -> Answer:
    texts = _agent_texts(request.body)
    agent = stock.agent_document(str(uuid.uuid4()), texts.pop("name", "New agent"), **texts)
    with store.write() as db:
        store.save_agent(db, agent)
    return Answer(201, agent)


def _change_agent(store: Store, log: RequestLog, request: Request) -> Answer:
    texts = _agent_texts(request.body)
    if "name" in texts:
        texts["label"] = texts["name"]
    agent = {**_known_agent(store, request), **texts}
    with store.write() as db:
        store.save_agent(db, agent)
    return Answer(200, agent)


def _remove_agent(store: Store, log: RequestLog, request: Request) -> Answer:
    agent = _known_agent(store, request)
    with store.write() as db:
        store.delete_agent(db, agent["id"])
    return Answer(200, agent)


def _known_agent(store: Store, request: Request) -> dict:
    agent = store.agents.get(request.query.get("id", ""))
    if agent is None:
        raise ApiError(404, "give the id of an agent as ?id=")
    return agent


_ROUTES: dict[tuple[str, str], Callable[[Store, RequestLog, Request], Answer]] = {
    ("GET", "/_sandbox/health"): _health,
    ("GET", "/_sandbox/ledger"): _ledger,
    ("GET", "/_sandbox/requests"): _requests,
    ("GET", "/_sandbox/faults"): _list_faults,
    ("POST", "/_sandbox/faults"): _queue_faults,
    ("DELETE", "/_sandbox/faults"): _clear_faults,
    ("GET", "/_sandbox/config"): _get_config,
    ("POST", "/_sandbox/config"): _set_config,
    ("GET", "/_sandbox/calls"): lambda store, log, request: switchboard.read(store, request),
    ("POST", "/_sandbox/calls"): lambda store, log, request: switchboard.add(store, request),
    ("POST", "/_sandbox/calls/report"): lambda store, log, request: switchboard.report(store, request),
    ("GET", "/_sandbox/dialect"): _get_dialect,
    ("POST", "/_sandbox/dialect"): _set_dialect,
    ("POST", "/_sandbox/reset"): _reset,
    ("POST", "/_sandbox/numbers"): _add_number,
    ("PATCH", "/_sandbox/numbers"): _change_number,
    ("DELETE", "/_sandbox/numbers"): _remove_number,
    ("POST", "/_sandbox/agents"): _add_agent,
    ("PATCH", "/_sandbox/agents"): _change_agent,
    ("DELETE", "/_sandbox/agents"): _remove_agent,
}
