"""How orders ended: written down once, so that the list of orders finds those that are partly bought."""

from django.db.models import Exists, OuterRef, QuerySet

from numbers.models import Line, Order
from numbers.states import FINAL, OPEN, Ending, LineState

BATCH = 200


def orders_over() -> QuerySet[Order]:
    """Orders of which no line moves any more, and whose end nobody has written down."""
    lines = Line.objects.filter(order=OuterRef("pk"))
    moving = Exists(lines.filter(state__in=sorted(OPEN)))
    return Order.objects.filter(~moving, Exists(lines), ending=Ending.OPEN)


def record_endings() -> int:
    """Write down what orders came to, for good: no line leaves a final state. How many they were."""
    lines = Line.objects.filter(order=OuterRef("pk"))
    missing = sorted(FINAL - {LineState.BOUGHT})
    over = orders_over().annotate(
        got=Exists(lines.filter(state=LineState.BOUGHT)), missed=Exists(lines.filter(state__in=missing))
    )
    found: dict[Ending, list[int]] = {}
    for pk, got, missed in over.order_by("pk").values_list("pk", "got", "missed")[:BATCH]:
        ending = Ending.NOTHING if not got else Ending.PARTIAL if missed else Ending.WHOLE
        found.setdefault(ending, []).append(pk)
    return sum(Order.objects.filter(pk__in=keys).update(ending=ending) for ending, keys in found.items())
