"""What a request asks for: pages, directions, ids, numbers."""

import json
import re
from typing import Any

from .wire import ApiError, Request

MAX_SIZE = 100
_MAX_PAGE = 2**53 - 1  # what JavaScript counts up to
# An unencoded "+" arrives as a space, and the space makes it another string: no match.
_SEARCHED_NUMBER = re.compile(r"\+?\d{7,15}", re.ASCII)


def page(request: Request) -> tuple[int, int]:
    """``(page, size)``. Raises ApiError 400."""
    return whole(request, "page", 1), whole(request, "size", 10, most=MAX_SIZE)


def direction(request: Request) -> str:
    """ASC or DESC. Raises ApiError 400."""
    descending = request.query.get("sort_desc", "false")
    if descending not in ("true", "false"):
        raise ApiError(400, ["sort_desc must be a boolean value"])
    return "DESC" if descending == "true" else "ASC"


def filters(request: Request) -> dict[str, Any]:
    """The JSON of ``filters``; nothing where it is empty. Raises ApiError 400."""
    text = request.query.get("filters")
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ApiError(400, ["filters must be a JSON object"])
    return found


def by_id(request: Request, known: dict[str, dict], what: str) -> dict:
    key = request.query.get("id")
    if not key:
        raise ApiError(400, ["id should not be empty"])
    if key not in known:
        raise ApiError(404, f"{what} {key} not found")
    return known[key]


def whole(request: Request, name: str, default: int, *, most: int = _MAX_PAGE) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 17 and 1 <= int(text) <= most):
        raise ApiError(400, [f"{name} must be a whole number between 1 and {most}"])
    return int(text)


def digits(text: str) -> str:
    """The stored form of a number as somebody wrote it, or a string which matches nothing."""
    return "+" + text.removeprefix("+") if _SEARCHED_NUMBER.fullmatch(text) else ""
