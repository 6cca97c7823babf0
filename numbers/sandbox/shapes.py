"""Rows of the store in the shapes that the API shows."""

import json
import sqlite3
import time
from typing import Any

from numbers.sandbox import stock
from numbers.sandbox.store import Store

_CONNECTIONS = {connection["id"]: connection for connection in stock.CONNECTIONS}


def normalized(store: Store, row: sqlite3.Row) -> dict[str, Any]:
    """What writes answer: ids in place of nested objects."""
    agent = store.agents.get(row["agent"])
    return {
        "id": row["id"],
        "user_id": stock.USER_ID,
        "number": row["number"],
        "active": row["active_at"] <= time.time(),
        "label": row["label"],
        "inbound_agent_name": agent and agent["name"],
        "outbound_only": bool(row["outbound_only"]),
        "example_context": json.loads(row["example_context"]),
        "telephony_provider": stock.PROVIDERS[row["connection"]],
        "description": row["description"],
        "inbound_agent": row["agent"],
        "telephony_account_connection": row["connection"],
    }


def nested(store: Store, row: sqlite3.Row) -> dict[str, Any]:
    """What reads answer: agent and connection in full, secrets included, plus undocumented fields."""
    number = normalized(store, row)
    del number["inbound_agent_name"]
    number["inbound_agent"] = store.agents.get(row["agent"])
    number["telephony_account_connection"] = connection(store, row["connection"])
    number["config"] = {}
    number["is_routing_number"] = False
    number["sms_enabled"] = bool(row["sms_enabled"])
    number["tags"] = json.loads(row["tags"])
    return number


def for_sale(store: Store, number: str, provider: str, connection_id: str | None) -> dict[str, Any]:
    """A number which nobody owns, in the shape of an owned one."""
    return {
        "id": stock.stable_id("offer", number),
        "user_id": stock.USER_ID,
        "number": number,
        "active": False,
        "label": "",
        "outbound_only": False,
        "example_context": {},
        "telephony_provider": provider,
        "description": "",
        "inbound_agent": None,
        "telephony_account_connection": connection_id and connection(store, connection_id),
        "config": {},
        "is_routing_number": False,
        "sms_enabled": False,
        "tags": [],
    }


def connection(store: Store, connection_id: str) -> dict[str, Any]:
    """A connection with the numbers that it holds at the moment."""
    with store.read() as db:
        rows = db.execute(
            "SELECT number FROM linkable WHERE connection = ? ORDER BY number", (connection_id,)
        )
        pool = [row["number"] for row in rows]
    return {**_CONNECTIONS[connection_id], "steering_pool": pool}


def envelope(items: list, page: int, size: int, total: int, *, estimated: bool = False) -> dict[str, Any]:
    return {
        "items": items,
        "page": page,
        "size": size,
        "has_more": page * size < total,
        "total": total,
        "total_is_estimated": estimated,
    }
