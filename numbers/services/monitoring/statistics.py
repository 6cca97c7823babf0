"""Counting the whole books for the overview: one row of figures, renewed in the background.

At a million numbers this takes seconds, so no page does it. Every figure of money comes from our own
price table and is an estimate; numbers without a price are counted, never guessed at.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Max, Q, Subquery
from django.db.models.functions import Coalesce

from numbers.db.clock import db_now
from numbers.db.leases import lease, nobody_holds
from numbers.models import Agent, CallReading, Event, Figures, Line, Number
from numbers.services.calls import figures as calls
from numbers.services.calls.knowledge import knowledge
from numbers.services.orders.budgets import budgets, used_of
from numbers.services.orders.prices import CENT, price_table
from numbers.states import FINAL, LineState

NAME = "figures"
WEEKS = 12
MONTHS = 12
MOST_AGENTS = 8  # by name; the others are one figure
EVERY = timedelta(seconds=60)
AT_REST = timedelta(hours=1)  # where nothing happens, the weeks still go by
AT_ONCE = 20_000  # numbers; up to here a page may count them itself
QUICK = 0.1  # seconds of counting that a page may spend
EASE = 20  # counting may take a twentieth of the time


def figures() -> Figures:
    """The figures as they were counted last.

    Where counting is quick, they are counted anew once something happened, so that they agree with the lists
    and badges beside them.
    """
    row = Figures.objects.filter(pk=Figures.SINGLE, counted_at__isnull=False).first()
    if row and (row.seconds > QUICK or not is_behind(row)):
        return row
    return count()


def claim(*, limit: int) -> list[Figures]:  # noqa: ARG001 -- as all kinds of work have it
    """The right to count, if that is worth it now and nobody else does."""
    now = db_now()
    if not is_due(now):
        return []
    row, _ = Figures.objects.get_or_create(pk=Figures.SINGLE)
    free = Figures.objects.filter(nobody_holds())
    return [row] if free.update(lease_until=now + lease()) else []


def run(row: Figures) -> None:  # noqa: ARG001 -- as all kinds of work have it
    count()


def defer(row: Figures, error: Exception) -> None:
    """Nothing to do: the lease runs out."""


def next_due(_after: datetime) -> datetime | None:
    """Nobody knows: it depends on what happens. The looks that are made anyway are often enough."""
    return None


def is_due(now: datetime) -> bool:
    """Whether counting again is worth it: something happened, and the last time is long enough ago."""
    row = Figures.objects.filter(pk=Figures.SINGLE).first()
    if not row or not row.counted_at:
        return True
    age = now - row.counted_at
    if age < max(EVERY, timedelta(seconds=EASE * row.seconds)):
        return False
    return age > AT_REST or is_behind(row)


def is_behind(row: Figures) -> bool:
    """Whether something happened since `row` was counted, or calls were read."""
    newest = Event.objects.order_by("-pk").values("pk")[:1]
    event, *read = CallReading.objects.values_list(Subquery(newest), "until", "supported").get()
    return row.last_event != (event or 0) or row.counts.get("calls_read") != in_words(read)


def count() -> Figures:
    """Count everything anew."""
    began, now, last_event = time.monotonic(), db_now(), newest_event()
    counts = numbers_counted() | money_counted(now) | lines_counted(now) | calls_counted()
    row, _ = Figures.objects.update_or_create(
        pk=Figures.SINGLE,
        defaults={
            "counts": counts,
            "counted_at": now,
            "seconds": time.monotonic() - began,
            "last_event": last_event,
            "lease_until": None,
        },
    )
    return row


def by_agent() -> tuple[dict[int | None, int], datetime | None]:
    """How many numbers each agent answers, None for nobody; and when that was counted, unless just now."""
    row = Figures.objects.filter(pk=Figures.SINGLE).first()
    if row and row.counts.get("owned", 0) > AT_ONCE and "by_agent" in row.counts:
        counts = {int(pk): count for pk, count in row.counts["by_agent"].items()}
        return counts | {None: row.counts["unassigned"]}, row.counted_at
    return dict(Number.objects.owned().order_by().values_list("agent").annotate(Count("pk"))), None


def newest_event() -> int:
    return Event.objects.aggregate(newest=Max("pk"))["newest"] or 0


def numbers_counted() -> dict:
    """Our numbers by region and by agent; what Django reads as None, JSON keeps as ""."""
    owned = Number.objects.owned().order_by()
    regions = dict(owned.values_list("region").annotate(Count("pk")))
    agents = Counter(dict(owned.values_list("agent").annotate(Count("pk"))))
    unassigned = agents.pop(None, 0)
    most = MOST_AGENTS + (len(agents) == MOST_AGENTS + 1)  # one other is as short by its name
    top, names = agents.most_common(most), Agent.objects.in_bulk(agents.keys())
    return {
        "owned": sum(regions.values()),
        "unassigned": unassigned,
        "regions": regions,
        "by_agent": agents,
        "agents": [{"id": names[pk].api_id, "name": str(names[pk]), "count": n} for pk, n in top],
        "other_agents": max(len(agents) - most, 0),
        "other_agents_count": sum(agents.values()) - sum(n for _, n in top),
    }


def money_counted(now: datetime) -> dict:
    """What our numbers cost a month by the price table, now and at the end of each of the last months.

    A number counts from the day on which it was bought, or else came onto the books.
    """
    ends = month_ends(now)
    came = Coalesce("bought_at", "created_at")
    by_price = (
        Number.objects.owned()
        .order_by()
        .alias(came=came)
        .values("telephony_provider", "connection")
        .annotate(**{f"m{i}": Count("pk", filter=Q(came__lt=end)) for i, end in enumerate(ends)})
        .annotate(now=Count("pk"), used=Count("pk", filter=Q(calls_30__gt=0)))
    )
    prices = price_table()
    unpriced, used = 0, Counter[str]()
    monthly: defaultdict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * (MONTHS + 1))
    for group in by_price:
        price = prices.find(group["telephony_provider"], group["connection"])
        if not price:
            unpriced += group["now"]
            continue
        used[price.currency] += group["used"]
        row = [*(group[f"m{i}"] for i in range(MONTHS)), group["now"]]
        sums = monthly[price.currency]
        monthly[price.currency] = [old + n * price.monthly for old, n in zip(sums, row, strict=True)]
    currency = max(monthly, key=lambda name: monthly[name][-1], default="USD")
    return {
        "unpriced": unpriced,
        "currency": currency,
        "used_cost": {
            name: str((row[-1] / used[name]).quantize(CENT))
            for name, row in sorted(monthly.items())
            if used[name]
        },
        "run_rates": {name: str(row[-1]) for name, row in sorted(monthly.items())},
        "months": [f"{end - timedelta(days=1):%Y-%m}" for end in ends],
        "monthly": [str(amount) for amount in monthly[currency][:MONTHS]],
        "budgets": {tag: str(amount) for tag, amount in used_of(budgets()).items()},
    }


def calls_counted() -> dict:
    """What calls come to, or why that is not known."""
    read, known = CallReading.objects.values_list("until", "supported").get(), knowledge()
    return {"calls_read": in_words(read), "calls": calls.counted(known) | {"why": known.why}}


def in_words(read: Iterable) -> str:
    """Up to when calls were read, and whether this API has any: when that changes, so do the figures."""
    return " ".join(map(str, read))


def lines_counted(now: datetime) -> dict:
    """How lines ended, week by week."""
    starts = week_starts(now)
    settled = Line.objects.filter(state__in=FINAL, settled_at__gte=starts[0]).order_by()
    ended = {str(state): [0] * WEEKS for state in (LineState.BOUGHT, LineState.FAILED, LineState.CANCELLED)}
    weeks = by_week(starts)
    for state, *counts in settled.values_list("state").annotate(**weeks):
        ended[state] = counts
    return {"weeks": [f"{start:%Y-%m-%d}" for start in starts], "outcomes": ended}


def by_week(starts: list[datetime]) -> dict[str, Count]:
    week = timedelta(days=7)
    return {
        f"w{i}": Count("pk", filter=Q(settled_at__gte=start, settled_at__lt=start + week))
        for i, start in enumerate(starts)
    }


def week_starts(now: datetime) -> list[datetime]:
    """The Mondays, in UTC, that the last weeks began with; this week is the last one."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday())
    return [monday - timedelta(weeks=weeks) for weeks in reversed(range(WEEKS))]


def month_ends(now: datetime) -> list[datetime]:
    """The ends of the last months, in UTC; this month is the last one and not over yet."""
    now = now.astimezone(UTC)
    ends = []
    for back in reversed(range(MONTHS)):
        years, month = divmod(now.year * 12 + now.month - back, 12)
        ends.append(datetime(years, month + 1, 1, tzinfo=UTC))
    return ends
