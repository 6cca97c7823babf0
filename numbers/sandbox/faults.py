"""The faults: which there are, what they accept, and how each is played.

``before`` means that the request never reached the endpoint, ``after`` that it did all of its
work and only the answer suffers.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import malformed, purchase, shapes, stock
from .store import Store
from .wire import BUY_PATH, CALL_PATH, Answer, ApiError, Delivery, Fault, Request, problem

_MOST = 1_000_000
_HUGE_BYTES = 10 * 1024 * 1024
_HTML = b"<html><head><title>%d</title></head><body><h1>%d</h1><hr>gateway</body></html>"

Handler = Callable[[Request], Answer]


@dataclass(frozen=True, slots=True)
class Param:
    default: Any
    accepts: Callable[[Any], bool]
    wanted: str


@dataclass(frozen=True, slots=True)
class Kind:
    """``path`` is set for faults which make sense there, and perhaps on ``also``, only."""

    params: dict[str, Param] = field(default_factory=dict)
    path: str | None = None
    also: str | None = None


def _one_of(default: Any, *choices: Any) -> Param:
    return Param(default, lambda v: v in choices, "one of " + ", ".join(map(str, choices)))


def _seconds(default: float) -> Param:
    return Param(default, lambda v: is_number(v) and 0 <= v <= 86_400, "seconds between 0 and 86400")


def is_number(value: Any) -> bool:
    """Whether JSON gave a finite number; Python's parser lets Infinity and true through."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_header(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _is_status(value: Any) -> bool:
    return type(value) is int and 200 <= value <= 599


def _status(default: int) -> Param:
    return Param(default, _is_status, "a status code from 200 to 599")


_MESSAGE = Param("Refused", lambda v: isinstance(v, str | list), "a string or a list")

_ERROR = {"status": _status(500), "body": _one_of("json", "json", "html")}
_AVAILABLE, _LIST, _LOOKUP = "/v1/numbers/available", "/v1/numbers/list", "/v1/numbers"
_CALLS = "/v1/calls/list"

KINDS: dict[str, Kind] = {
    "error_before": Kind(_ERROR),
    "error_after": Kind(_ERROR),
    "reset_before": Kind(),
    "reset_after": Kind(),
    "hang_before": Kind({"seconds": _seconds(60)}),
    "hang_after": Kind({"seconds": _seconds(60)}),
    "rate_limited": Kind(
        {"retry_after": Param("1", lambda v: v is None or _is_header(v), "a string of one line, or null")}
    ),
    "status": Kind({"status": _status(400), "message": _MESSAGE}),
    "truncated": Kind(),
    "empty": Kind(),
    "wrong_type": Kind(),
    "huge": Kind(),
    "malformed": Kind({"how": _one_of("two_lengths", *malformed.HOWS)}),
    "endless": Kind(),
    "slow_drip": Kind({"interval": _seconds(0.5)}),
    "slow_head": Kind({"interval": _seconds(0.5)}),
    "number_form": Kind({"form": _one_of("national", *malformed.FORMS)}),
    "odd_list": Kind({"how": _one_of("no_has_more", *malformed.LISTS)}, _LIST, _CALLS),
    "redirect": Kind(
        {
            "status": _one_of(307, 301, 302, 303, 307, 308),
            "location": Param("https://elsewhere.example" + BUY_PATH, _is_header, "a string of one line"),
            "commit": _one_of(False, False, True),
        }
    ),
    "late_commit": Kind(
        {"answer": _one_of("reset", "reset", "hang", "500"), "delay": _seconds(2), "seconds": _seconds(60)},
        BUY_PATH,
    ),
    "wrong_number": Kind({"commit": _one_of("asked", "asked", "other", "both", "none")}, BUY_PATH),
    "taken": Kind(path=BUY_PATH),
    "replay": Kind(
        {
            "status": Param(None, lambda v: v is None or _is_status(v), "a status code, or null"),
            "message": _MESSAGE,
        },
        BUY_PATH,
    ),
    "cached": Kind(path=BUY_PATH),
    "pending": Kind({"seconds": _seconds(5)}, BUY_PATH),
    "stale_stock": Kind(path=_AVAILABLE),
    "no_stock": Kind(path=_AVAILABLE),
    "wrong_area": Kind(path=_AVAILABLE),
    "ignore_filter": Kind(path=_LOOKUP),
    "page_drift": Kind(path=_LIST),
    "calls_meanwhile": Kind(
        {
            "count": Param(1, lambda v: type(v) is int and 0 < v <= 1000, "a count up to 1000"),
            "ago": _seconds(20),
        },
        _CALLS,
    ),
    "wrong_agent": Kind(path=CALL_PATH),
    "no_answer": Kind(path=CALL_PATH),
}
_METHODS = (None, "GET", "POST")


