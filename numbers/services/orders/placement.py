"""Placing an order and calling it off."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import batched

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet, Sum

from ..models import Connection, Line, Order, Price
from ..states import CANCELLABLE, PUT_OFF, ApprovalState, LineState
from . import approving, gate
from .driving import ring_first
from .failpoints import reached
from .history import By, db_now, record
from .inventory import agents_for, connection_for
from .moves import LeaseLost, move
from .wants import Want, count_of, in_words

log = logging.getLogger("numbers.placing")

PORTION = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What lines cost by our own price table, once and a month; None without a price."""

    once: Decimal | None = None
    monthly: Decimal | None = None
    currency: str = "USD"

    @property
    def total(self) -> Decimal | None:
        """What they come to in their first month, as far as it is known."""
        return None if self.once is None else self.once + self.monthly


class NotPlaced(Exception):
    """An order that cannot be placed as it stands; the text says why, for people."""


class OverLimit(NotPlaced):
    """An order would pass a limit; the text says which, and by how much."""


class PriceChanged(NotPlaced):
    """An order would cost something else than the person was shown."""


class TriedAgain(NotPlaced):
    """What an order is missing was asked for again already."""


def place_order(
    *,
    by: By,
    form_token: str,
    telephony_provider: str,
    telephony_account_connection: str,
    wants: Sequence[Want] = (),
    shown: Cost | None = None,
    again_of: Order | None = None,
    **want,
) -> tuple[Order, bool]:
    """Write an order with its lines, event and doorbells in one transaction; nothing is bought here.

    Where another person must approve it, its lines are put off until then.
    What is wanted are WANTS, or one alone as keywords of `Want`. SHOWN is the estimate that the person saw.
    One FORM_TOKEN makes one order: a second call returns the first one's order and False.
    Raises NotPlaced.
    """
    if order := Order.objects.filter(form_token=form_token).first():
        return order, False
    wants = list(wants) or [Want(**want)]
    quantity = count_of(wants)
    about = asked_for(wants, telephony_provider=telephony_provider)
    about |= {"connection": telephony_account_connection, "quantity": quantity}
    try:
        with transaction.atomic():
            now = db_now()
            gate.locked()  # orders race for the same limits, so they pass one at a time
            if order := Order.objects.filter(form_token=form_token).first():
                return order, False  # a second click must not meet the limit that the first one used up
            cost = estimate(
                telephony_provider=telephony_provider,
                telephony_account_connection=telephony_account_connection,
                quantity=quantity,
            )
            if shown is not None and shown != cost:
                raise PriceChanged("The price table has changed since this page was made.")
            check_limits(by=by, quantity=quantity, cost=cost.total)
            if again_of and (later := again_of.tried_again.first()):
                raise TriedAgain(f"What {again_of} is missing was ordered again already, in {later}.")
            why = approving.why_asked(quantity=quantity, cost=cost.total)
            order = Order.objects.create(
                form_token=form_token,
                requested_by=by.user,
                requested_by_name=by.name,
                quantity=quantity,
                cost_once=cost.once,
                cost_monthly=cost.monthly,
                currency=cost.currency,
                again_of=again_of,
                approval=ApprovalState.WAITING if why else ApprovalState.NOT_NEEDED,
                created_at=now,
            )
            connection = connection_for(
                api_id=telephony_account_connection, telephony_provider=telephony_provider
            )
            lines = Line.objects.bulk_create(
                lines_for(order, wants, connection=connection, telephony_provider=telephony_provider, now=now)
            )
            record(action="order.placed", by=by, order=order, after=about)
            if why:
                approving.ask(order, by=by, why=why)
            ring_first(lines, now=now)
            reached("order.written")
    except NotPlaced as error:
        record(action="order.refused", by=by, after=about, reason=str(error))
        raise
    except IntegrityError:
        if order := Order.objects.filter(form_token=form_token).first():
            return order, False
        raise
    log.info("order %s: %s lines", order.pk, quantity, extra={"order_id": order.pk})
    reached("order.committed")
    return order, True


def lines_for(
    order: Order, wants: Sequence[Want], *, connection: Connection, telephony_provider: str, now: datetime
) -> Iterator[Line]:
    """A line for each number that WANTS ask for, each with its turn at the gate, or put off."""
    agents = agents_for({want.inbound_agent for want in wants})
    waits = order.approval == ApprovalState.WAITING
    turns = [PUT_OFF] * order.quantity if waits else gate.turns(count=order.quantity, now=now)
    each = (want for want in wants for _ in range(want.quantity))
    for position, (want, turn) in enumerate(zip(each, turns, strict=True), start=1):
        yield Line(
            order=order,
            position=position,
            telephony_provider=telephony_provider,
            connection=connection,
            agent=agents.get(want.inbound_agent),
            area_code=want.area_code,
            wanted_number=want.phone_number,
            label=want.label,
            tags=sorted(want.tags),
            due_at=turn,
            reason=approving.WAITS if waits else "",
        )


