"""One HTTP call: bounded in time and size, never redirected, its failures sorted."""

import json
import random
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any, NamedTuple, cast

import requests

from .connections import EXCHANGE, Adapter, Exchange, Session, Unreached
from .errors import (
    BY_STATUS,
    UNREADABLE,
    FluentsError,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unsendable,
    Unsupported,
)
from .types import e164, moment, storable

MAX_ANSWER = 8 * 1024 * 1024  # bytes; a page of 100 numbers nests 100 agents with their prompts
MAX_PAUSE = 3600.0  # seconds; the longest Retry-After that is believed
AGAIN = {None, 429, 500, 502, 503, 504}  # statuses, or none, after which a read is tried again
PAUSE = 0.15  # seconds before the second try, twice as long before the third

# The scalars of an answer beyond reading that are worth keeping, among whatever surrounds them.
TOKEN = re.compile(
    rb'"(?P<name>number|phone_number|id|area_code)"\s*:\s*'
    rb'(?:"(?P<text>[\w+().,;=:\x20-]{1,64})"|(?P<digits>\d{1,20})(?=[\s,}\]]))'
    rb'|"(?:[^"\\]|\\.)*"|(?P<open>[{\[])|(?P<close>[}\]])',
    re.ASCII | re.DOTALL,
)
STATUS_LINE = re.compile(rb"(?:HTTP/1\.[01] 1\d\d.*?\r?\n\r?\n)*HTTP/1\.[01] ([2-5]\d\d)", re.DOTALL)


class Answer(NamedTuple):
    """A 2xx: its JSON object and the bytes of that, its status and its headers."""

    data: dict[str, Any]
    content: bytes
    status: int
    headers: Mapping[str, str]


class TooLarge(Exception):
    """An answer of more than MAX_ANSWER bytes."""


