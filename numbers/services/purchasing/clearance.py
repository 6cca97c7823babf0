"""Which orders may be bought: what the history says about them, and no column that somebody can change.

An order may be bought when the history has its placing, and, where that says that approval is asked, an
approval by another account which is sealed already.
"""

from django.db.models import Exists, OuterRef, Q, QuerySet

from numbers.models import Event, Order
from numbers.states import BUYABLE

PLACED, ASKED, APPROVED = "order.placed", "order.approval_asked", "order.approved"
REBUILT = "order.rebuilt"  # from a send journal: what was sent is looked up, and nothing more is sent


def asked_for_approval() -> QuerySet[Event]:
    """The events by which the history says of an order that another person must approve it."""
    return Event.objects.filter(Q(action=ASKED) | Q(action=PLACED, after__approval="asked"))


def cleared_orders() -> QuerySet[Order]:
    """Orders whose lines may be sent."""
    placed = Event.objects.filter(order=OuterRef("pk"), action=PLACED)
    asked = asked_for_approval().filter(order=OuterRef("pk"))
    own = asked_for_approval().filter(order=OuterRef("order"), actor=OuterRef("actor"))
    by_another = Event.objects.filter(
        ~Exists(own), order=OuterRef("pk"), action=APPROVED, actor__isnull=False, seal__isnull=False
    )
    return Order.objects.filter(~Exists(asked) | Exists(by_another), Exists(placed), approval__in=BUYABLE)
