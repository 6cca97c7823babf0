"""Notices: what somebody should hear of, written down once and sent on by `delivering`.

A line and the gate are told of in the transaction that moves them. The end of an order is found by
the scheduler, since two workers that finish the last two lines at once would each see the other's open.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from numbers.db.clock import db_now
from numbers.models import Approval, Delivery, Event, Line, Notice, Order, PutAway
from numbers.permissions import Right, roles_with
from numbers.services.audit.events import Actor
from numbers.states import DRIVEN, ApprovalState, LineState

BATCH = 50
WORDS = {
    LineState.BOUGHT: "bought",
    LineState.FAILED: "not bought",
    LineState.CANCELLED: "cancelled",
    LineState.REVIEW: "needs you",
}


def tell_ends() -> int:
    """Tell of orders of which no line moves any more; how many there were."""
    ended = list(orders_ended().order_by("pk")[:BATCH])
    for order in ended:
        with transaction.atomic():
            if Order.objects.filter(pk=order.pk, told_at=None).update(told_at=db_now()):
                tell_order(order)
    return len(ended)


def orders_ended() -> QuerySet[Order]:
    moving = Line.objects.filter(order=OuterRef("pk"), state__in=DRIVEN)
    return Order.objects.filter(~Exists(moving), told_at=None)


def tell_order(order: Order) -> Notice:
    """What came of `order`, to the person who placed it."""
    rows = order.lines.order_by().values_list("state").annotate(Count("pk"))
    counts = Counter(dict(rows))
    parts = [f"{counts[state]} {word}" for state, word in WORDS.items() if counts[state]]
    return tell(
        Notice(
            kind=Notice.Kind.ORDER,
            occasion=f"order:{order.pk}",
            user_id=order.requested_by_id,
            order=order,
            text=f"Order {order.pk} is done: {', '.join(parts)}.",
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


def tell_approval(*, order: Order, by: Actor, but: User | None) -> None:
    """order of by waits for approval: everybody who may approve it hears of it, but for the one who asks."""
    text = f"{by.name} requests {order.quantity:,} lines. Order {order.pk} is waiting for approval."
    for n, person in enumerate(approvers(but=but) or [None]):
        tell(
            Notice(
                kind=Notice.Kind.APPROVAL,
                occasion=f"approval:{order.pk}:{person.pk if person else 0}",
                user=person,
                order=order,
                text=text,
                about={"quantity": order.quantity},
            ),
            everywhere=n == 0,
        )


def approvers(*, but: User | None = None) -> list[User]:
    """Everybody who may approve orders, `but` for one."""
    may = Q(groups__name__in=roles_with(Right.APPROVE)) | Q(is_superuser=True)
    people = get_user_model().objects.filter(may, is_active=True)
    return list(people.exclude(pk=but.pk if but else 0).distinct().order_by("pk"))


def untell_approval(*, order: Order) -> None:
    """It was decided about `order`: nobody is asked any more."""
    Notice.objects.filter(kind=Notice.Kind.APPROVAL, order=order, seen_at=None).update(seen_at=db_now())


def tell_decision(*, order: Order, question: Approval) -> Notice:
    """Who asked for `order` hears what was decided."""
    who = question.decided_by_name
    text = f"{who} approved order {order.pk}. Its lines will be bought."
    if question.decision == ApprovalState.REFUSED:
        text = f"{who} refused order {order.pk}: {question.reason} Nothing was bought."
    return tell(
        Notice(
            kind=Notice.Kind.DECIDED,
            occasion=f"decided:{order.pk}",
            user_id=order.requested_by_id,
            order=order,
            text=text[:500],
            about={"decision": question.decision},
        )
    )


def tell_gate(*, event: Event) -> Notice:
    """Buying stopped automatically: everyone whose lines wait hears of it, and the webhook."""
    waiting = Line.objects.filter(state__in=DRIVEN, order__requested_by__isnull=False)
    people = get_user_model().objects.filter(pk__in=waiting.values("order__requested_by"))
    notice = Notice(
        kind=Notice.Kind.GATE, occasion=f"gate:{event.pk}", text=f"Buying has stopped. {event.reason}"[:500]
    )
    return tell(notice, also_to=list(people.exclude(email="").values_list("email", flat=True)))


def tell_calls(*, event: Event) -> Notice:
    """A check may have placed a call: everyone who may run it is told, and the webhook."""
    notice = Notice(kind=Notice.Kind.CALLS, occasion=f"calls:{event.pk}", text=event.reason[:500])
    may = Q(groups__name__in=roles_with(Right.PROBE)) | Q(is_superuser=True)
    people = get_user_model().objects.filter(may, is_active=True).exclude(email="").distinct()
    return tell(notice, also_to=list(people.values_list("email", flat=True)))


def tell_account(*, user: User, event: Event, text: str, kind: str = Notice.Kind.ACCOUNT) -> Notice:
    """Somebody changed the account of `user`, or logged in from elsewhere: its owner alone hears of it."""
    notice = Notice(kind=kind, occasion=f"account:{event.pk}", user=user, text=text[:500])
    return tell(notice, everywhere=False)


def tell(
    notice: Notice,
    *,
    also_to: Iterable[str] = (),
    everywhere: bool = True,
    slack: bool = False,
    due_at: datetime | None = None,
) -> Notice:
    """Save `notice` and queue it for e-mail; for the webhook only if `everywhere`, for Slack only if `slack`.

    They leave at `due_at`, or now.
    """
    notice.save()
    addresses = {notice.user.email, *also_to} if notice.user else set(also_to)
    ways = [(Delivery.Channel.MAIL, to) for to in sorted(addresses - {""}) if settings.NOTIFY_BY_MAIL]
    ways += [(Delivery.Channel.WEBHOOK, "")] if everywhere and settings.NOTIFY_WEBHOOK_URL else []
    ways += [(Delivery.Channel.SLACK, "")] if slack and settings.NOTIFY_SLACK_URL else []
    due_at = due_at or db_now()
    Delivery.objects.bulk_create(
        Delivery(notice=notice, channel=channel, to=to, due_at=due_at) for channel, to in ways
    )
    return notice


def seen(*, user_id: int, **which) -> int:
    """USER has seen those of their notices that `which` names; how many that were."""
    unseen = Notice.objects.filter(user=user_id, seen_at=None, **which)
    return unseen.update(seen_at=db_now())


def put_away(*, user_id: int, what: str) -> None:
    """USER does not want to be shown `what` again."""
    PutAway.objects.get_or_create(user_id=user_id, what=what)
