"""What the lines of orders come to: how many are in each state, where, and for how many agents."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, Min

from numbers.models import Line, Order
from numbers.states import FINAL, LineState

from .items import in_words


@dataclass(kw_only=True)
class OrderSummary:
    """One order, summed up."""

    order: Order
    counts: dict[LineState, int] = field(default_factory=dict)  # lines by state, without zeros
    areas: list[tuple[str, int]] = field(default_factory=list)  # lines by area code, "" for exact numbers
    agents: int = 0  # how many answer
    unassigned: int = 0  # lines that nobody answers
    first: Line | None = None  # the first line, where a page shows it

    @property
    def bought(self) -> int:
        return self.counts.get(LineState.BOUGHT, 0)

    @property
    def moving(self) -> bool:
        """Whether lines still change without a person."""
        return any(state not in FINAL and state != LineState.REVIEW for state in self.counts)

    @property
    def what(self) -> str:
        """ "10 in 415, 5 in 617"."""
        return in_words(self.areas)

    @property
    def whom(self) -> str:
        """ "2 agents", "1 agent, 3 unassigned", or "" where all lines are for the same one or for nobody."""
        agents = "1 agent" if self.agents == 1 else f"{self.agents} agents"
        if self.agents and self.unassigned:
            return f"{agents}, {self.unassigned:,} unassigned"
        return agents if self.agents > 1 else ""


def summaries(orders: Iterable[Order]) -> list[OrderSummary]:
    """Sum up `orders`, in two queries for all of them."""
    found = {order.pk: OrderSummary(order=order) for order in orders}
    lines = Line.objects.filter(order__in=found).order_by()
    groups = lines.values_list("order", "area_code", "state").annotate(Count("pk"), at=Min("position"))
    for order, area, state, count, _ in sorted(groups, key=lambda group: group[-1]):
        summary = found[order]
        summary.counts[LineState(state)] = summary.counts.get(LineState(state), 0) + count
        summary.areas.append((area, count))
    answers = lines.values_list("order").annotate(
        Count("agent", distinct=True), with_agent=Count("agent"), lines=Count("pk")
    )
    for order, agents, with_agent, count in answers:
        found[order].agents, found[order].unassigned = agents, count - with_agent
    for summary in found.values():
        summary.areas = merged(summary.areas)
    return list(found.values())


def merged(areas: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """`areas` with one entry for each area code, in the order in which they first come."""
    totals: dict[str, int] = {}
    for area, count in areas:
        totals[area] = totals.get(area, 0) + count
    return list(totals.items())
