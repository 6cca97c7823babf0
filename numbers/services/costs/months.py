"""What our lines cost month by month: counted in the background, kept for good once a month is over.

By our own price table, and so an estimate: each line costs a month's price on the day on which it came to us,
and on that day of every month until it goes, as of the price that counts on that day; a line that was bought
here costs its setup fee once. Currencies are never added, and what has no price is counted as such. A line is
used in a month in which it had a call, as far as calls are known.
"""

import time
from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, ExtractDay

from numbers.db.clock import db_now
from numbers.db.leases import lease, nobody_holds
from numbers.models import Agent, CountedMonth, Event, MonthCost, Number, NumberDay
from numbers.services.calls.knowledge import knowledge
from numbers.services.orders.prices import PriceHistory
from numbers.states import OURS

from .tenure import LEFT, tenures

NAME = "costs"
BACK = 12  # months that are counted when nobody has counted before
EVERY = timedelta(minutes=10)  # the month that is under way
LATE = timedelta(days=1)  # that calls of a month may be read after its end
AT_REST = timedelta(days=1)  # where nothing happens
EASE = 50  # counting may take a fiftieth of the time
QUICK = 0.1  # seconds of counting that a page may spend
AT_ONCE = 20_000  # numbers; up to here a page may count a month that nobody has counted
Kind = MonthCost.Kind
COUNTED = ("telephony_provider", "connection", "day")

type Group = tuple[Kind, str, str]  # what it is about: its kind, key and name


class Sums:
    """Lines and money by group and currency; "" where there is no price."""

    def __init__(self, prices: PriceHistory) -> None:
        self.prices = prices
        self.found: defaultdict[tuple[Group, str], list] = defaultdict(lambda: [0, 0, Decimal()])

    def add(
        self, group: Group, account: tuple[str, int | None], *, day: date, lines: int, used: int, new: int
    ) -> None:
        """`lines` on an account that cost a month's price that `day`, `new` of them also a setup fee.

        `used` of them had a call.
        """
        price = self.prices.on(day, *account)
        sums = self.found[group, price.currency if price else ""]
        sums[0] += lines
        sums[1] += used
        if price:
            sums[2] += price.monthly * lines + price.once * new


def start_of(day: date) -> date:
    return day.replace(day=1)


def next_month(month: date) -> date:
    return start_of(month + timedelta(days=31))


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def day_in(month: date, day: int) -> date:
    """That `day` of `month`, or its last one where it has fewer."""
    return month.replace(day=min(day, monthrange(month.year, month.month)[1]))


# --- Counting -------------------------------------------------------------------------------


def count_month(month: date) -> CountedMonth:
    """Count what `month`, its first day, has cost or will have cost at its end, anew."""
    began, last_event = time.monotonic(), newest_event()
    sums, known = Sums(PriceHistory()), is_known(month)
    count_stayers(month, sums)
    count_movers(month, sums)
    with transaction.atomic():
        row, _ = CountedMonth.objects.update_or_create(
            month=month,
            defaults={
                "counted_at": db_now(),
                "seconds": time.monotonic() - began,
                "last_event": last_event,
                "lease_until": None,
            },
        )
        MonthCost.objects.filter(month=row).delete()
        MonthCost.objects.bulk_create(
            MonthCost(
                month=row,
                kind=kind,
                key=key,
                name=name,
                currency=currency,
                lines=lines,
                used=used if known else None,
                cost=cost,
            )
            for ((kind, key, name), currency), (lines, used, cost) in sums.found.items()
        )
    return row


def is_known(month: date) -> bool:
    """Whether all calls of `month` are known, as far as it is over."""
    known = knowledge()
    if not (known.since and known.until) or known.since > midnight(month):
        return False
    return known.until >= midnight(next_month(month)) or db_now() < midnight(next_month(month)) + LATE


def calls_in(month: date) -> QuerySet[NumberDay]:
    return NumberDay.objects.filter(day__gte=month, day__lt=next_month(month))


