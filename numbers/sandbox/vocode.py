"""The dialect of the ancestor: requests and answers as the hosted API of Vocode had them.

Fluents kept its paths and changed its shapes. Here the endpoints stay as they are; what goes in and
what comes out is translated. The ancestor bought with nothing but an area code, answered 200 to
writes with everything nested, listed with ids alone, wrote numbers without "+", absent things as
null, and problems as ``{"detail": …}``.
"""

import json
from dataclasses import replace
from typing import Any

from . import stock
from .store import Store
from .wire import BUY_PATH, Answer, Request

#: What the ancestor did not have, and its calls, which nobody has translated yet.
ABSENT = ("/v1/numbers/available", "/v1/numbers/detach", "/v1/calls/list", "/v1/calls", "/v1/calls/create")
_AGENT_ONLY_HERE = ("label", "description", "enable_recording")


def connections(known: dict[str, dict]) -> dict[str, dict]:
    """Those of `known` whose type existed."""
    return {key: c for key, c in known.items() if c["type"] != "account_connection_telnyx"}


def heard(store: Store, request: Request) -> Request:
    """`request` with what the ancestor filled in automatically."""
    if not isinstance(request.body, dict) and request.path != BUY_PATH:
        return request
    body = dict(request.body) if isinstance(request.body, dict) else {}
    if body.get("inbound_agent") == "default":
        body["inbound_agent"] = next(iter(store.agents), None)
    if request.path == BUY_PATH:
        body.pop("phone_number", None)
        body.setdefault("telephony_provider", "vonage")
        if body.get("area_code") is None:
            body["area_code"] = stock.chance(store.stock.seed, request.n).choice(list(stock.CITIES))
    return replace(request, body=body)


def told(store: Store, request: Request, answer: Answer) -> Answer:
    """`answer` in the ancestor's words; one that a fault has spoilt stays as it is."""
    body = answer.body
    if answer.raw is not None or not isinstance(body, dict):
        return answer
    if answer.status >= 400:
        return _problem(answer)
    status = 200 if answer.status == 201 else answer.status
    if "items" in body:
        body = {**body, "items": [_listed(store, item) for item in body["items"]]}
    elif "number" in body:
        body = _number(store, body, nested=True)
    elif "prompt" in body:
        body = _agent(body)
    return replace(answer, status=status, body=body)


def _problem(answer: Answer) -> Answer:
    message = answer.body["message"]
    if answer.status != 400:
        return replace(answer, body={"detail": message})
    messages = message if isinstance(message, list) else [message]
    detail = [{"loc": ["body"], "msg": words, "type": "value_error"} for words in messages]
    return replace(answer, status=422, body={"detail": detail})


def _listed(store: Store, item: dict[str, Any]) -> dict[str, Any]:
    if "number" in item:
        return _number(store, item, nested=False)
    return _flat_agent(item) if "prompt" in item else item


def _number(store: Store, number: dict[str, Any], *, nested: bool) -> dict[str, Any]:
    agent = store.agents.get(_id(number.get("inbound_agent")) or "")
    connection = _id(number.get("telephony_account_connection"))
    if connection and stock.PROVIDERS.get(connection) == "telnyx":
        connection = None
    provider = number["telephony_provider"]
    context = number["example_context"].items()
    return {
        "id": number["id"],
        "user_id": number["user_id"],
        "active": number["active"],
        "label": number["label"],
        "inbound_agent": agent and (_agent(agent) if nested else agent["id"]),
        "outbound_only": number["outbound_only"],
        "example_context": {k: v if isinstance(v, str | None) else json.dumps(v) for k, v in context},
        "number": number["number"].removeprefix("+"),
        "telephony_provider": provider if provider == "twilio" else "vonage",
        "telephony_account_connection": connection
        and (next(c for c in stock.CONNECTIONS if c["id"] == connection) if nested else connection),
    }


def _id(value: Any) -> str | None:
    return value["id"] if isinstance(value, dict) else value


def _agent(agent: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in agent.items() if key not in _AGENT_ONLY_HERE}


def _flat_agent(agent: dict[str, Any]) -> dict[str, Any]:
    parts = ("prompt", "voice", "webhook", "openai_account_connection")
    actions = [action["id"] for action in agent["actions"]]
    return {**_agent(agent), **{key: agent[key]["id"] for key in parts}, "actions": actions}
