"""Our own price table: Fluents names no price, so every figure made of it is an estimate."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from numbers.db.clock import db_now
from numbers.models import Connection, Order, Price
from numbers.permissions import Right
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.errors import NotDone

CENT = Decimal("0.01")


class WrongPrice(NotDone):
    """A price that cannot be set; the text says why, for people."""


class PastPrice(WrongPrice):
    """A price cannot begin before today."""


class UnknownConnection(WrongPrice):
    """No connection has that id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What lines cost by our own price table, once and a month; None without a price."""

    once: Decimal | None = None
    monthly: Decimal | None = None
    currency: str = "USD"

    @property
    def counted(self) -> Decimal | None:
        """What counts against limits: the first month in LIMIT_CURRENCY; None where no price is in it."""
        if self.once is None or self.monthly is None or self.currency != settings.LIMIT_CURRENCY:
            return None
        return self.once + self.monthly


def estimate(*, telephony_provider: str, telephony_account_connection: str, quantity: int) -> Cost:
    """What `quantity` lines cost by our own price table."""
    price = price_of(
        telephony_provider=telephony_provider, telephony_account_connection=telephony_account_connection
    )
    if not price:
        return Cost()
    return Cost(once=price.once * quantity, monthly=price.monthly * quantity, currency=price.currency)


def price_of(*, telephony_provider: str, telephony_account_connection: str) -> Price | None:
    """The connection's price, or its provider's."""
    own = Q(connection__api_id=telephony_account_connection)
    prices = Price.objects.in_force()
    return prices.filter(own | Q(connection=None), telephony_provider=telephony_provider).first()


class PriceTable(dict[tuple[str, int | None], Price]):
    """The prices that are in force, by provider and the key of a connection (None: its others)."""

    def find(self, telephony_provider: str, connection: int | None) -> Price | None:
        """The connection's price, or its provider's."""
        return self.get((telephony_provider, connection)) or self.get((telephony_provider, None))


def price_table() -> PriceTable:
    table = PriceTable()
    for price in Price.objects.in_force():
        table.setdefault((price.telephony_provider, price.connection_id), price)
    return table


class PriceHistory:
    """Every price that ever counted, to be asked about a day. Read once: the table is small."""

    def __init__(self) -> None:
        self._prices: dict[tuple[str, int | None], list[Price]] = {}
        for price in Price.objects.order_by("valid_from"):
            self._prices.setdefault((price.telephony_provider, price.connection_id), []).append(price)

    def on(self, day: date, telephony_provider: str, connection: int | None) -> Price | None:
        """The price of a line that day: the connection's, or its provider's."""
        return next(reversed(self.within(day, day, telephony_provider, connection)), None)

    def within(self, first: date, last: date, telephony_provider: str, connection: int | None) -> list[Price]:
        """The prices of a line on the days from `first` to `last`, oldest first."""
        found: list[Price] = []
        own = self._prices.get((telephony_provider, connection), [])
        others = self._prices.get((telephony_provider, None), []) if connection else []
        for prices in (own, others):
            begun = [price for price in prices if price.valid_from <= last]
            before = [price for price in begun if price.valid_from <= first][-1:]
            found = [*before, *(price for price in begun if price.valid_from > first), *found]
            if before:  # all days have a price
                break
        return sorted(found, key=lambda price: (price.connection_id is not None, price.valid_from))


def price_a_line(order: Order) -> tuple[Decimal | None, Decimal | None]:
    """The estimate for each line of `order`, once and a month: all of its lines are on one connection."""
    if order.cost_once is None or order.cost_monthly is None:
        return None, None
    count = Decimal(order.quantity)
    return (order.cost_once / count).quantize(CENT), (order.cost_monthly / count).quantize(CENT)


@needs(Right.PRICES)
def set_price(
    *,
    by: Actor,
    telephony_provider: str,
    telephony_account_connection: str = "",
    monthly: Decimal,
    once: Decimal = Decimal(),
    currency: str = "USD",
    valid_from: date | None = None,
) -> Price:
    """Set the price of a provider's lines, or of those on one connection, from a day on (none: today).

    A second price for the same day takes the place of the first. Raises WrongPrice, and PermissionDenied
    where `by` may not keep the table.
    """
    valid_from = valid_from or timezone.localdate()
    if valid_from < timezone.localdate():
        raise PastPrice("A price must start today or later. Past estimates don't change.")
    connection = None
    if telephony_account_connection:
        connection = Connection.objects.filter(api_id=telephony_account_connection).first()
        if not connection or connection.telephony_provider != telephony_provider:
            raise UnknownConnection(
                f"There's no {telephony_provider} connection {telephony_account_connection}. Sync first."
            )
    key = {"telephony_provider": telephony_provider, "connection": connection, "valid_from": valid_from}
    with transaction.atomic():
        price = Price.objects.select_for_update(of=("self",)).filter(**key).first()
        before, price = described(price), price or Price(**key)
        price.once, price.monthly, price.currency = once, monthly, currency
        price.set_by_name, price.set_at = by.name, db_now()
        try:
            price.full_clean()
        except ValidationError as error:
            raise WrongPrice(" ".join(error.messages)) from error
        price.save()
        tell_price(by=by, before=before, after=described(price))
    return price


@needs(Right.PRICES)
def remove_price(*, by: Actor, price_id: int) -> bool:
    """Take back a price that has not begun; False where it has, or is gone."""
    with transaction.atomic():
        price = Price.objects.select_for_update(of=("self",)).filter(pk=price_id).first()
        if not price or price.valid_from <= timezone.localdate():
            return False
        tell_price(by=by, before=described(price), after={})
        price.delete()
    return True


def tell_price(*, by: Actor, before: dict, after: dict) -> None:
    """A change of the price table is in the history, however it is made; {} stands for no price."""
    record_event(action="price.changed", by=by, before=before, after=after)


def described(price: Price | None) -> dict:
    """All that `price` says."""
    if not price:
        return {}
    return {
        "telephony_provider": price.telephony_provider,
        "connection": price.connection.api_id if price.connection else "",
        "once": str(price.once),
        "monthly": str(price.monthly),
        "currency": price.currency,
        "valid_from": price.valid_from.isoformat(),
    }
