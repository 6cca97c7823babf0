"""Notices: what somebody should hear of, written down once and sent on by `delivering`.

A line and the gate are told of in the transaction that moves them. The end of an order is found by
the sweeper, since two workers that finish the last two lines at once would each see the other's open.
"""

from collections import Counter

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Count, Exists, OuterRef

from ..models import Delivery, Event, Line, Notice, Order, PutAway
from ..states import DRIVEN, LineState
from .history import db_now

BATCH = 50
WORDS = {
    LineState.BOUGHT: "bought",
    LineState.FAILED: "not bought",
    LineState.CANCELLED: "cancelled",
    LineState.REVIEW: "waiting for a person",
}


def tell_ends() -> int:
    """Tell of orders of which no line moves any more; how many there were."""
    moving = Line.objects.filter(order=OuterRef("pk"), state__in=DRIVEN)
    ended = list(Order.objects.filter(~Exists(moving), told_at=None).order_by("pk")[:BATCH])
    for order in ended:
        with transaction.atomic():
            if Order.objects.filter(pk=order.pk, told_at=None).update(told_at=db_now()):
                tell_order(order)
    return len(ended)


def tell_order(order: Order) -> Notice:
    """What came of ORDER, to the person who placed it."""
    rows = order.lines.order_by().values_list("state").annotate(Count("pk"))
    counts = Counter(dict(rows))
    parts = [f"{counts[state]} {word}" for state, word in WORDS.items() if counts[state]]
    return tell(
        Notice(
            kind=Notice.Kind.ORDER,
            occasion=f"order:{order.pk}",
            user_id=order.requested_by_id,
            order=order,
            text=f"Order {order.pk} has ended: {', '.join(parts)}.",
            about={"quantity": order.quantity, "lines": {str(state): counts[state] for state in counts}},
        )
    )


def tell_review(*, line: Line, event: Event) -> Notice:
    """A line waits for a person; part of the transaction that moves it there."""
    return tell(
        Notice(
            kind=Notice.Kind.REVIEW,
            occasion=f"review:{event.pk}",
            user_id=line.order.requested_by_id,
            order_id=line.order_id,
            line=line,
            text=f"Order {line.order_id}, line {line.position} needs you: {event.reason}"[:500],
        )
    )


def tell_gate(*, event: Event) -> Notice:
    """Buying stopped by itself: everybody whose lines wait hears of it, and the webhook."""
    waiting = Line.objects.filter(state__in=DRIVEN, order__requested_by__isnull=False)
    people = get_user_model().objects.filter(pk__in=waiting.values("order__requested_by"))
    notice = Notice(
        kind=Notice.Kind.GATE, occasion=f"gate:{event.pk}", text=f"Buying has stopped. {event.reason}"[:500]
    )
    return tell(notice, also_to=list(people.exclude(email="").values_list("email", flat=True)))


def tell(notice: Notice, *, also_to: list[str] = ()) -> Notice:
    """Write NOTICE down with its ways out of the house."""
    notice.save()
    addresses = {notice.user.email, *also_to} if notice.user else set(also_to)
    ways = [(Delivery.Channel.MAIL, to) for to in sorted(addresses - {""}) if settings.NOTIFY_BY_MAIL]
    ways += [(Delivery.Channel.WEBHOOK, "")] if settings.NOTIFY_WEBHOOK_URL else []
    now = db_now()
    Delivery.objects.bulk_create(
        Delivery(notice=notice, channel=channel, to=to, due_at=now) for channel, to in ways
    )
    return notice


def seen(*, user_id: int, **which) -> int:
    """USER has seen those of their notices that WHICH names; how many that were."""
    unseen = Notice.objects.filter(user=user_id, seen_at=None, **which)
    return unseen.update(seen_at=db_now())


def put_away(*, user_id: int, what: str) -> None:
    """USER does not want to be shown WHAT again."""
    PutAway.objects.get_or_create(user_id=user_id, what=what)
