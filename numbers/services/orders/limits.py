"""How much may be ordered, and from how much on another person is asked: a limit never adds two currencies.

Limits are in lines, or in LIMIT_CURRENCY. What has no price in that currency counts as unpriced.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from numbers.currencies import priced
from numbers.db.clock import db_now
from numbers.models import Order
from numbers.services.audit.events import Actor
from numbers.services.errors import NotDone
from numbers.services.purchasing.clearance import asked_for_approval
from numbers.states import LineState

GIVEN_BACK = [LineState.CANCELLED, LineState.FAILED]  # lines that cost nothing


class NotPlaced(NotDone):
    """An order that cannot be placed as it stands; the text says why, for people."""


class OverLimit(NotPlaced):
    """An order would pass a limit; the text says which, and by how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What orders came to so far: lines, and the cost of the first month that is known in LIMIT_CURRENCY."""

    lines: int = 0
    cost: Decimal = Decimal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit that is set: how much it allows, and how much of that is used."""

    of: str  # "per day"
    what: str  # "lines"
    most: Decimal
    used: Decimal
    currency: str = ""  # none for lines

    @property
    def left(self) -> Decimal:
        return max(Decimal(0), self.most - self.used)

    def words(self, amount: Decimal | int) -> str:
        """`amount` of what this limits: "2 lines", "$8.50"."""
        if self.currency:
            return priced(amount, self.currency)
        return f"{amount:,g} line{'' if amount == 1 else 's'}"


def orders_of(by: Actor) -> QuerySet[Order]:
    """What `by` has ordered: the account, whatever it is called by now, or commands of that origin."""
    if by.user:
        return Order.objects.filter(requested_by=by.user)
    return Order.objects.filter(requested_by=None, requested_by_name=by.name)


def used(orders: QuerySet[Order]) -> Used:
    """What `orders` came to. Lines that were called off or not bought count for nothing."""
    live = Count("lines", filter=~Q(lines__state__in=GIVEN_BACK))
    lines, cost = 0, Decimal()
    rows = orders.order_by().annotate(live=live)
    for row in rows.values_list("live", "quantity", "cost_once", "cost_monthly", "currency"):
        count, quantity, once, monthly, currency = row
        lines += count
        if once is not None and monthly is not None and currency == settings.LIMIT_CURRENCY:
            cost += (once + monthly) * count / quantity
    return Used(lines=lines, cost=cost.quantize(Decimal("0.01")))


def limits(*, by: Actor) -> list[Limit]:
    """The limits that bind the next order of `by`. A setting of 0 is no limit."""
    since = db_now() - timedelta(days=1)
    today = Order.objects.filter(created_at__gte=since)
    found: list[tuple[str, str, float, Callable[[], int | Decimal]]] = [
        ("per order", "lines", settings.MAX_LINES_PER_ORDER, int),
        (
            "per person per day",
            "lines",
            settings.MAX_LINES_PER_USER_DAY,
            lambda: used(orders_of(by).filter(created_at__gte=since)).lines,
        ),
        ("per day", "lines", settings.MAX_LINES_PER_DAY, lambda: used(today).lines),
        ("per order", "estimated cost", settings.MAX_COST_PER_ORDER, Decimal),
        ("per day", "estimated cost", settings.MAX_COST_PER_DAY, lambda: used(today).cost),
    ]
    return [
        Limit(
            of=of,
            what=what,
            most=Decimal(str(most)),
            used=Decimal(so_far()),
            currency="" if what == "lines" else settings.LIMIT_CURRENCY,
        )
        for of, what, most, so_far in found
        if most
    ]


def check_limits(*, by: Actor, quantity: int, cost: Decimal | None) -> None:
    """Raise OverLimit when an order of `quantity` lines, at that `cost` in LIMIT_CURRENCY, is too much."""
    for limit in limits(by=by):
        if (more := quantity if limit.what == "lines" else cost) is None:
            raise OverLimit(
                f"There's a cost limit, but our price table has no price in {limit.currency} for this order."
            )
        if limit.used + more > limit.most:
            used = f", {limit.words(limit.used)} used" if limit.used else ""
            most, needed = limit.words(limit.most), limit.words(more)
            raise OverLimit(f"The limit is {most} {limit.of}{used}. This order needs {needed}.")


def why_asked(*, by: Actor, quantity: int, cost: Decimal | None) -> str:
    """Which limit an order of `quantity` lines passes, so that another person must approve it, or "".

    `cost` is in LIMIT_CURRENCY. What `by` has ordered lately without approval counts with it, as several
    small orders would pass otherwise.
    """
    most, most_cost, currency = settings.APPROVAL_LINES, settings.APPROVAL_COST, settings.LIMIT_CURRENCY
    if not (most or most_cost):
        return ""
    before = used(lately_without_approval(by))
    together = f", including orders in the last {settings.APPROVAL_HOURS:g} hours" if before.lines else ""
    if most and before.lines + quantity > most:
        return f"Over {most:,} lines{together}"
    if most_cost and cost is None:
        return f"No price in {currency} is set for it"
    if most_cost and cost is not None and before.cost + cost > most_cost:
        return f"Over an estimated {priced(most_cost, currency)} for the first month{together}"
    return ""


def lately_without_approval(by: Actor) -> QuerySet[Order]:
    """What `by` ordered within APPROVAL_HOURS that nobody had to approve, as the history tells."""
    since = db_now() - timedelta(hours=settings.APPROVAL_HOURS)
    asked = asked_for_approval().filter(order=OuterRef("pk"))
    return orders_of(by).filter(~Exists(asked), created_at__gt=since)
