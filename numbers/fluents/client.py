"""The calls that this product makes, one method each.

Sources: the user's OpenAPI document for `buy`; Fluents' API reference for the rest.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from .connections import Session
from .errors import (
    UNREADABLE,
    NotConfigured,
    NotFound,
    OtherNumber,
    OutcomeUnknown,
    Unsendable,
    Unsupported,
)
from .lists import CallPage, Listing, items_of, more_follows, odd, read_item
from .transport import Answer, BearerAuth, call, evidence
from .types import Agent, Call, Connection, RemoteNumber, e164, identity, moment

PAGE_SIZE = 100  # the most that the lists accept
MOST_PAGES_OF_CALLS = 20  # that are read for one call of the last minutes
CALLS, PLACE_CALL = "/v1/calls/list", "/v1/calls/create"
READ_PATIENCE = 10.0  # seconds; a read with its further tries ends well within a lease


class Client:
    """The Fluents API of one account.

    `base_url` is scheme and host, `timeout` (connect, read) in seconds: no call takes longer than their sum.
    session serves the reads, which wait less long and are tried again up to retries times; a purchase always
    opens a connection of its own, without retries: a kept-alive connection that dies on use would leave us
    not knowing whether money was spent. Every error that is raised is a FluentsError.
    `before` is run before each call.
    """

    def __init__(
        self,
        *,
        base_url: str,
        token: str,
        timeout: tuple[float, float],
        session: Session | None = None,
        retries: int = 2,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self._before = before
        self._base_url = base_url.rstrip("/")
        self._auth = BearerAuth(token) if token.isascii() and token.isprintable() and token else None
        self._timeout = timeout
        self._read_timeout = (timeout[0], min(timeout[1], READ_PATIENCE))
        self._session = session or Session()
        self._retries = retries
        self.answered_by_sandbox = False  # whether the last answer was one of our own sandbox

    def buy(
        self,
        *,
        telephony_provider: str,
        telephony_account_connection: str,
        area_code: str = "",
        phone_number: str = "",
        inbound_agent: str = "",
        request_id: str = "",
    ) -> RemoteNumber:
        """POST /v1/numbers/buy, once. Exactly one of `area_code` and `phone_number` must be given.

        Spends money. Raises NotSent, Refused or a kind of it, OutcomeUnknown.
        """
        if bool(area_code) == bool(phone_number):
            wrong = "a purchase names either an area code or a phone number"
            raise Unsendable(request="POST /v1/numbers/buy", detail=wrong)
        body = {
            "telephony_provider": telephony_provider,
            "telephony_account_connection": telephony_account_connection,
            "area_code": area_code,
            "phone_number": phone_number,
            "inbound_agent": inbound_agent,
        }
        body = {key: value for key, value in body.items() if value}
        return self._write("/v1/numbers/buy", body=body, request_id=request_id)

    def update(
        self,
        *,
        phone_number: str,
        id: str = "",  # noqa: A002 -- the API's name
        changes: dict[str, Any],
    ) -> RemoteNumber:
        """POST /v1/numbers/update: `changes` may hold inbound_agent (an id, or None for nobody), label,
        description and outbound_only.

        Harmless to repeat. Raises FluentsError.
        """
        return self._write("/v1/numbers/update", params=_key(phone_number, id), body=changes)

    def cancel(self, *, phone_number: str, id: str = "") -> RemoteNumber:  # noqa: A002 -- the API's name
        """POST /v1/numbers/cancel: give a number up, for good. Raises FluentsError."""
        return self._write("/v1/numbers/cancel", params=_key(phone_number, id))

    def detach(self, *, phone_number: str, id: str = "") -> RemoteNumber:  # noqa: A002 -- the API's name
        """POST /v1/numbers/detach: the connection keeps it, Fluents forgets it. Raises FluentsError."""
        return self._write("/v1/numbers/detach", params=_key(phone_number, id))

    def link(
        self, *, phone_number: str, telephony_account_connection: str, inbound_agent: str = ""
    ) -> RemoteNumber:
        """POST /v1/numbers/link: use a number that the connection already holds. Raises FluentsError."""
        body = {
            "phone_number": phone_number,
            "telephony_account_connection": telephony_account_connection,
            **({"inbound_agent": inbound_agent} if inbound_agent else {}),
        }
        return self._write("/v1/numbers/link", body=body)

    def find_number(self, phone_number: str) -> RemoteNumber | None:
        """GET /v1/numbers: the number if the account owns it, None on a 404.

        A 404 does not tell an unowned number from an API without this path; `has_list` does.
        Raises OtherNumber where the answer is about another one, as of servers that ignore the filter.
        """
        name = "GET /v1/numbers"
        if not (asked := e164(phone_number)):
            raise Unsendable(request=name, detail="this isn't a phone number")
        try:
            answer = self._call("GET", "/v1/numbers", params={"phone_number": asked})
        except (NotFound, Unsupported):
            return None
        number = self._number(answer, name)
        if number.number != asked:
            raise OtherNumber(request=name, status=answer.status)
        return number

    def has_list(self) -> bool:
        """Whether this API lists owned numbers. Without that nothing can be looked up reliably."""
        try:
            self._call("GET", "/v1/numbers/list", params={"page": 1, "size": 1})
        except (NotFound, Unsupported):
            return False
        return True

    def owners(self) -> set[str]:
        """The `user_id` of some numbers, else of some agents; empty where none tells. Raises FluentsError."""
        for path in ("/v1/numbers/list", "/v1/agents/list"):
            try:
                answer = self._call("GET", path, params={"page": 1, "size": 10})
            except (NotFound, Unsupported):
                continue
            items = [item for item in items_of(answer, f"GET {path}") if isinstance(item, Mapping)]
            if found := {identity(item.get("user_id")) for item in items} - {""}:
                return found
        return set()

    def clock(self) -> datetime | None:
        """What time Fluents says that it is, None where it does not. Raises FluentsError.

        Any answer would tell, but this one also proves that the token is good.
        """
        answer = self._call("GET", "/v1/agents/list", params={"page": 1, "size": 1})
        return moment(answer.headers.get("Date"))

    def numbers(self, before_page: Callable[[], None] = lambda: None) -> Listing[RemoteNumber]:
        """GET /v1/numbers/list: every owned number, page by page. Raises Unsupported without it.

        `before_page` is run before each page.
        """
        return Listing(self.page, "/v1/numbers/list", RemoteNumber, before_page)

    def agents(self) -> Listing[Agent]:
        """GET /v1/agents/list."""
        return Listing(self.page, "/v1/agents/list", Agent)

    def connections(self) -> Listing[Connection]:
        """GET /v1/account_connections/list."""
        return Listing(self.page, "/v1/account_connections/list", Connection)

    def calls(self, page: int) -> CallPage:
        """GET /v1/calls/list: a page, the latest calls first. Raises Unsupported where the API has no calls.

        New calls push those of a page to the next one, so a call may be shown twice while pages are read.
        """
        answer = self.page(CALLS, page, sort_column="start_time", sort_desc="true", filters="")
        name = f"GET {CALLS}"
        items = items_of(answer, name)
        more = more_follows(answer, name, rows=PAGE_SIZE * (page - 1) + len(items), new=bool(items))
        calls = [call for item in items if (call := read_item(item, Call))]
        if any(one.start < other.start for one, other in pairwise(calls)):
            raise odd(name, "its calls aren't in the order asked for", answer.status)
        return CallPage(calls, len(items) - len(calls), more)

    def calls_between(self, line: str, other: str, *, since: datetime) -> list[Call]:
        """Calls from `other` to `line`, both of them ours, that began after `since`: each may be there twice,
        as a call that one makes and as one that the other gets. Raises FluentsError.
        """
        found: dict[str, Call] = {}
        for page in range(1, MOST_PAGES_OF_CALLS + 1):
            shown = self.page(CALLS, page, sort_column="start_time", sort_desc="true", filters="")
            items = [item for item in items_of(shown, f"GET {CALLS}") if isinstance(item, Mapping)]
            ways = ((e164(item.get("from_number")), e164(item.get("to_number")), item) for item in items)
            calls = [read_item(item, Call) for source, to, item in ways if (source, to) == (other, line)]
            found |= {call.id: call for call in calls if call and call.start >= since}
            starts = [at for item in items if (at := moment(item.get("start_time")))]
            rows = PAGE_SIZE * (page - 1) + len(items)
            more = more_follows(shown, f"GET {CALLS}", rows=rows, new=bool(items))
            if not more or (starts and min(starts) < since):
                return list(found.values())
        raise odd(f"GET {CALLS}", f"it has more than {MOST_PAGES_OF_CALLS} pages of new calls", 200)

    def place_call(
        self, *, line: str, to: str, agent: str, telephony_provider: str, connection: str, request_id: str
    ) -> None:
        """POST /v1/calls/create, once: call `to` from our own `line`, on which `agent` speaks.

        Spends money. Only other people than Fluents document it, so its answer is not relied on: the list of
        calls tells what came of it. Raises FluentsError.
        """
        body = {
            "from_number": line,
            "to_number": to,
            "agent_phone_number": line,
            "agent": agent,
            "telephony_provider": telephony_provider,
            "context": {},
            "telephony_params": {},
            **({"telephony_account_connection": connection} if connection else {}),
        }
        self._post(PLACE_CALL, body=body, request_id=request_id)

    def try_placing_no_call(self) -> None:
        """POST /v1/calls/create with nothing in it, which an API that places calls refuses as Invalid.

        Raises FluentsError. Where it does not, the API took it, for whatever.
        """
        self._post(PLACE_CALL, body={})

    def page(self, path: str, page: int, **params: str) -> Answer:
        """One page of a list. Raises Unsupported where the API does not have it."""
        try:
            return self._call("GET", path, params={"page": page, "size": PAGE_SIZE, **params})
        except NotFound as error:  # a list is never "not found"
            raise Unsupported(request=error.request, status=error.status, detail=error.detail) from None

    def available(
        self,
        *,
        telephony_provider: str,
        telephony_account_connection: str,
        area_code: str = "",
        contains: str = "",
        limit: int = 20,
    ) -> list[RemoteNumber]:
        """GET /v1/numbers/available: candidates, not held. Raises Unsupported where there is no search.

        `contains` are digits that a number must have somewhere behind its country code. The keys of
        `filters` are not documented, so the area code and the digits are checked here as well.
        """
        filters = {"area_code": area_code, "contains": contains}
        params = {
            "limit": limit,
            "telephony_provider": telephony_provider,
            "telephony_account_connection": telephony_account_connection,
            "filters": json.dumps({key: value for key, value in filters.items() if value}),
        }
        name = "GET /v1/numbers/available"
        try:
            answer = self._call("GET", "/v1/numbers/available", params=params)
        except NotFound as error:
            raise Unsupported(request=error.request, status=error.status, detail=error.detail) from None
        found = (read_item(item, RemoteNumber) for item in items_of(answer, name))
        return [
            offer
            for offer in found
            if offer and offer.number.startswith(f"+1{area_code}") and contains in offer.number[2:]
        ]

    def _call(self, method: str, path: str, **kwargs: Any) -> Answer:
        name = f"{method} {path}"
        if not self._auth:
            raise NotConfigured(request=name)
        self._before()
        reads: dict[str, Any] = {
            "session": self._session,
            "timeout": self._read_timeout,
            "retries": self._retries,
        }
        answer = call(
            **{**reads, **kwargs}, method=method, url=self._base_url + path, name=name, auth=self._auth
        )
        self.answered_by_sandbox = "X-Fluents-Sandbox" in answer.headers
        return answer

    def _write(self, path: str, **kwargs: Any) -> RemoteNumber:
        return self._number(self._post(path, **kwargs), f"POST {path}")

    def _post(self, path: str, *, request_id: str = "", **kwargs: object) -> Answer:
        """One POST on a connection of its own, never repeated; uncompressed, so that any part can be read."""
        headers = {"Connection": "close", "Accept-Encoding": "identity"}
        headers |= {"X-Request-Id": request_id} if request_id else {}
        with Session() as session:
            writes = {"session": session, "timeout": self._timeout, "retries": 0}
            return self._call("POST", path, headers=headers, **writes, **kwargs)

    @staticmethod
    def _number(answer: Answer, name: str) -> RemoteNumber:
        try:
            return RemoteNumber.from_json(answer.data, status=answer.status)
        except ValueError:
            found = evidence(answer.content)
            raise OutcomeUnknown(
                request=name, status=answer.status, detail=UNREADABLE, evidence=found
            ) from None


def _key(phone_number: str, id: str) -> dict[str, Any]:  # noqa: A002 -- the API's name
    """Which number is meant: the official pages ask for one of these keys, another source for the other."""
    return {"phone_number": phone_number} | ({"id": id} if id else {})
