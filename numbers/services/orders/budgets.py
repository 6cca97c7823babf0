"""What lines may cost a month: all of them (BUDGET_MONTH), and those with a tag that has a budget of its own.

Used is what our lines and those being bought cost a month by today's prices, and the setup fees of the lines
ordered this month, all in LIMIT_CURRENCY; what waits for approval counts once it is approved. An order that
would pass a budget waits until another person has approved it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Count, QuerySet

from numbers.currencies import priced
from numbers.db.clock import db_now
from numbers.models import Budget, Connection, Line, Number, Tag
from numbers.permissions import Right
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.rights import needs
from numbers.services.errors import NotDone
from numbers.states import FINAL, OURS, ApprovalState

from .items import Want, count_of
from .limits import GIVEN_BACK
from .prices import CENT, Cost, PriceTable, price_table

WARN = Decimal("0.8")  # of a budget
MOST = Decimal(10_000_000_000)


class WrongBudget(NotDone):
    """A budget that cannot be set; the text says why, for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How much of a budget is used, and how much an order would add. tag: "" for that of all lines."""

    tag: str
    most: Decimal
    used: Decimal
    added: Decimal = Decimal()

    @property
    def percent(self) -> int:
        """Of the budget, with what is added; rounded down, so that 100 is never said too early."""
        return int(100 * (self.used + self.added) / self.most)

    @property
    def is_near(self) -> bool:
        """Whether people should be warned."""
        return self.used + self.added >= WARN * self.most

    @property
    def is_over(self) -> bool:
        return self.used + self.added > self.most

    @property
    def is_full(self) -> bool:
        """Whether every order is held from now on."""
        return self.used >= self.most

    @property
    def name(self) -> str:
        return f"the monthly budget for “{self.tag}”" if self.tag else "the monthly budget"

    @property
    def words(self) -> str:
        """ "Over the monthly budget of $100.00: $96.00 used, $9.20 more"."""
        currency = settings.LIMIT_CURRENCY
        most, used = priced(self.most, currency), priced(self.used, currency)
        if self.is_over:
            more = f", {priced(self.added, currency)} more" if self.added else ""
            return f"Over {self.name} of {most}: {used} used{more}"
        after = priced(self.used + self.added, currency)
        return f"{self.percent}% of {self.name}: {after} of {most}"


def budgets() -> dict[str, Decimal]:
    """All budgets by tag; "" is that of all lines. A setting of 0 is none."""
    most = Decimal(str(settings.BUDGET_MONTH))
    found = {"": most} if most else {}
    return found | dict(Budget.objects.values_list("tag__name", "amount"))


def standings(*, wants: Sequence[Want] = (), cost: Cost | None = None) -> list[Standing]:
    """Every budget; with `wants`, those that an order of these counts against, and what it would add."""
    most = budgets()
    lines = Counter({"": count_of(wants)})
    for want in wants:
        lines.update(dict.fromkeys(want.tags, want.quantity))
    if wants:
        most = {tag: amount for tag, amount in most.items() if tag in lines}
    each = cost.counted / lines[""] if wants and cost and cost.counted is not None else Decimal()
    used = used_of(most) if most else {}
    return [
        Standing(tag=tag, most=amount, used=used[tag], added=(each * lines[tag]).quantize(CENT))
        for tag, amount in sorted(most.items())
    ]


def standings_at(used: Mapping[str, str]) -> list[Standing]:
    """Every budget, with what was `used` of it when that was counted in the background."""
    return [
        Standing(tag=tag, most=amount, used=Decimal(used.get(tag, 0)))
        for tag, amount in sorted(budgets().items())
    ]


def why_held(*, wants: Sequence[Want], cost: Cost) -> str:
    """Which budget an order of `wants` would pass, so that another person must approve it, or ""."""
    found = standings(wants=wants, cost=cost)
    if found and cost.counted is None:
        return f"No price in {settings.LIMIT_CURRENCY} is set for it, and there's a monthly budget"
    return next((standing.words for standing in found if standing.is_over), "")


def used_of(tags: Iterable[str]) -> dict[str, Decimal]:
    """How much of the budgets of these tags is used ("" of all lines).

    Lines that are being bought are read before numbers: one that is bought in between counts twice.
    """
    prices, found = price_table(), dict.fromkeys(tags, Decimal())
    for provider, connection, names in open_lines():
        for tag in found.keys() & {"", *names}:
            found[tag] += monthly(prices, provider, connection)
    for once, quantity, names in fees_of_this_month():
        for tag in found.keys() & {"", *names}:
            found[tag] += once / quantity
    for tag in found:
        numbers = Number.objects.filter(status__in=OURS).order_by()
        found[tag] += run_rate(numbers.filter(tags__name=tag) if tag else numbers, prices)
    return {tag: amount.quantize(CENT) for tag, amount in found.items()}


def open_lines() -> QuerySet:
    """Lines that are being bought, those of orders that wait for approval aside: account and tags of each."""
    moving = Line.objects.exclude(state__in=FINAL).exclude(order__approval=ApprovalState.WAITING)
    return moving.order_by().values_list("telephony_provider", "connection", "tags")


def fees_of_this_month() -> QuerySet:
    """The setup fees of the lines that were ordered this month: of its order, its size, and a line's tags."""
    now = db_now().astimezone(UTC)
    lines = Line.objects.exclude(state__in=GIVEN_BACK).exclude(order__approval=ApprovalState.WAITING)
    lines = lines.filter(
        order__created_at__gte=datetime(now.year, now.month, 1, tzinfo=UTC),
        order__cost_once__gt=0,
        order__currency=settings.LIMIT_CURRENCY,
    )
    return lines.order_by().values_list("order__cost_once", "order__quantity", "tags")


def run_rate(numbers: QuerySet[Number], prices: PriceTable) -> Decimal:
    """What `numbers` cost a month, as far as there is a price in LIMIT_CURRENCY; counted in an index."""
    providers = dict(Connection.objects.values_list("pk", "telephony_provider"))
    total = Decimal()
    on = numbers.filter(connection__isnull=False).values_list("connection").annotate(Count("pk"))
    for connection, count in on:
        total += count * monthly(prices, providers[connection], connection)
    loose = numbers.filter(connection=None).values_list("telephony_provider").annotate(Count("pk"))
    for provider, count in loose:
        total += count * monthly(prices, provider, None)
    return total


def monthly(prices: PriceTable, provider: str, connection: int | None) -> Decimal:
    price = prices.find(provider, connection)
    return price.monthly if price and price.currency == settings.LIMIT_CURRENCY else Decimal()


@needs(Right.PRICES)
def set_budget(*, by: Actor, tag: str, amount: Decimal | None) -> Budget | None:
    """Set what the lines with a tag may cost a month; no amount takes its budget away. Raises WrongBudget."""
    row = Tag.objects.filter(name=tag).first()
    if not row:
        raise WrongBudget(f"There's no tag “{tag}”. Add it to a number first.")
    if amount is not None and not 0 < amount < MOST:
        raise WrongBudget("Enter an amount above 0.")
    with transaction.atomic():
        before = Budget.objects.select_for_update().filter(tag=row).first()
        was = {"budget": str(before.amount)} if before else {}
        told = {"tag": tag, "budget": None if amount is None else str(amount)}
        record_event(action="budget.changed", by=by, before=was, after=told)
        if amount is None:
            Budget.objects.filter(tag=row).delete()
            return None
        about = {"amount": amount, "set_by_name": by.name, "set_at": db_now()}
        return Budget.objects.update_or_create(tag=row, defaults=about)[0]
