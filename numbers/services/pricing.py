"""Our own price table: Fluents names no price, so every figure made of it is an estimate."""

from decimal import Decimal

from django.db import transaction

from ..models import Connection, Price
from .history import By, record


class UnknownConnection(Exception):
    """No connection has that id; the text says so."""


def set_price(
    *,
    by: By,
    telephony_provider: str,
    telephony_account_connection: str = "",
    monthly: Decimal,
    once: Decimal = Decimal(),
    currency: str = "USD",
) -> Price:
    """Set the price of a provider's lines, or of those on one connection. Raises UnknownConnection."""
    connection = None
    if telephony_account_connection:
        connection = Connection.objects.filter(api_id=telephony_account_connection).first()
        if not connection or connection.telephony_provider != telephony_provider:
            raise UnknownConnection(
                f"There is no {telephony_provider} connection {telephony_account_connection}. Sync first."
            )
    key = {"telephony_provider": telephony_provider, "connection": connection}
    with transaction.atomic():
        before = Price.objects.filter(**key).first()
        figure = {"once": once, "monthly": monthly, "currency": currency}
        price, _ = Price.objects.update_or_create(**key, defaults=figure)
        tell_price(by=by, before=described(before), after=described(price))
    return price


def tell_price(*, by: By, before: dict, after: dict) -> None:
    """A change of the price table is in the history, whoever makes it; {} stands for no price."""
    record(action="price.changed", by=by, before=before, after=after)


def described(price: Price | None) -> dict:
    """All that PRICE says."""
    if not price:
        return {}
    return {
        "telephony_provider": price.telephony_provider,
        "connection": price.connection.api_id if price.connection else "",
        "once": str(price.once),
        "monthly": str(price.monthly),
        "currency": price.currency,
    }
