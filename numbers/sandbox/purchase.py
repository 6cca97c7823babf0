"""The rules of buying: what is accepted, which number is taken, what is charged."""

import re
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from . import shapes, stock
from .store import Store
from .wire import Answer, ApiError

_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_AREA_CODE = re.compile(r"\d{3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Order:
    """A purchase that passed validation. ``agent`` and ``connection`` are ids."""

    area_code: str | None
    phone_number: str | None
    provider: str
    connection: str | None
    agent: str | None
    request_id: str | None


def parse(store: Store, body: Any, request_id: str | None) -> Order:
    """Checks a buy body. Raises ApiError 400 or 404."""
    body = body if isinstance(body, dict) else {}
    wrong = _text_problems("telephony_provider", body.get("telephony_provider"), required=True)
    connection = body.get("telephony_account_connection")
    needed = store.config["dialect"] == "fluents"  # the ancestor sold numbers of its own, too
    wrong += _text_problems("telephony_account_connection", connection, required=needed)
    for name in ("area_code", "phone_number", "inbound_agent"):
        wrong += _text_problems(name, body.get(name), required=False)
    area_code, phone_number = body.get("area_code"), body.get("phone_number")
    if isinstance(area_code, str) and not _AREA_CODE.fullmatch(area_code):
        wrong.append("area_code must be 3 digits")
    if isinstance(phone_number, str) and not _E164.fullmatch(phone_number):
        wrong.append("phone_number must be a valid phone number in E.164 format")
    if area_code is None and phone_number is None:
        wrong.append("either area_code or phone_number should be given")
    if wrong:
        raise ApiError(400, wrong)
    provider = body["telephony_provider"]
    connection = connection and telephony_connection(connection, provider)
    agent = find_agent(store, body.get("inbound_agent"))
    return Order(area_code, phone_number, provider, connection, agent, request_id)


def _text_problems(name: str, value: Any, *, required: bool) -> list[str]:
    if value is None or value == "":
        return [f"{name} should not be empty"] if required or value == "" else []
    return [] if isinstance(value, str) else [f"{name} must be a string"]


def telephony_connection(connection_id: str, provider: str | None = None) -> str:
    """The id of a connection that can hold numbers of ``provider``.

    Raises ApiError: 404 unknown, 400 not for telephony or of another provider.
    """
    if all(connection["id"] != connection_id for connection in stock.CONNECTIONS):
        raise ApiError(404, f"Account connection {connection_id} not found")
    if connection_id not in stock.PROVIDERS:
        raise ApiError(400, f"Account connection {connection_id} is not a telephony connection")
    if provider is not None and provider != stock.PROVIDERS[connection_id]:
        raise ApiError(400, f"Account connection {connection_id} is not a {provider} connection")
    return connection_id


def find_agent(store: Store, key: str | None) -> str | None:
    """The agent's id from its id or its name. Raises ApiError: 404 unknown, 400 name not unique."""
    if key is None or key in store.agents:
        return key
    found = [agent["id"] for agent in store.agents.values() if agent["name"] == key]
    if not found:
        raise ApiError(404, f"Agent {key} not found")
    if len(found) > 1:
        raise ApiError(400, f"More than one agent is named {key}")
    return found[0]


def choose(db: sqlite3.Connection, store: Store, order: Order) -> str:
    """The number that this order is about. Raises ApiError 404."""
    if order.phone_number is not None:
        if not store.is_known(db, order.phone_number):
            raise ApiError(404, f"Phone number {order.phone_number} is not available")
        return order.phone_number
    free = store.free(db, order.area_code or "")
    if not free:
        raise ApiError(404, f"No numbers available in area code {order.area_code}")
    return stock.chance(store.stock.seed, "pick", order.area_code, len(free)).choice(free)


def settle(
    db: sqlite3.Connection, store: Store, order: Order, number: str, *, active_at: float = 0.0
) -> sqlite3.Row:
    """Makes ``number`` ours and charges it, or does what ``repeat_buy`` says if it is ours.

    Raises ApiError 409. The message does not tell who has the number; the client has to look.
    """
    row = store.owned(db, number)
    rule = store.config["repeat_buy"]
    if (row is not None and rule == "conflict") or (row is None and store.is_sold(db, number)):
        raise taken(number)
    if row is not None and rule == "ok":
        return row
    now = time.time()
    if row is None:
        fields = {"provider": order.provider, "agent": order.agent}
        row = store.add(db, number, order.connection, **fields, active_at=active_at, bought_at=now)
    db.execute(
        "INSERT INTO charges (at, number, number_id, telephony_provider, telephony_account_connection,"
        " area_code, phone_number, request_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            now,
            number,
            row["id"],
            order.provider,
            order.connection,
            order.area_code,
            order.phone_number,
            order.request_id,
        ),
    )
    return row


def taken(number: str) -> ApiError:
    return ApiError(409, f"Phone number {number} is already taken")


def buy(
    db: sqlite3.Connection, store: Store, body: Any, request_id: str | None, *, active_at: float = 0.0
) -> sqlite3.Row:
    """One whole purchase inside the caller's transaction. Raises ApiError; then nothing has changed."""
    order = parse(store, body, request_id)
    return settle(db, store, order, choose(db, store, order), active_at=active_at)


def bought(store: Store, row: sqlite3.Row) -> Answer:
    return Answer(201, shapes.normalized(store, row))
