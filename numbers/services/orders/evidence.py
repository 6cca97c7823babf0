"""Whether orders and approvals stand in the books as the history has sealed them."""

from collections.abc import Iterator
from itertools import batched

from django.db.models import Exists, OuterRef
from django.utils.dateparse import parse_datetime

from numbers.models import Approval, Event, Line, Order
from numbers.services.purchasing.clearance import APPROVED, ASKED, PLACED, REBUILT
from numbers.states import ApprovalState, LineState

from .approvals import digest_of

PORTION = 200  # orders that are read at a time
DECISIONS = {
    ASKED: ApprovalState.WAITING,
    APPROVED: ApprovalState.APPROVED,
    "order.approval_refused": ApprovalState.REFUSED,
    "order.withdrawn": ApprovalState.WITHDRAWN,
}


def faults() -> Iterator[str]:
    """What the books say otherwise than the history, for people."""
    named = Event.objects.filter(order__isnull=False).values_list("order_id", flat=True).order_by("order_id")
    there = Order.objects.filter(pk=OuterRef("order_id"))
    for order_id in named.filter(~Exists(there)).distinct():
        yield f"Order {order_id} is missing from our records, but the history names it."
    for portion in batched(Order.objects.order_by("pk").iterator(chunk_size=PORTION), PORTION):
        about = History(portion)
        for order in portion:
            yield from about.faults(order)


class History:
    """All that the history and the books say of some `orders`, read in a few queries."""

    def __init__(self, orders: tuple[Order, ...]) -> None:
        self.events: dict[int, list[Event]] = {}
        self.lines: dict[int, list[Line]] = {}
        self.called_off: dict[int, int] = {}  # line: event
        events = Event.objects.filter(order__in=orders).order_by("pk")
        for event in events.filter(action__in=[PLACED, REBUILT, *DECISIONS]):
            self.events.setdefault(event.order_id or 0, []).append(event)
        for line in (
            Line.objects.filter(order__in=orders).select_related("connection", "agent").order_by("position")
        ):
            self.lines.setdefault(line.order_id, []).append(line)
        for pk, line_id in events.filter(action="line.cancelled").values_list("pk", "line_id"):
            self.called_off.setdefault(line_id, pk)
        self.approvals = {row.order_id: row for row in Approval.objects.filter(order__in=orders)}

    def faults(self, order: Order) -> Iterator[str]:
        events = self.events.get(order.pk, [])
        placings = [event for event in events if event.action == PLACED]
        placed, again = (placings[0] if placings else None), placings[1:]
        if not placed and any(event.action == REBUILT for event in events):
            return  # nothing of it is bought any more but what was sent already
        if not placed:
            yield f"{order} is in our records, but the history has no event for it."
            return
        for event in again:
            yield f"{order} was placed once, but event {event.pk} says it was placed again."
        if (order.requested_by_id, order.requested_by_name, order.created_at) != (
            placed.actor_id,
            placed.actor_name,
            parse_datetime(placed.after.get("at", "")),
        ):
            yield f"{order} has a different person or time than event {placed.pk} sealed."
        for event in events:
            if "digest" in event.after and self.digest(order, event) != event.after["digest"]:
                yield f"{order} differs in our records from what event {event.pk} ({event.action}) sealed."
        yield from self.faults_of_approval(order, placed, events)

    def digest(self, order: Order, event: Event) -> str:
        """What stands for `order`, with its lines as they were called off before `event`."""
        lines = self.lines.get(order.pk, [])
        for line in lines:
            off = self.called_off.get(line.pk, event.pk) < event.pk
            line.state = LineState.CANCELLED if off else LineState.PLANNED
        return digest_of(order, lines)

    def faults_of_approval(self, order: Order, placed: Event, events: list[Event]) -> Iterator[str]:
        """What is said of an approval that is not so; what an order waits for, and who has decided."""
        steps = [event for event in events if event.action in DECISIONS]
        state = DECISIONS[steps[-1].action] if steps else ApprovalState.NOT_NEEDED
        if placed.after.get("approval") == "asked" and not steps:
            state = ApprovalState.WAITING
        if order.approval != state:
            yield (
                f"{order} says “{order.get_approval_display()}” about its approval; the history says "
                f"“{state.label}”."
            )
        row, asked = self.approvals.get(order.pk), next((e for e in steps if e.action == ASKED), None)
        if bool(row) != bool(asked):
            yield f"The approval of {order} is {'not in the history' if row else 'missing from our records'}."
        if not (row and asked):
            return
        decided = next((e for e in steps if e.action in (APPROVED, "order.approval_refused")), None)
        sealed = {
            "digest": asked.after.get("digest"),
            "asked_by_id": asked.after.get("account"),
            "asked_by_name": asked.actor_name,
            "decision": DECISIONS[decided.action] if decided else "",
            "decided_by_id": decided.actor_id if decided else None,
            "decided_by_name": decided.actor_name if decided else "",
        }
        if any(getattr(row, name) != value for name, value in sealed.items()):
            yield f"The approval of {order} doesn't match what the history sealed."