def parse(entry: Any, paths: set[str]) -> dict[str, Any]:
    """A fault as it is queued, from its JSON. Raises ApiError 400 which lists what is known."""
    name, kind, rest = _kind_of(entry)
    path = rest.pop("path", kind.path or BUY_PATH)
    method, times, skip = rest.pop("method", None), rest.pop("times", 1), rest.pop("skip", 0)
    wrong = []
    if path not in paths:
        wrong.append(f"unknown path {path}; known: {', '.join(sorted(paths))}")
    elif kind.path is not None and path not in (kind.path, kind.also):
        wrong.append(f"{name} works on {kind.path} only")
    if method not in _METHODS:
        wrong.append("method must be GET, POST or null")
    if type(times) is not int or not 1 <= times <= _MOST:
        wrong.append(f"times must be from 1 to {_MOST}")
    if type(skip) is not int or not 0 <= skip <= _MOST:
        wrong.append(f"skip must be from 0 to {_MOST}")
    params = _params(name, kind, rest, wrong)
    return {"fault": name, "path": path, "method": method, "times": times, "skip": skip, "params": params}


def _kind_of(entry: Any) -> tuple[str, Kind, dict[str, Any]]:
    if isinstance(entry, str):
        entry = {"fault": entry}
    rest = dict(entry) if isinstance(entry, dict) else {}
    name = rest.pop("fault", None)
    if not isinstance(name, str) or name not in KINDS:
        raise ApiError(400, f"unknown fault {name}; known: {', '.join(KINDS)}")
    return name, KINDS[name], rest


def _params(name: str, kind: Kind, given: dict[str, Any], wrong: list[str]) -> dict[str, Any]:
    known = ", ".join(kind.params) or "none"
    wrong += [f"unknown param {key} of {name}; known: {known}" for key in given if key not in kind.params]
    for key, param in kind.params.items():
        if key in given and not param.accepts(given[key]):
            wrong.append(f"{key} must be {param.wanted}")
    if wrong:
        raise ApiError(400, wrong)
    return {key: given.get(key, param.default) for key, param in kind.params.items()}


def parse_storm(storm: dict[str, Any]) -> dict[str, Any]:
    """Checks ``{"seed", "share", "kinds", "late_max"}``. Raises ApiError 400."""
    unknown = set(storm) - {"seed", "share", "kinds", "late_max"}
    if unknown:
        raise ApiError(400, f"unknown key of storm: {', '.join(sorted(unknown))}")
    seed, share = storm.get("seed", 0), storm.get("share", 0.3)
    late_max, kinds = storm.get("late_max", 2.0), storm.get("kinds")
    if type(seed) is not int or not is_number(share) or not 0 <= share <= 1:
        raise ApiError(400, "storm needs an integer seed and a share from 0 to 1")
    if not is_number(late_max) or late_max < 0:
        raise ApiError(400, "late_max must be seconds, 0 or more")
    if not isinstance(kinds, list) or not kinds:
        raise ApiError(400, "kinds must be a list of faults, by name or as objects")
    for entry in kinds:
        name, kind, rest = _kind_of(entry)
        if kind.path not in (None, BUY_PATH):
            raise ApiError(400, f"{name} does not apply to {BUY_PATH}")
        _params(name, kind, rest, [])
    return {"seed": seed, "share": share, "late_max": late_max, "kinds": kinds}