def count_stayers(month: date, sums: Sums) -> None:
    """Numbers that are ours, and were since they came: grouped by the database."""
    end = midnight(next_month(month))
    came = Coalesce("bought_at", "created_at")
    rows = Number.objects.filter(status__in=OURS, holding=1).order_by().alias(came=came)
    rows = rows.filter(came__lt=end).annotate(day=ExtractDay("came", tzinfo=UTC))
    agents = {agent.pk: agent for agent in Agent.objects.all()}
    for provider, connection, day, agent, *counts in grouped(rows, month, "agent"):
        who, about = agents.get(agent), about_of(month, day, *counts)
        sums.add((Kind.ALL, "", ""), (provider, connection), **about)
        group = (Kind.AGENT, who.api_id if who else "", str(who or ""))
        sums.add(group, (provider, connection), **about)
    for provider, connection, day, tag, *counts in grouped(rows, month, "tags__name"):
        group = (Kind.TAG, tag or "", tag or "")
        sums.add(group, (provider, connection), **about_of(month, day, *counts))


def about_of(month: date, day: int, lines: int, used: int, new: int) -> dict:
    return {"day": day_in(month, day), "lines": lines, "used": used, "new": new}


def grouped(rows: QuerySet[Number], month: date, by: str) -> Iterator[tuple]:
    """Accounts and days with how many of `rows` there are for each of `by`, how many were used or are new."""
    used = Count("pk", filter=Exists(calls_in(month).filter(number=OuterRef("pk"))))
    new = Count("pk", filter=Q(bought_at__gte=midnight(month), bought_at__lt=midnight(next_month(month))))
    return rows.values_list(*COUNTED, by).annotate(Count("pk"), used=used, new=new).iterator(chunk_size=2000)


def count_movers(month: date, sums: Sums) -> None:
    """Numbers that were given up since the month began, or that came back to us: one by one."""
    start, end = midnight(month), midnight(next_month(month))
    gone = Event.objects.filter(action__in=LEFT, at__gte=start).values("number")
    moved = Number.objects.filter(Q(pk__in=gone) | Q(holding__gt=1)).exclude(status__in=OURS, holding=1)
    rows = list(moved.select_related("agent").prefetch_related("tags"))
    times = tenures(rows)
    used = set(calls_in(month).filter(number__in=moved).values_list("number", flat=True))
    for number in rows:
        names = [tag.name for tag in number.tags.all()] or [""]
        groups: list[Group] = [(Kind.ALL, "", "")]
        groups.append((Kind.AGENT, number.agent.api_id if number.agent else "", str(number.agent or "")))
        groups += [(Kind.TAG, name, name) for name in names]
        for tenure in times[number.pk]:
            came = tenure.came.astimezone(UTC)
            new = start <= came < end
            day = came.date() if new else day_in(month, came.day)
            if came >= end or (tenure.left and not new and tenure.left < midnight(day)):
                continue
            account = (number.telephony_provider, number.connection_id)
            for group in groups:
                fee = int(new and tenure.bought)
                sums.add(group, account, day=day, lines=1, used=int(number.pk in used), new=fee)


def newest_event() -> int:
    return Event.objects.aggregate(newest=Max("pk"))["newest"] or 0


# --- When -----------------------------------------------------------------------------------


def months_due(now: datetime) -> list[date]:
    """The months that are to be counted now, the present one first."""
    current = start_of(now.astimezone(UTC).date())
    counted = {row.month: row for row in CountedMonth.objects.all()}
    return [month for month in months_since(first_month(current), current) if is_due(month, counted, now)]


def months_since(first: date, last: date) -> list[date]:
    """All months from the `first` to the `last`, newest first."""
    found = [first]
    while found[-1] < last:
        found.append(next_month(found[-1]))
    return found[::-1]