class BearerAuth(requests.auth.AuthBase):
    """Puts the token on a request and never into a repr."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        return "BearerAuth(***)"


def call(
    session: Session,
    method: str,
    url: str,
    *,
    name: str,
    timeout: tuple[float, float],
    auth: BearerAuth,
    params: dict[str, Any] | None = None,
    body: dict[str, Any] | None = None,
    headers: dict[str, Any] | None = None,
    retries: int = 0,
) -> Answer:
    """The answer, where it is a 2xx with a JSON object.

    `timeout` is (connect, read) in seconds; their sum bounds the whole call, with the name lookup, all of the
    answer and up to `retries` further tries. `name` stands in errors. Raises NotSent, Refused or one of its
    kinds, OutcomeUnknown, and nothing else.
    """
    deadline = time.monotonic() + sum(timeout)
    try:
        request = requests.Request(method, url, params=params, json=body, headers=headers, auth=auth)
        prepared = session.prepare_request(request)
        cast("Adapter", session.get_adapter(prepared.url or "")).check(prepared)
    except Exception as error:  # whatever it is, no socket was opened
        raise Unsendable(request=name, detail=type(error).__name__) from None
    pauses = [PAUSE * 2**n * random.uniform(0.8, 1.2) for n in range(retries)]  # noqa: S311 -- no secret
    while True:
        try:
            return exchange_once(session, prepared, Exchange(*timeout, deadline), name)
        except FluentsError as error:
            if not pauses or error.status not in AGAIN or time.monotonic() + pauses[0] >= deadline:
                raise
        time.sleep(pauses.pop(0))


def exchange_once(
    session: Session, request: requests.PreparedRequest, exchange: Exchange, name: str
) -> Answer:
    content, status = bytearray(), None
    token = EXCHANGE.set(exchange)
    try:
        timeout = (exchange.connect, exchange.read)
        with session.send(request, timeout=timeout, allow_redirects=False, stream=True) as response:
            status = response.status_code
            read_into(content, response, exchange)
    except Unreached as error:
        raise NotSent(request=name, detail=str(error)) from None
    except Exception as error:  # of whatever type: a connection was there, so the request may have arrived
        status = status or status_heard(exchange.heard)
        good = status is not None and 200 <= status < 300
        raise OutcomeUnknown(
            request=name,
            status=status,
            detail=plain(error),
            quoted=False,
            evidence=evidence(content or exchange.heard.partition(b"\r\n\r\n")[2]) if good else None,
        ) from None
    finally:
        EXCHANGE.reset(token)
    whole = bytes(content)
    return Answer(parse(response, whole, name), whole, status, response.headers)


def plain(error: Exception) -> str:
    """A short name of what happened; exception texts may hold addresses and headers."""
    names = {
        "ReadTimeout": "no answer in time",
        "ConnectionError": "the connection failed",
        "ChunkedEncodingError": "the answer was cut off",
        "IncompleteRead": "the answer was cut off",
        "ProtocolError": "the answer was cut off",
        "ReadTimeoutError": "no complete answer in time",
        "TimeoutError": "no complete answer in time",
        "SSLError": "the secure connection failed",
        "InvalidHeader": "its headers contradict each other",
        "DecodeError": "the answer couldn't be unpacked",
        "TooLarge": "the answer is too large",
    }
    return names.get(type(error).__name__, type(error).__name__)


def read_into(content: bytearray, response: requests.Response, exchange: Exchange) -> None:
    """Append the body of `response` to `content`, as far as it comes. Raises whatever reading raises."""
    while chunk := response.raw.read1(65_536, decode_content=True):
        content += chunk
        if len(content) > MAX_ANSWER:
            raise TooLarge
        exchange.left()


def status_heard(heard: bytes | bytearray) -> int | None:
    """The status in what the peer sent, where the rest of it could not be read."""
    found = STATUS_LINE.match(heard)
    return int(found[1]) if found else None


def evidence(content: bytes | bytearray) -> dict[str, str]:
    """The number, id and area code in an answer that could not be read as a whole, as far as they are there.

    They come from the outermost object that has a number, else from the outermost one: the id beside it
    is the number's, and not that of an agent nested in it.
    """
    facts: list[tuple[int, int, str, str]] = []
    opened, inside = count(1), []
    for token in TOKEN.finditer(content[:65_536]):
        if token["open"]:
            inside.append(next(opened))
        elif token["close"]:
            del inside[-1:]
        elif token["name"] and inside:
            name = token["name"].decode().removeprefix("phone_")
            facts.append((len(inside), inside[-1], name, (token["text"] or token["digits"]).decode()))
    holder = min((fact[:2] for fact in facts if fact[2] == "number"), default=None)
    holder = holder or min((fact[:2] for fact in facts), default=None)
    kept = {name: value for *where, name, value in reversed(facts) if tuple(where) == holder}
    return kept | ({"number": e164(kept["number"]) or kept["number"]} if "number" in kept else {})


def parse(response: requests.Response, content: bytes, name: str) -> dict[str, Any]:
    """The JSON object of a 2xx. Raises Refused or one of its kinds, OutcomeUnknown."""
    status = response.status_code
    try:
        data = json.loads(content, parse_constant=lambda _: None) if content else None
    except (ValueError, RecursionError, MemoryError):
        data = None
    if 200 <= status < 300:
        if not isinstance(data, dict):
            raise OutcomeUnknown(request=name, status=status, detail=UNREADABLE, evidence=evidence(content))
        return data
    detail = error_text(data)
    if status == 429:
        pause = retry_after(response.headers.get("Retry-After"))
        raise RateLimited(request=name, status=status, detail=detail, retry_after=pause)
    if status in (405, 501) or (status == 404 and detail.startswith("Cannot ")):
        raise Unsupported(request=name, status=status, detail=detail)
    if kind := BY_STATUS.get(status):
        raise kind(request=name, status=status, detail=detail)
    if 400 <= status < 500 and status != 408:
        raise Refused(request=name, status=status, detail=detail)
    raise OutcomeUnknown(request=name, status=status, detail=detail)


def error_text(data: object) -> str:
    """Fluents' own words: `message` is a string or a list of them; the older API sent `detail`."""
    if not isinstance(data, dict):
        return ""
    message = data.get("message") or data.get("detail") or ""
    parts = message if isinstance(message, list) else [message]
    words = [str(part.get("msg") or "") if isinstance(part, dict) else str(part) for part in parts]
    return storable("; ".join(word for word in words if word)[:300]).rstrip(".")


def retry_after(value: str | None) -> float | None:
    """The pause in seconds from a Retry-After header, as seconds or a date (RFC 9110, 10.2.3)."""
    try:
        pause = float(value or "nan")
    except ValueError:
        at = moment(value)
        pause = (at - datetime.now(UTC)).total_seconds() if at else -1.0
    if not pause >= 0:  # also catches NaN
        return None
    return min(pause, MAX_PAUSE)