def storm_fault(storm: dict[str, Any] | None, request: Request) -> Fault | None:
    """What the storm does to this request; the same for the same seed and request number."""
    if storm is None or request.path != BUY_PATH or request.method != "POST":
        return None
    rng = stock.chance("storm", storm["seed"], request.n)
    if rng.random() >= storm["share"]:
        return None
    name, kind, given = _kind_of(rng.choice(storm["kinds"]))
    params = _params(name, kind, given, [])
    if name == "late_commit" and "delay" not in given:
        params["delay"] = rng.uniform(0, storm["late_max"])
    return Fault(name, params)


def play(store: Store, request: Request, handle: Handler) -> Delivery:
    """Serves a request which has a fault. ``handle`` does what the endpoint would do."""
    if (fault := request.fault) is None:
        return Delivery(answer=handle(request))
    special = _PLAYS.get(fault.name)
    if special is not None:
        return special(store, request, fault.params, handle)
    if fault.name == "late_commit":
        return _late_commit(store, request, fault.params)
    on_buy = _BUYS.get(fault.name)
    if on_buy is None:  # a fault of a read: its endpoint looks at request.fault
        return Delivery(answer=handle(request))
    try:
        return Delivery(answer=on_buy(store, request, fault.params, handle))
    except ApiError as refusal:
        return Delivery(answer=shapes.refusal(store, refusal))


def _error(params: dict) -> Delivery:
    status = params["status"]
    if params["body"] == "html":
        return Delivery(
            answer=Answer(status, raw=_HTML % (status, status), content_type="text/html; charset=utf-8")
        )
    return Delivery(answer=problem(status, "Internal server error" if status == 500 else "Upstream failed"))


def _error_after(store: Store, request: Request, params: dict, handle: Handler) -> Delivery:
    handle(request)
    return _error(params)


def _reset_after(store: Store, request: Request, params: dict, handle: Handler) -> Delivery:
    handle(request)
    return Delivery("reset")


def _hang_after(store: Store, request: Request, params: dict, handle: Handler) -> Delivery:
    handle(request)
    return Delivery("hang", seconds=params["seconds"])


def _rate_limited(store: Store, request: Request, params: dict, handle: Handler) -> Delivery:
    retry_after = params["retry_after"]
    answer = problem(429, "Too Many Requests")
    if retry_after is not None:
        answer.headers["Retry-After"] = retry_after
    return Delivery(answer=answer)


def _empty(store: Store, request: Request, params: dict, handle: Handler) -> Delivery:
    return Delivery(answer=Answer(handle(request).status, raw=b""))


def _wrong_type(store: Store, request: Request, params: dict, handle: Handler) -> Delivery:
    answer = handle(request)
    answer.body = [answer.body]
    return Delivery(answer=answer)


def _huge(store: Store, request: Request, params: dict, handle: Handler) -> Delivery:
    """Good JSON, if one is willing to read it: the padding comes first."""
    answer = handle(request)
    answer.raw = b'{"padding":"' + b"x" * _HUGE_BYTES + b'",' + json.dumps(answer.body).encode()[1:]
    return Delivery(answer=answer)


def _malformed(store: Store, request: Request, params: dict, handle: Handler) -> Delivery:
    answer = handle(request)
    answer.raw = malformed.spoiled(params["how"], answer)
    return Delivery("raw", answer)


def _number_form(store: Store, request: Request, params: dict, handle: Handler) -> Delivery:
    answer = handle(request)
    malformed.in_form(params["form"], answer.body)
    return Delivery(answer=answer)


def _odd_list(store: Store, request: Request, params: dict, handle: Handler) -> Delivery:
    answer = handle(request)
    if "items" in answer.body:
        malformed.LISTS[params["how"]](answer.body)
    return Delivery(answer=answer)


def _redirect(store: Store, request: Request, params: dict, handle: Handler) -> Delivery:
    if params["commit"]:
        handle(request)
    return Delivery(answer=Answer(params["status"], raw=b"", headers={"Location": params["location"]}))


