"""Finding events in a history of any length: by keys, or by looking back through so many at a time."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.db.models import F, OuterRef, Q, QuerySet

from numbers.db.pagination import NEWEST_FIRST, SIZE, Ordering, Page, page_within, window_end
from numbers.db.sql import ForEach
from numbers.models import NO_ROW, Event, Line, Number, Plan, PlanRow
from numbers.states import OPEN

from .match import is_many
from .search import Search

RELATED = ("order", "line", "number", "plan")
BY_TIME = Ordering(field="at", time=True, filled=True, model=Event)  # which has an index of its own
WINDOW = 20_000  # events that a page looks through where no key leads to those that are wanted
KEYS = 2000  # numbers that are looked for by their keys
APPLIED = "plan.applied"  # the event that stands for a plan
DIGITS = 5  # fewer digits are in too many numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A part of the history: `events`, and of these one of `actions` where there are any.

    `far`: no key leads to them, so a page looks through WINDOW events only.
    `folded`: a plan that was applied is one entry on a page, whatever came of it.
    """

    events: QuerySet[Event] = field(default_factory=Event.objects.all)
    actions: Sequence[str] = ()
    order: Ordering = NEWEST_FIRST
    far: bool = False
    folded: bool = False

    @property
    def all(self) -> QuerySet[Event]:
        """Every one of them, for an export."""
        return self.events.filter(action__in=self.actions) if self.actions else self.events

    def first(self, count: int) -> list[Event]:
        """The newest `count` of them."""
        return self.read(None, backwards=False, count=count)

    def read(
        self, key: tuple | None, end: tuple | None = None, *, backwards: bool, count: int
    ) -> list[Event]:
        """The count events behind key, or before it if backwards, up to end; each action has an index."""
        found = folded(self.events) if self.folded else self.events
        if key:
            found = found.filter(self.order.behind(key, backwards=backwards))
        if end:
            found = found.filter(self.order.behind(end, backwards=not backwards))
        if self.actions:
            ordered = self.order.sorted(found, backwards=backwards)
            found = Event.objects.filter(pk__in=of_each(ordered, self.actions, count))
        return list(self.order.sorted(found.select_related(*RELATED), backwards=backwards)[:count])

    def page(self, params: Mapping, *, size: int = SIZE) -> Page:
        """The page that `params` asks for; it may be partial where they are FAR."""

        def read(key: tuple | None, end: tuple | None, *, backwards: bool) -> list[Event]:
            return self.read(key, end, backwards=backwards, count=size + 1)

        return page_within(read, find_end=self.find_end, params=params, size=size, order=self.order)

    def find_end(self, key: tuple | None, *, backwards: bool) -> list[tuple] | None:
        """The keys at the end of what a page looks through, from behind `key` on."""
        if not self.far:
            return None
        return window_end(Event.objects.all(), key, order=self.order, backwards=backwards, size=WINDOW)


def folded(events: QuerySet[Event]) -> QuerySet[Event]:
    """`events` without those that the entry of a plan stands for: its rows, its end, and its draft where the
    same person has applied it."""
    drafted = Q(
        action="plan.drafted", plan__applied_at__isnull=False, plan__requested_by_name=F("actor_name")
    )
    return events.filter(NO_ROW).exclude(action="plan.finished").exclude(drafted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event of a page; or a `plan` that was applied, which unfolds unless it is about the one `row`."""

    event: Event
    plan: Plan | None = None
    row: PlanRow | None = None


def entries(events: Iterable[Event]) -> list[Entry]:
    """`events` with the plans that they stand for, in one query more."""
    found = [Entry(event=event, plan=event.plan if event.action == APPLIED else None) for event in events]
    alone = [entry.plan for entry in found if entry.plan and entry.plan.counts.get("total") == 1]
    row_of = {row.plan_id: row for row in PlanRow.objects.filter(plan__in=alone).select_related("number")}
    return [replace(entry, row=row_of.get(entry.plan.pk)) if entry.plan else entry for entry in found]


def of_each(events: QuerySet[Event], actions: Sequence[str], count: int) -> list[int]:
    """The keys of the first `count` of `events` with each of `actions`, in one query."""
    first, *others = (
        Event.objects.filter(pk__in=events.filter(action=action).values("pk")[:count])
        .order_by()
        .values_list("pk", flat=True)
        for action in actions
    )
    return list(first.union(*others, all=True) if others else first)


def about(digits: str) -> Q | None:
    """Events about numbers that hold `digits`, by the keys of these; None where there may be too many."""
    keys = keys_of(digits)
    return Q(number__in=keys[0]) | Q(line__in=keys[1]) if keys else None


def holding(digits: str) -> Q:
    """Events about numbers that hold `digits`, by a look at the number of each."""
    numbers = Number.objects.filter(pk=OuterRef("number"), e164__contains=digits)
    lines = Line.objects.filter(pk=OuterRef("line"), phone_number__contains=digits)
    return Q(ForEach(numbers)) | Q(ForEach(lines))


def keys_of(digits: str) -> tuple[list[int], list[int]] | None:
    """The keys of our numbers that hold `digits`, and of lines that wanted or had such a number.

    None where there may be too many. Of what is not on our books, as after a purchase that failed, the whole
    number is to be given.
    """
    if len(digits) < DIGITS or is_many(digits):
        return None
    holding = Number.objects.filter(Search.of(digits).holding, e164__contains=digits).order_by()
    found = dict(holding.values_list("pk", "e164")[: KEYS + 1])
    if len(found) > KEYS:
        return None
    named = [*found.values(), f"+{digits}", f"+1{digits}"]
    holds = Q(phone_number__contains=digits) | Q(wanted_number__contains=digits)
    ways = (
        Q(phone_number__in=named) & ~Q(phone_number=""),
        Q(wanted_number__in=named) & ~Q(wanted_number=""),
        Q(state__in=sorted(OPEN)) & holds,
    )
    lines = {
        pk for way in ways for pk in Line.objects.filter(way).order_by().values_list("pk", flat=True)[:KEYS]
    }
    return list(found), sorted(lines)
