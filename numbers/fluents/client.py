"""The calls that this product makes, one method each.

Sources: the user's OpenAPI document for `buy`; Fluents' API reference for the rest.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime

import requests

from .errors import NotConfigured, NotFound, OutcomeUnknown, Unsupported
from .http import BearerAuth, call, new_session
from .types import Agent, Connection, Number, e164

PAGE_SIZE = 100  # the most that the lists accept
READ_PATIENCE = 10.0  # seconds; a read is tried again instead, and its tries end well within a lease


class Client:
    """The Fluents API of one account.

    BASE_URL is scheme and host, TIMEOUT (connect, read) in seconds. SESSION serves the reads, which wait
    less long and are tried again RETRIES times; a purchase always opens a connection of its own, without
    retries: a kept-alive connection that dies on use would leave us not knowing whether money was spent.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: str,
        timeout: tuple[float, float],
        session: requests.Session | None = None,
        retries: int = 2,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._auth = BearerAuth(token) if token.isascii() and token.isprintable() and token else None
        self._timeout = timeout
        self._read_timeout = (timeout[0], min(timeout[1], READ_PATIENCE))
        self._session = session or new_session(retries=retries)

    def buy(
        self,
        *,
        telephony_provider: str,
        telephony_account_connection: str,
        area_code: str = "",
        phone_number: str = "",
        inbound_agent: str = "",
        request_id: str = "",
    ) -> Number:
        """POST /v1/numbers/buy, once. Exactly one of AREA_CODE and PHONE_NUMBER must be given.

        Spends money. Raises NotSent, Refused or a kind of it, OutcomeUnknown.
        """
        if bool(area_code) == bool(phone_number):
            raise ValueError("a purchase names either an area code or a phone number")
        body = {
            "telephony_provider": telephony_provider,
            "telephony_account_connection": telephony_account_connection,
            "area_code": area_code,
            "phone_number": phone_number,
            "inbound_agent": inbound_agent,
        }
        body = {key: value for key, value in body.items() if value}
        return self._write("/v1/numbers/buy", body=body, request_id=request_id)

    def update(self, *, phone_number: str, id: str = "", changes: dict) -> Number:  # noqa: A002 -- the API's name
        """POST /v1/numbers/update: CHANGES may hold inbound_agent (an id, or None for nobody), label,
        description and outbound_only.

        Harmless to repeat. Raises FluentsError.
        """
        return self._write("/v1/numbers/update", params=_key(phone_number, id), body=changes)

    def cancel(self, *, phone_number: str, id: str = "") -> Number:  # noqa: A002 -- the API's name
        """POST /v1/numbers/cancel: give a number up, for good. Raises FluentsError."""
        return self._write("/v1/numbers/cancel", params=_key(phone_number, id))

    def detach(self, *, phone_number: str, id: str = "") -> Number:  # noqa: A002 -- the API's name
        """POST /v1/numbers/detach: the connection keeps it, Fluents forgets it. Raises FluentsError."""
        return self._write("/v1/numbers/detach", params=_key(phone_number, id))

    def link(
        self, *, phone_number: str, telephony_account_connection: str, inbound_agent: str = ""
    ) -> Number:
        """POST /v1/numbers/link: use a number that the connection already holds. Raises FluentsError."""
        body = {
            "phone_number": phone_number,
            "telephony_account_connection": telephony_account_connection,
            **({"inbound_agent": inbound_agent} if inbound_agent else {}),
        }
        return self._write("/v1/numbers/link", body=body)

    def find_number(self, phone_number: str) -> Number | None:
        """GET /v1/numbers: the number if the account owns it, None on a 404.

        A 404 does not tell an unowned number from an API without this path; `has_list` does.
        An answer with any other number is taken as None: some servers ignore a filter.
        """
        try:
            data = self._call("GET", "/v1/numbers", params={"phone_number": e164(phone_number)})
        except (NotFound, Unsupported):
            return None
        number = self._number(data, "GET /v1/numbers")
        return number if number.number == e164(phone_number) else None

    def has_list(self) -> bool:
        """Whether this API lists owned numbers. Without that nothing can be looked up reliably."""
        try:
            self._call("GET", "/v1/numbers/list", params={"page": 1, "size": 1})
        except (NotFound, Unsupported):
            return False
        return True

    def clock(self) -> datetime | None:
        """What time Fluents says that it is, None where it does not. Raises FluentsError.

        Any answer would tell, but this one also proves that the token is good.
        """
        heard: list[str | None] = []
        with new_session(retries=1) as session:
            session.hooks["response"].append(lambda answer, **_: heard.append(answer.headers.get("Date")))
            self._call("GET", "/v1/agents/list", params={"page": 1, "size": 1}, session=session)
        try:
            return parsedate_to_datetime(heard[-1] or "")
        except ValueError:
            return None

    def numbers(self) -> Iterator[Number]:
        """GET /v1/numbers/list: every owned number, page by page. Raises Unsupported without it."""
        return self._all("/v1/numbers/list", Number)

    def agents(self) -> Iterator[Agent]:
        """GET /v1/agents/list."""
        return self._all("/v1/agents/list", Agent)

    def connections(self) -> Iterator[Connection]:
        """GET /v1/account_connections/list."""
        return self._all("/v1/account_connections/list", Connection)

    def available(
        self,
        *,
        telephony_provider: str,
        telephony_account_connection: str,
        area_code: str = "",
        contains: str = "",
        limit: int = 20,
    ) -> list[Number]:
        """GET /v1/numbers/available: candidates, not held. Raises Unsupported where there is no search.

        CONTAINS are digits that a number shall have somewhere behind its country code. The keys of
        `filters` are not documented, so the area code and the digits are checked here as well.
        """
        filters = {"area_code": area_code, "contains": contains}
        params = {
            "limit": limit,
            "telephony_provider": telephony_provider,
            "telephony_account_connection": telephony_account_connection,
            "filters": json.dumps({key: value for key, value in filters.items() if value}),
        }
        try:
            data = self._call("GET", "/v1/numbers/available", params=params)
        except NotFound as error:
            raise Unsupported(request=error.request, status=error.status, detail=error.detail) from None
        found = self._items(data, Number, "GET /v1/numbers/available")
        return [
            number
            for number in found
            if number.number.startswith(f"+1{area_code}") and contains in number.number[2:]
        ]

    def _call(self, method: str, path: str, *, session: requests.Session | None = None, **kwargs) -> dict:
        name = f"{method} {path}"
        if not self._auth:
            raise NotConfigured(request=name)
        return call(
            session or self._session,
            method,
            self._base_url + path,
            name=name,
            timeout=self._timeout if method == "POST" else self._read_timeout,
            auth=self._auth,
            **kwargs,
        )

    def _write(self, path: str, *, request_id: str = "", **kwargs) -> Number:
        """One POST on a connection of its own, never repeated."""
        headers = {"Connection": "close"} | ({"X-Request-Id": request_id} if request_id else {})
        with new_session(retries=0) as session:
            data = self._call("POST", path, session=session, headers=headers, **kwargs)
        return self._number(data, f"POST {path}")

    def _all(self, path: str, kind: type) -> Iterator:
        page = 1
        while True:
            try:
                data = self._call("GET", path, params={"page": page, "size": PAGE_SIZE})
            except NotFound as error:  # a list is never "not found": this API does not have it
                raise Unsupported(request=error.request, status=error.status, detail=error.detail) from None
            items = self._items(data, kind, f"GET {path}")
            yield from items
            # `total` may be an estimate, so only this flag ends a list.
            if data.get("has_more") is not True or not data["items"]:
                return
            page += 1

    @staticmethod
    def _items(data: dict, kind: type, name: str) -> list:
        items = data.get("items")
        if not isinstance(items, list):
            raise OutcomeUnknown(request=name, status=200, detail="the answer could not be read")
        found = []
        for item in items:
            try:
                found.append(kind.from_json(item))
            except (ValueError, AttributeError):
                continue  # one odd row must not hide the others
        return found

    @staticmethod
    def _number(data: dict, name: str) -> Number:
        try:
            return Number.from_json(data)
        except ValueError:
            raise OutcomeUnknown(request=name, status=200, detail="the answer could not be read") from None


def _key(phone_number: str, id: str) -> dict:  # noqa: A002 -- the API's name
    """Which number is meant: the official pages ask for one of these keys, another source for the other."""
    return {"phone_number": phone_number} | ({"id": id} if id else {})
