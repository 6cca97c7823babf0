"""The list of orders: its tabs, and orders found by reference, number, label or person.

Orders only grow. What waits or needs somebody is found by its lines, which are few; what came to less than
asked, by how orders ended. Where no key leads to what is wanted, a page looks through WINDOW orders.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, TextChoices

from numbers.db.pagination import NEWEST_FIRST, SIZE, Ordering, Page, page_within, window_end
from numbers.db.sql import CountOf, ForEach
from numbers.models import Gate, Line, Order
from numbers.permissions import Right
from numbers.services.monitoring.attention import Kind, for_rights
from numbers.states import OPEN, ApprovalState, Ending, LineState
from numbers.telephony.area_codes import areas
from numbers.telephony.characters import plain

from .history import keys_of

WINDOW = 2000  # orders that a page looks through where no key leads to those that are wanted
MANY = 1000  # beyond this a tab does not count on
BY_TIME = Ordering(field="created_at", time=True, filled=True, model=Order)
REFERENCE = re.compile(r"(?:orders?\s*#?|#)\s*([0-9]{1,18})", re.IGNORECASE)
DIGITS = re.compile(r"[\d\s().+-]+")


class Tab(TextChoices):
    """A part of the list."""

    OPEN = "open", "Open"
    NEEDS = "needs", "Needs you"
    PARTIAL = "partial", "Partial"
    ALL = "", "All"


FEW = (Tab.OPEN, Tab.NEEDS)  # of which there are not many at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks: approvals are for those who may decide, and never one's own."""

    user_id: int
    rights: Iterable[Right]


def part_of(tab: Tab, viewer: Viewer) -> QuerySet[Order]:
    """The orders of `tab`, in no order yet."""
    orders = Order.objects.order_by()
    if tab == Tab.OPEN:
        return orders.filter(pk__in=with_lines(OPEN))
    if tab == Tab.NEEDS:
        waiting = Order.objects.order_by().filter(approval=ApprovalState.WAITING)
        mine = for_rights(Kind.APPROVALS, waiting, rights=viewer.rights, user_id=viewer.user_id)
        return orders.filter(pk__in=with_lines([LineState.REVIEW]).union(mine.values("pk")))
    if tab == Tab.PARTIAL:
        return orders.filter(PARTLY, ending__in=[Ending.OPEN, Ending.PARTIAL])
    return orders


def with_lines(states: Iterable[LineState]) -> QuerySet:
    """The orders of lines in these states, which few are in at a time."""
    return Line.objects.order_by().filter(state__in=sorted(states)).values("order")


def partly() -> Q:
    """Orders that ended with less than asked, also where that was not written down yet."""
    lines = Line.objects.filter(order=OuterRef("pk"))
    bought, missing = (lines.filter(state=LineState.BOUGHT), lines.exclude(state=LineState.BOUGHT))
    over = ~Exists(lines.filter(state__in=sorted(OPEN)))
    return Q(ending=Ending.PARTIAL) | Q(over, Exists(bought), Exists(missing))


PARTLY = partly()


def tab_counts(viewer: Viewer) -> list[tuple[Tab, int]]:
    """How many orders each tab has, up to one more than `MANY`, in one query."""
    counts = Gate.objects.filter(pk=Gate.SINGLE).values_list(
        *(CountOf(part_of(tab, viewer), MANY) for tab in Tab)
    )
    return list(zip(Tab, counts.get(), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Orders that were asked for. `far`: no key leads to them, so a page looks through WINDOW orders.

    `first`: the order whose very reference was given, which stands before all others.
    """

    orders: QuerySet[Order]
    order: Ordering = NEWEST_FIRST
    far: bool = False
    first: Order | None = None

    def page(self, params: Mapping, *, size: int = SIZE) -> Page:
        """The page that `params` asks for; it may be partial where they are `far`."""

        def read(key: tuple | None, end: tuple | None, *, backwards: bool) -> list[Order]:
            found = self.orders.exclude(pk=self.first.pk) if self.first else self.orders
            if key:
                found = found.filter(self.order.behind(key, backwards=backwards))
            if end:
                found = found.filter(self.order.behind(end, backwards=not backwards))
            return list(self.order.sorted(found, backwards=backwards)[: size + 1])

        def find_end(key: tuple | None, *, backwards: bool) -> list[tuple] | None:
            if not self.far:
                return None
            return window_end(Order.objects.all(), key, order=self.order, backwards=backwards, size=WINDOW)

        page = page_within(read, find_end=find_end, params=params, size=size, order=self.order)
        if self.first and not page.newer:
            page = replace(page, rows=[self.first, *page.rows])
        return page


def wanted(tab: Tab, viewer: Viewer, *, q: str, person: str, first: date | None, last: date | None) -> Wanted:
    """The orders of `tab` that `q` finds and `person` placed, from day `first` to day `last` (UTC)."""
    orders = part_of(tab, viewer)
    if person:
        orders = orders.filter(requested_by_name=person)
    if first:
        orders = orders.filter(created_at__gte=midnight(first))
    if last:
        orders = orders.filter(created_at__lt=midnight(last) + timedelta(days=1))
    found = Wanted(orders=orders, order=BY_TIME if person or first or last else NEWEST_FIRST)
    found = search(found, plain(q).strip()) if q else found
    return replace(found, far=False) if tab in FEW else found


def search(wanted: Wanted, text: str) -> Wanted:
    """Those of `wanted` with `text`: a reference, digits of a number, an area code, a label or a person."""
    orders = wanted.orders
    if named := REFERENCE.fullmatch(text):
        return replace(wanted, orders=orders.filter(pk=int(named[1])))
    lines = Line.objects.filter(order=OuterRef("pk"))
    digits = "".join(filter(str.isdigit, text)) if DIGITS.fullmatch(text) else ""
    if not digits:
        labelled = ForEach(lines.filter(label__icontains=text))
        held = orders.filter(Q(requested_by_name__icontains=text) | labelled)
        return replace(wanted, orders=held, far=True)
    pk = reference_in(text)
    if keys := keys_of(digits):
        numbers, line_keys = keys
        known = Line.objects.order_by().filter(Q(number__in=numbers) | Q(pk__in=line_keys))
        found = [*known.values_list("order", flat=True), pk]
        return replace(wanted, orders=orders.filter(pk__in=filter(None, found)))
    holds = Q(phone_number__contains=digits) | Q(wanted_number__contains=digits) | Q(label__contains=text)
    held = orders.filter(ForEach(lines.filter(holds | Q(area_code=digits))))
    return replace(wanted, orders=held, far=True, first=orders.filter(pk=pk).first() if pk else None)


def reference_in(text: str) -> int | None:
    """The order that `text` names: "order 12", "#12" or "12"."""
    named = REFERENCE.fullmatch(text.strip())
    digits = named[1] if named else text.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def exact(text: str) -> Order | None:
    """The order that `text` names and nothing else: three digits alone may well mean an area code."""
    pk = reference_in(text)
    if pk is None or text.strip() in areas():
        return None
    return Order.objects.filter(pk=pk).first()


def midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
