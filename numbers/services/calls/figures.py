"""What calls come to: of one number day by day, of each agent, and of all lines. Each from few rows."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import F, Sum

from numbers.models import Agent, AgentDay, Number, NumberDay

from .knowledge import Knowledge
from .tally import DAYS, first_day

BUSIEST = 5  # numbers on the overview
IDLE = 30  # days without a call after which the overview calls a line silent


@dataclass(frozen=True, slots=True)
class Day:
    """The calls of one number on one day."""

    day: date
    incoming: int = 0
    outgoing: int = 0
    failed: int = 0
    seconds: int = 0

    @property
    def total(self) -> int:
        return self.incoming + self.outgoing


@dataclass(frozen=True, slots=True)
class Answerer:
    """How many calls to a number an agent has answered, and how many of them another one should have."""

    agent: Agent | None
    answered: int
    wrong: int


def days_of(number: Number, known: Knowledge) -> list[Day]:
    """Each of the last 30 days, as far as calls were read."""
    assert known.until  # noqa: S101 -- of what is not known there are no figures
    since = first_day(known.until)
    rows = NumberDay.objects.filter(number=number, day__gte=since).order_by().values_list("day")
    sums = rows.annotate(*map(Sum, ("incoming", "outgoing", "failed", "seconds")))
    found = {day: Day(day, *figures) for day, *figures in sums}
    days = [since + timedelta(days=n) for n in range(DAYS)]
    return [found.get(day, Day(day)) for day in days]


def answerers_of(number: Number, known: Knowledge) -> list[Answerer]:
    """Who has answered calls in the last 30 days, most first."""
    assert known.until  # noqa: S101 -- as above
    rows = NumberDay.objects.filter(number=number, day__gte=first_day(known.until), answered__gt=0)
    sums = list(rows.order_by().values_list("agent").annotate(Sum("answered"), Sum("wrong")))
    agents = Agent.objects.in_bulk([pk for pk, *_ in sums if pk])
    found = [Answerer(agents.get(pk) if pk else None, answered, wrong) for pk, answered, wrong in sums]
    return sorted(found, key=lambda row: -row.answered)


def by_agent(known: Knowledge) -> dict[int | None, tuple[int, int]]:
    """How many calls each agent had in the last 30 days, either way, and how many of them failed."""
    if not known.until:
        return {}
    rows = AgentDay.objects.filter(day__gte=first_day(known.until)).order_by().values_list("agent")
    sums = rows.annotate(calls=Sum(F("incoming") + F("outgoing")), bad=Sum("failed"))
    return {agent: (calls, failed) for agent, calls, failed in sums}


def counted(known: Knowledge) -> dict:
    """Of all our lines, for the overview: calls, those used and silent, the busiest; {} where not known."""
    if not known.until:
        return {}
    owned = Number.objects.owned().order_by()
    silent = known.before(IDLE)
    busiest = owned.filter(calls_30__gt=0).order_by("-calls_30", "-pk")[:BUSIEST]
    calls = list(by_agent(known).values())
    return {
        "calls": sum(count for count, _ in calls),
        "failed": sum(failed for _, failed in calls),
        "used": owned.filter(calls_30__gt=0).count(),
        "silent": owned.filter(quiet_since__lt=silent).count() if silent else None,
        "busiest": [[row.e164, row.label, row.calls_30] for row in busiest.only("e164", "label", "calls_30")],
    }