def first_month(current: date) -> date:
    """The month in which the first number came, but not more than a year ago."""
    # One after the other, each from an index: workers ask this all the time.
    oldest = Number.objects.order_by("pk").values_list("created_at", flat=True).first()
    bought = Number.objects.aggregate(at=Min("bought_at"))["at"]
    at = min(filter(None, (oldest, bought)), default=None)
    earliest = current
    for _ in range(BACK - 1):
        earliest = start_of(earliest - timedelta(days=1))
    return max(start_of(at.astimezone(UTC).date()), earliest) if at else current


def is_due(month: date, counted: dict[date, CountedMonth], now: datetime) -> bool:
    row = counted.get(month)
    if not row or not row.counted_at:
        return True
    end = midnight(next_month(month))
    if now >= end:  # and a day later, as Fluents tells of some calls late
        return row.counted_at < end or (now >= end + LATE and row.counted_at < end + LATE)
    age = now - row.counted_at
    if age < max(EVERY, timedelta(seconds=EASE * row.seconds)):
        return False
    return age > AT_REST or row.last_event != newest_event()


def refresh() -> None:
    """For a page: count what a glance may count, so that it agrees with the lists beside it."""
    now = db_now()
    current = CountedMonth.objects.filter(month=start_of(now.astimezone(UTC).date())).first()
    if current and current.counted_at and current.seconds > QUICK:
        return
    if current and current.counted_at and current.last_event != newest_event():
        count_month(current.month)
    if Number.objects.order_by("pk")[AT_ONCE : AT_ONCE + 1].exists():
        return
    for month in months_due(now):
        count_month(month)


# --- Work for a worker ----------------------------------------------------------------------


def claim(*, limit: int) -> list[CountedMonth]:
    """The right to count a month, if that is worth it now and nobody else does."""
    for month in months_due(db_now())[:limit]:
        row, _ = CountedMonth.objects.get_or_create(month=month)
        free = CountedMonth.objects.filter(nobody_holds(), pk=row.pk)
        if free.update(lease_until=db_now() + lease()):
            return [row]
    return []


def run(row: CountedMonth) -> None:
    count_month(row.month)


def defer(row: CountedMonth, error: Exception) -> None:
    """Nothing to do: the lease runs out."""


def next_due(_after: datetime) -> datetime | None:
    """Nobody knows: it depends on what happens. The looks that are made anyway are often enough."""
    return None


# --- Reading --------------------------------------------------------------------------------


def totals(*, last: int = BACK) -> QuerySet[MonthCost]:
    """What all lines cost in each of the `last` months that were counted, oldest first."""
    months = CountedMonth.objects.filter(counted_at__isnull=False)[:last]
    found = MonthCost.objects.filter(kind=Kind.ALL, month__in=[row.pk for row in months])
    return found.select_related("month").order_by("month__month", "currency")


def costs_of(month: date, kind: Kind) -> QuerySet[MonthCost]:
    """What the lines of each agent or tag cost in `month`, most first."""
    found = MonthCost.objects.filter(month__month=month, kind=kind)
    return found.order_by(F("cost").desc(), "name", "currency")


COST_COLUMNS = [
    *("month", "kind", "id", "name", "lines", "used_lines", "cost", "currency"),
    *("cost_per_line", "cost_per_used_line"),
]


def cost_rows(rows: QuerySet[MonthCost]) -> Iterator[dict]:
    """One dict a figure, for files and scripts: names and order are part of the public surface."""
    for row in rows.select_related("month").iterator(chunk_size=1000):
        yield {
            "month": f"{row.month.month:%Y-%m}",
            "kind": row.kind,
            "id": row.key,
            "name": row.name,
            "lines": row.lines,
            "used_lines": row.used,
            "cost": str(row.cost) if row.currency else None,
            "currency": row.currency or None,
            "cost_per_line": str(row.per_line) if row.currency else None,
            "cost_per_used_line": str(row.per_used_line) if row.currency and row.used else None,
        }
