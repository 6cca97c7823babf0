"""Placing an order and calling it off."""

import logging
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet, Sum

from ..models import Line, Order, Price
from ..states import LineState
from . import gate
from .driving import ring
from .failpoints import reached
from .history import By, db_now, record
from .inventory import agent_for, connection_for
from .moves import LeaseLost, move

log = logging.getLogger("numbers.placing")

RUNG_AT_ONCE = 10  # the sweeper rings the others when their turn comes


class OverLimit(Exception):
    """An order would pass a limit; the text says which, and by how much."""


def place_order(
    *,
    by: By,
    form_token: str,
    telephony_provider: str,
    telephony_account_connection: str,
    area_code: str = "",
    phone_number: str = "",
    inbound_agent: str = "",
    quantity: int = 1,
) -> tuple[Order, bool]:
    """Write an order with its lines, event and doorbells in one transaction; nothing is bought here.

    One FORM_TOKEN makes one order: a second call returns the first one's order and False.
    Raises OverLimit.
    """
    wanted = {
        "telephony_provider": telephony_provider,
        "area_code": area_code,
        "wanted_number": phone_number,
    }
    asked = {"connection": telephony_account_connection, "agent": inbound_agent, "quantity": quantity}
    about = wanted | asked
    if order := Order.objects.filter(form_token=form_token).first():
        return order, False
    try:
        with transaction.atomic():
            now = db_now()
            gate.locked()  # orders race for the same limits, so they pass one at a time
            if order := Order.objects.filter(form_token=form_token).first():
                return order, False  # a second click must not meet the limit that the first one used up
            once, monthly = estimate(
                telephony_provider=telephony_provider,
                telephony_account_connection=telephony_account_connection,
                quantity=quantity,
            )
            check_limits(by=by, quantity=quantity, cost=once + monthly if once is not None else None)
            order = Order.objects.create(
                form_token=form_token,
                requested_by=by.user,
                requested_by_name=by.name,
                quantity=quantity,
                cost_once=once,
                cost_monthly=monthly,
                created_at=now,
            )
            connection = connection_for(
                api_id=telephony_account_connection, telephony_provider=telephony_provider
            )
            agent = agent_for(inbound_agent)
            lines = Line.objects.bulk_create(
                Line(order=order, position=i, connection=connection, agent=agent, due_at=turn, **wanted)
                for i, turn in enumerate(gate.turns(count=quantity, now=now), start=1)
            )
            record(action="order.placed", by=by, order=order, after=about)
            ring([line.pk for line in lines[:RUNG_AT_ONCE] if line.due_at <= now])
            reached("order.written")
    except OverLimit as error:
        record(action="order.refused", by=by, after=about, reason=str(error))
        raise
    except IntegrityError:
        if order := Order.objects.filter(form_token=form_token).first():
            return order, False
        raise
    log.info("order %s: %s lines", order.pk, quantity, extra={"order_id": order.pk})
    reached("order.committed")
    return order, True


def estimate(
    *, telephony_provider: str, telephony_account_connection: str, quantity: int, **_rest
) -> tuple[Decimal | None, Decimal | None]:
    """What QUANTITY lines cost once and a month by our own price table; (None, None) without a price."""
    price = price_of(
        telephony_provider=telephony_provider, telephony_account_connection=telephony_account_connection
    )
    return (price.once * quantity, price.monthly * quantity) if price else (None, None)


def price_of(*, telephony_provider: str, telephony_account_connection: str) -> Price | None:
    """The connection's price, or its provider's."""
    prices = Price.objects.filter(telephony_provider=telephony_provider)
    return (
        prices.filter(connection__api_id=telephony_account_connection).first()
        or prices.filter(connection=None).first()
    )


def check_limits(*, by: By, quantity: int, cost: Decimal | None) -> None:
    """Raise OverLimit when an order of QUANTITY lines is too much. A limit of 0 is none."""
    today = Order.objects.filter(created_at__gte=db_now() - timedelta(days=1))
    mine = today.filter(requested_by=by.user, requested_by_name=by.name)
    _limit("an order", settings.MAX_LINES_PER_ORDER, 0, quantity, "lines")
    _limit("a person and day", settings.MAX_LINES_PER_USER_DAY, lines_of(mine), quantity, "lines")
    _limit("a day", settings.MAX_LINES_PER_DAY, lines_of(today), quantity, "lines")
    if cost is None and (settings.MAX_COST_PER_ORDER or settings.MAX_COST_PER_DAY):
        raise OverLimit("There is a limit on cost, but the price table has no price for this order.")
    if cost is not None:
        spent = today.aggregate(once=Sum("cost_once"), monthly=Sum("cost_monthly"))
        before = (spent["once"] or 0) + (spent["monthly"] or 0)
        _limit("an order", settings.MAX_COST_PER_ORDER, 0, cost, "estimated cost")
        _limit("a day", settings.MAX_COST_PER_DAY, before, cost, "estimated cost")


def lines_of(orders: QuerySet[Order]) -> int:
    """Lines asked for in ORDERS; those that were called off or not bought do not count."""
    given_back = [LineState.CANCELLED, LineState.FAILED]
    return Line.objects.filter(order__in=orders).exclude(state__in=given_back).count()


def cancel_line(*, line_id: int, by: By) -> bool:
    """Call a line off if nothing was sent for it yet. False when it was too late."""
    line = Line.objects.get(pk=line_id)
    if not line.is_cancellable:
        return False
    try:
        # The new generation makes a worker that has the line at hand notice before it sends.
        move(
            line,
            LineState.CANCELLED,
            by=by,
            reason="Cancelled before anything was sent.",
            generation=line.generation + 1,
        )
    except LeaseLost:
        return False
    return True


def _limit(of: str, most: float, before: float, more: float, what: str) -> None:
    if most and before + more > most:
        used = f", {before} are used" if before else ""
        raise OverLimit(f"The limit of {what} for {of} is {most:g}{used}. This order asks for {more}.")
