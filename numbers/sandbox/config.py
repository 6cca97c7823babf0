"""The switches of the sandbox, their defaults and what they accept."""

from collections.abc import Callable
from typing import Any

from . import faults
from .wire import ApiError

DEFAULTS: dict[str, Any] = {
    "latency_ms": [0, 0],
    "lookup_lag": 0.0,
    "repeat_buy": "conflict",
    "disabled_paths": [],
    "only_buy": False,
    "token": "sandbox",
    "stock_per_area_code": 40,
    "storm": None,
    "requests_kept": 5000,
    "dialect": "fluents",
    "list_messages": False,
    "calls": True,
    "call_seconds": [0.2, 1],
}


def _is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _range(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(faults.is_number(end) for end in value)
        and 0 <= value[0] <= value[1]
    )


def _two_lengths(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(faults.is_number(v) and v >= 0 for v in value)


def _stock(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_count(size, 5000) for size in value.values())
    return _is_count(value, 5000)


def _paths(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(path, str) for path in value)


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "latency_ms": (_range, "[min, max] in milliseconds"),
    "lookup_lag": (lambda v: faults.is_number(v) and v >= 0, "seconds, 0 or more"),
    "repeat_buy": (lambda v: v in ("conflict", "ok", "charge"), "conflict, ok or charge"),
    "disabled_paths": (_paths, "a list of paths"),
    "only_buy": (lambda v: isinstance(v, bool), "true or false"),
    "token": (lambda v: isinstance(v, str) and v != "", "a string that is not empty"),
    "stock_per_area_code": (_stock, 'a count up to 5000, or {"default": 40, "415": 500}'),
    "storm": (lambda v: v is None or isinstance(v, dict), "null or an object"),
    "requests_kept": (lambda v: _is_count(v, 1_000_000), "a count up to 1000000"),
    "dialect": (lambda v: v in ("fluents", "vocode"), "fluents or vocode"),
    "list_messages": (lambda v: isinstance(v, bool), "true or false"),
    "calls": (lambda v: isinstance(v, bool), "true or false"),
    "call_seconds": (_two_lengths, "[ringing, talking] in seconds"),
}


def checked(update: Any) -> dict[str, Any]:
    """``update`` if every key and value in it is good, with the storm normalised.

    Raises ApiError 400 with one line per thing that is wrong.
    """
    if not isinstance(update, dict):
        raise ApiError(400, "the config is a JSON object")
    wrong = [f"unknown key {key}; known: {', '.join(DEFAULTS)}" for key in update if key not in DEFAULTS]
    for key, (accepts, wanted) in _CHECKS.items():
        if key in update and not accepts(update[key]):
            wrong.append(f"{key} must be {wanted}")
    if wrong:
        raise ApiError(400, wrong)
    if update.get("storm") is not None:
        update = {**update, "storm": faults.parse_storm(update["storm"])}
    return update
