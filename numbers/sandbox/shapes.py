"""Rows of the store in the shapes that the API shows. What a number does not have is left out, never null."""

import json
import sqlite3
import time
from typing import Any

from . import stock
from .store import Store
from .wire import Answer, ApiError, problem

CONNECTIONS = {connection["id"]: connection for connection in stock.CONNECTIONS}


def normalized(store: Store, row: sqlite3.Row) -> dict[str, Any]:
    """What writes answer: ids in place of nested objects."""
    agent = store.agents.get(row["agent"])
    return {
        "id": row["id"],
        "user_id": stock.USER_ID,
        "number": row["number"],
        "active": row["active_at"] <= time.time(),
        "label": row["label"],
        "outbound_only": bool(row["outbound_only"]),
        "example_context": json.loads(row["example_context"]),
        "description": row["description"],
        **_agent(agent and agent["id"], agent),
        **_connection(row["provider"], row["connection"]),
    }


def nested(store: Store, row: sqlite3.Row) -> dict[str, Any]:
    """What reads answer: agent and connection in full, secrets included, plus undocumented fields."""
    number = detailed(store, row)
    number.pop("inbound_agent_name", None)
    number["config"] = {}
    number["is_routing_number"] = False
    number["sms_enabled"] = bool(row["sms_enabled"])
    number["tags"] = json.loads(row["tags"])
    return number


def detailed(store: Store, row: sqlite3.Row) -> dict[str, Any]:
    """What giving a number back answers: everything in full, and the agent's name beside the agent."""
    agent = store.agents.get(row["agent"])
    return {
        **normalized(store, row),
        **_agent(agent, agent),
        **_connection(row["provider"], row["connection"] and connection(store, row["connection"])),
    }


def for_sale(store: Store, number: str, provider: str, connection_id: str | None) -> dict[str, Any]:
    """A number which nobody owns, in the shape of an owned one: with the first agent, as documented."""
    agent = next(iter(store.agents.values()), None)
    return {
        "id": stock.stable_id("offer", number),
        "user_id": stock.USER_ID,
        "number": number,
        "active": False,
        "label": "",
        "outbound_only": False,
        "example_context": {},
        "description": "",
        **_agent(agent, agent),
        **_connection(provider, connection_id and connection(store, connection_id)),
    }


def _agent(shown: Any, agent: dict[str, Any] | None) -> dict[str, Any]:
    return {"inbound_agent": shown, "inbound_agent_name": agent["name"]} if agent else {}


def _connection(provider: str, shown: Any) -> dict[str, Any]:
    return {"telephony_provider": provider} | ({"telephony_account_connection": shown} if shown else {})


def connection(store: Store, connection_id: str) -> dict[str, Any]:
    """A connection with the numbers that it holds at the moment."""
    with store.read() as db:
        rows = db.execute(
            "SELECT number FROM linkable WHERE connection = ? ORDER BY number", (connection_id,)
        )
        pool = [row["number"] for row in rows]
    return {**CONNECTIONS[connection_id], "steering_pool": pool}


def refusal(store: Store, error: ApiError) -> Answer:
    """Documented is a string. The framework's validator can also send one string a mistake."""
    message = error.message
    if isinstance(message, list) and not store.config["list_messages"]:
        message = ", ".join(message)
    return problem(error.status, message)


def envelope(items: list, page: int, size: int, total: int, *, estimated: bool = False) -> dict[str, Any]:
    return {
        "items": items,
        "page": page,
        "size": size,
        "has_more": page * size < total,
        "total": total,
        "total_is_estimated": estimated,
    }
