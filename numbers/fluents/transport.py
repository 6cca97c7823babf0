"""One HTTP call: bounded in time and size, never redirected, its failures sorted.

`requests` hides whether a failed call had left the machine. A purchase goes over a
connection of its own, so every failure to open that connection means "not sent",
and everything later means "outcome unknown".
"""

import email.utils
import json
import time
from datetime import UTC, datetime

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from .errors import BY_STATUS, NotSent, OutcomeUnknown, RateLimited, Refused, Unsupported
from .types import storable

MAX_ANSWER = 8 * 1024 * 1024  # bytes; a page of 100 numbers nests 100 agents with their prompts
# Raised while a request is still being made up.
UNSENDABLE = (
    requests.exceptions.InvalidHeader,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
)
MAX_PAUSE = 3600.0  # seconds; the longest Retry-After that is believed


class BearerAuth(requests.auth.AuthBase):
    """Puts the token on a request and never into a repr."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        return "BearerAuth(***)"


def new_session(*, retries: int) -> requests.Session:
    """A session that ignores proxies and .netrc; RETRIES counts further tries of failed GETs."""
    session = requests.Session()
    session.trust_env = False
    retry = Retry(
        total=retries,
        allowed_methods={"GET"},
        status_forcelist={429, 500, 502, 503, 504},
        backoff_factor=0.3,
        backoff_jitter=0.2,
        raise_on_status=False,
        respect_retry_after_header=False,  # a worker must not sleep for an hour inside a GET
    )
    adapter = HTTPAdapter(max_retries=retry)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session


def call(
    session: requests.Session,
    method: str,
    url: str,
    *,
    name: str,
    timeout: tuple[float, float],
    auth: BearerAuth,
    params: dict | None = None,
    body: dict | None = None,
    headers: dict | None = None,
) -> object:
    """The parsed JSON of a 2xx answer.

    TIMEOUT is (connect, read) in seconds; their sum bounds each try. NAME stands in errors.
    Raises NotSent, Refused or one of its kinds, OutcomeUnknown.
    """
    deadline = time.monotonic() + sum(timeout)
    try:
        response = session.request(
            method,
            url,
            params=params,
            json=body,
            headers=headers,
            timeout=timeout,
            auth=auth,
            allow_redirects=False,
            stream=True,
        )
    except UNSENDABLE as error:
        raise NotSent(request=name, detail=type(error).__name__) from None
    except requests.exceptions.RequestException as error:
        kind = NotSent if never_left(error) else OutcomeUnknown
        raise kind(request=name, detail=plain(error)) from None
    with response:
        try:
            content = read(response, deadline)
        except (HTTPError, OSError) as error:
            raise OutcomeUnknown(request=name, status=response.status_code, detail=plain(error)) from None
    return parse(response, content, name)


def never_left(error: requests.exceptions.RequestException) -> bool:
    """Whether ERROR proves that the connection was never opened."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(error, requests.exceptions.SSLError):
        return "CERTIFICATE_VERIFY_FAILED" in str(reason) or "WRONG_VERSION_NUMBER" in str(reason)
    return isinstance(reason, NewConnectionError | NameResolutionError | ConnectTimeoutError)


def plain(error: Exception) -> str:
    """A short name of what happened; exception texts may hold addresses and headers."""
    names = {
        "ReadTimeout": "no answer in time",
        "ConnectTimeout": "no connection in time",
        "ConnectionError": "the connection failed",
        "ChunkedEncodingError": "the answer broke off",
        "IncompleteRead": "the answer broke off",
        "ProtocolError": "the answer broke off",
        "ReadTimeoutError": "no complete answer in time",
        "TimeoutError": "no complete answer in time",
        "SSLError": "the secure connection failed",
    }
    return names.get(type(error).__name__, type(error).__name__)


def read(response: requests.Response, deadline: float) -> bytes:
    chunks, size = [], 0
    # read1 returns what has come: a server that sends byte by byte must not outrun the deadline.
    while chunk := response.raw.read1(16384, decode_content=True):
        size += len(chunk)
        if size > MAX_ANSWER:
            raise OSError("the answer is too large")
        if time.monotonic() > deadline:
            raise TimeoutError
        chunks.append(chunk)
    return b"".join(chunks)


def parse(response: requests.Response, content: bytes, name: str) -> object:
    status = response.status_code
    try:
        data = json.loads(content) if content else None
    except (ValueError, RecursionError):
        data = None
    if 200 <= status < 300:
        if not isinstance(data, dict):
            raise OutcomeUnknown(request=name, status=status, detail="the answer could not be read")
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
    """The pause in seconds from a Retry-After header, as seconds or HTTP date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    try:
        pause = float(value)
    except ValueError:
        try:
            pause = (email.utils.parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    if not pause >= 0:  # also catches NaN
        return None
    return min(pause, MAX_PAUSE)
