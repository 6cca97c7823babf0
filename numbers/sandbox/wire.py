"""The values that travel between the socket and the endpoints."""

import json
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

BUY_PATH = "/v1/numbers/buy"
CALL_PATH = "/v1/calls/create"

# Python 3.13 follows the newer RFC, the API's framework the older one.
_PHRASES = {413: "Payload Too Large", 422: "Unprocessable Entity"}


class ApiError(Exception):
    """A refusal: nothing was done, and the client is told why."""

    def __init__(self, status: int, message: str | list[str]) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(slots=True)
class Fault:
    """One misbehaviour to play. ``fired`` counts how often it has been played, this time included."""

    name: str
    params: dict[str, Any]
    fired: int = 1


@dataclass(slots=True)
class Request:
    """One request as received. The authorization header is used once and never kept."""

    n: int
    method: str
    path: str
    query: dict[str, str]
    body: Any
    request_id: str | None
    fault: Fault | None = None

    def suffers(self, name: str) -> "Fault | None":
        """The fault of this request, where it is the one of that `name`."""
        return self.fault if self.fault is not None and self.fault.name == name else None


@dataclass(slots=True)
class Answer:
    """Status and body. ``raw`` replaces the JSON of ``body`` where a fault needs other bytes."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json; charset=utf-8"

    def content(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return json.dumps(self.body, separators=(",", ":")).encode()

    def head(self, length: int, *, close: bool) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {phrase(self.status)}", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"Content-Length: {length}", "X-Fluents-Sandbox: 1"]  # Fluents itself never says so
        if length:
            lines.append(f"Content-Type: {self.content_type}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if close:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


@dataclass(slots=True)
class Delivery:
    """How an answer leaves the server.

    ``manner`` is ``whole``, ``reset`` (RST instead of an answer), ``hang`` (silence for
    ``seconds``, then the connection is closed), ``cut`` (half of the promised bytes), ``drip``
    (one byte of the body every ``seconds``), ``drip_head`` (the same of the head), ``endless``
    (a body without an end) or ``raw`` (the answer's ``raw`` is all there is, head included).
    """

    manner: str = "whole"
    answer: Answer | None = None
    seconds: float = 0.0


def phrase(status: int) -> str:
    """The reason phrase of a status code, empty for codes that nobody registered."""
    if status in _PHRASES:
        return _PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def problem(status: int, message: str | list[str]) -> Answer:
    """An error in the shape of the API's framework."""
    if status == HTTPStatus.UNAUTHORIZED:
        return Answer(status, {"message": message, "statusCode": status})
    return Answer(status, {"message": message, "error": phrase(status), "statusCode": status})


def no_method(method: str, path: str, allowed: list[str]) -> Answer:
    answer = problem(405, f"Cannot {method} {path}")
    answer.headers["Allow"] = ", ".join(allowed)
    return answer


def no_route(method: str, path: str) -> Answer:
    return problem(404, f"Cannot {method} {path}")