def asked_for(wants: Sequence[Want], *, telephony_provider: str) -> dict:
    """What the history keeps of WANTS; the lines have all of it."""
    if len(wants) > 1:
        what = in_words([(want.area_code, want.quantity) for want in wants])
        return {"telephony_provider": telephony_provider, "what": what}
    (want,) = wants
    return {
        "telephony_provider": telephony_provider,
        "area_code": want.area_code,
        "wanted_number": want.phone_number,
        "agent": want.inbound_agent,
    }


def estimate(*, telephony_provider: str, telephony_account_connection: str, quantity: int) -> Cost:
    """What QUANTITY lines cost by our own price table."""
    price = price_of(
        telephony_provider=telephony_provider, telephony_account_connection=telephony_account_connection
    )
    if not price:
        return Cost()
    return Cost(once=price.once * quantity, monthly=price.monthly * quantity, currency=price.currency)


def price_of(*, telephony_provider: str, telephony_account_connection: str) -> Price | None:
    """The connection's price, or its provider's."""
    own = Q(connection__api_id=telephony_account_connection)
    prices = Price.objects.filter(own | Q(connection=None), telephony_provider=telephony_provider)
    return prices.order_by(F("connection").asc(nulls_last=True)).first()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit that is set: how much it allows, and how much of that is used."""

    of: str  # "a day"
    what: str  # "lines"
    most: float
    used: float | Decimal

    @property
    def left(self) -> float | Decimal:
        return max(0, type(self.used)(self.most) - self.used)


def limits(*, by: By) -> list[Limit]:
    """The limits that bind the next order of BY. A setting of 0 is no limit."""
    today = Order.objects.filter(created_at__gte=db_now() - timedelta(days=1))
    mine = today.filter(requested_by=by.user, requested_by_name=by.name)
    found = [
        ("an order", "lines", settings.MAX_LINES_PER_ORDER, lambda: 0),
        ("a person and day", "lines", settings.MAX_LINES_PER_USER_DAY, lambda: lines_of(mine)),
        ("a day", "lines", settings.MAX_LINES_PER_DAY, lambda: lines_of(today)),
        ("an order", "estimated cost", settings.MAX_COST_PER_ORDER, Decimal),
        ("a day", "estimated cost", settings.MAX_COST_PER_DAY, lambda: cost_of(today)),
    ]
    return [Limit(of=of, what=what, most=most, used=used()) for of, what, most, used in found if most]


def check_limits(*, by: By, quantity: int, cost: Decimal | None) -> None:
    """Raise OverLimit when an order of QUANTITY lines is too much."""
    for limit in limits(by=by):
        if (more := quantity if limit.what == "lines" else cost) is None:
            raise OverLimit("There is a limit on cost, but the price table has no price for this order.")
        if limit.used + more > limit.most:
            used = f", {limit.used} are used" if limit.used else ""
            limited = f"The limit of {limit.what} for {limit.of} is {limit.most:g}{used}."
            raise OverLimit(f"{limited} This order asks for {more}.")


def cost_of(orders: QuerySet[Order]) -> Decimal:
    """What ORDERS cost in their first month, as far as it is known."""
    refused = [ApprovalState.REFUSED, ApprovalState.WITHDRAWN]
    spent = orders.exclude(approval__in=refused).aggregate(once=Sum("cost_once"), monthly=Sum("cost_monthly"))
    return (spent["once"] or Decimal()) + (spent["monthly"] or Decimal())


def lines_of(orders: QuerySet[Order]) -> int:
    """Lines asked for in ORDERS; those that were called off or not bought do not count."""
    given_back = [LineState.CANCELLED, LineState.FAILED]
    return Line.objects.filter(order__in=orders).exclude(state__in=given_back).count()


def cancel_line(*, line_id: int, by: By) -> bool:
    """Call a line off if nothing was sent for it yet. False when it was too late."""
    with transaction.atomic():
        order = approving.lock(Line.objects.values_list("order", flat=True).get(pk=line_id))
        cancelled = call_off(line_id=line_id, by=by)
        approving.withdraw_if_empty(order, by=by)
    return cancelled


def call_off(*, line_id: int, by: By) -> bool:
    """`cancel_line` for a line whose order the caller has locked."""
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


def cancel_rest(*, order_id: int, by: By) -> int:
    """Call off every line of an order that nothing was sent for yet; how many that were."""
    waiting = Line.objects.filter(order=order_id, state__in=CANCELLABLE)
    # From the end, as the worker takes lines from the front; in portions, as each commit costs time.
    count = 0
    for portion in batched(waiting.order_by("-position").values_list("pk", flat=True), PORTION):
        with transaction.atomic():
            order = approving.lock(order_id)
            count += sum(call_off(line_id=pk, by=by) for pk in portion)
            approving.withdraw_if_empty(order, by=by)
    return count
