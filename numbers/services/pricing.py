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
        about = {"telephony_provider": telephony_provider, "connection": telephony_account_connection}
        record(
            action="price.set",
            by=by,
            before=figures(before) if before else {},
            after=about | figures(price),
        )
    return price


def figures(price: Price) -> dict:
    return {"once": str(price.once), "monthly": str(price.monthly), "currency": price.currency}