def _late_commit(store: Store, request: Request, params: dict) -> Delivery:
    with store.write() as db:
        db.execute(
            "INSERT INTO late (due, body, request_id) VALUES (?, ?, ?)",
            (time.time() + params["delay"], json.dumps(request.body), request.request_id),
        )
    store.late_added.set()
    if params["answer"] == "500":
        return Delivery(answer=problem(500, "Internal server error"))
    return Delivery(params["answer"], seconds=params["seconds"])


_PLAYS: dict[str, Callable[[Store, Request, dict, Handler], Delivery]] = {
    "error_before": lambda store, request, params, handle: _error(params),
    "error_after": _error_after,
    "reset_before": lambda store, request, params, handle: Delivery("reset"),
    "reset_after": _reset_after,
    "hang_before": lambda store, request, params, handle: Delivery("hang", seconds=params["seconds"]),
    "hang_after": _hang_after,
    "rate_limited": _rate_limited,
    "status": lambda store, request, params, handle: Delivery(
        answer=problem(params["status"], params["message"])
    ),
    "truncated": lambda store, request, params, handle: Delivery("cut", handle(request)),
    "empty": _empty,
    "wrong_type": _wrong_type,
    "huge": _huge,
    "malformed": _malformed,
    "endless": lambda store, request, params, handle: Delivery("endless", handle(request)),
    "slow_drip": lambda store, request, params, handle: Delivery("drip", handle(request), params["interval"]),
    "slow_head": lambda store, request, params, handle: Delivery(
        "drip_head", handle(request), params["interval"]
    ),
    "number_form": _number_form,
    "odd_list": _odd_list,
    "redirect": _redirect,
}


def _wrong_number(store: Store, request: Request, params: dict, handle: Handler) -> Answer:
    """The answer shows another number than the one asked for, bought or not."""
    commit = params["commit"]
    with store.write() as db:
        order = purchase.parse(store, request.body, request.request_id)
        asked = purchase.choose(db, store, order)
        if commit in ("asked", "both"):
            purchase.settle(db, store, order, asked)
        areas = (asked[2:5], *stock.area_codes())
        free = (number for area_code in areas for number in store.free(db, area_code))
        other = next((number for number in free if number != asked), None)
        if other is None:
            raise ApiError(404, "There is no other number to answer with")
        if commit in ("other", "both"):
            return purchase.bought(store, purchase.settle(db, store, order, other))
        # Borrow the row to show it, then take it back within the same transaction.
        row = store.add(db, other, order.connection, provider=order.provider, agent=order.agent)
        db.execute("DELETE FROM owned WHERE number = ?", (other,))
        return purchase.bought(store, row)


def _taken(store: Store, request: Request, params: dict, handle: Handler) -> Answer:
    with store.write() as db:
        order = purchase.parse(store, request.body, request.request_id)
        number = purchase.choose(db, store, order)
        if store.owned(db, number) is None:
            store.sell_elsewhere(db, number)
    raise purchase.taken(number)


def _replay(store: Store, request: Request, params: dict, handle: Handler) -> Answer:
    """A gateway sends the request twice, and passes on the second answer: the API's own, or STATUS."""
    first = handle(request)
    if first.status >= 300:
        return first
    return problem(params["status"], params["message"]) if params["status"] else handle(request)


def _cached(store: Store, request: Request, params: dict, handle: Handler) -> Answer:
    """A proxy answers with the purchase before this one, and passes nothing on."""
    with store.read() as db:
        row = db.execute("SELECT * FROM owned ORDER BY bought_at DESC LIMIT 1").fetchone()
    return purchase.bought(store, row) if row else handle(request)


def _pending(store: Store, request: Request, params: dict, handle: Handler) -> Answer:
    active_at = time.time() + params["seconds"]
    with store.write() as db:
        row = purchase.buy(db, store, request.body, request.request_id, active_at=active_at)
    answer = Answer(201, shapes.normalized(store, row))
    answer.body["active"] = False
    return answer


_BUYS: dict[str, Callable[[Store, Request, dict, Handler], Answer]] = {
    "wrong_number": _wrong_number,
    "taken": _taken,
    "replay": _replay,
    "cached": _cached,
    "pending": _pending,
}
