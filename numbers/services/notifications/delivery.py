"""Notices out of the house, by e-mail and webhook: at least once, a few tries, in nobody's way.

A delivery that crashes between sending and noting it is sent again; it carries the notice's id, by
which a receiver can tell.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F

from .. import webhook
from ..models import Delivery, Notice
from ..tasks import deliver_notice
from .history import db_now

log = logging.getLogger("numbers.delivering")

BATCH = 20
HEARD = timedelta(minutes=2)  # until a delivery is rung for again
AGAIN = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120)]  # after each try that failed
SUBJECTS = {
    Notice.Kind.ORDER: "Order {order} has ended",
    Notice.Kind.APPROVAL: "Order {order} waits for your approval",
    Notice.Kind.DECIDED: "Order {order}: what was decided",
    Notice.Kind.REVIEW: "Order {order}: a line needs you",
    Notice.Kind.GATE: "Buying has stopped",
}


def ring_deliveries() -> int:
    """Ask the task workers to send what is due; how many deliveries that are."""
    with transaction.atomic():
        now = db_now()
        due = Delivery.objects.filter(due_at__lte=now).order_by("due_at")
        rung = 0
        for pk, due_at in due.values_list("pk", "due_at")[:BATCH]:
            if Delivery.objects.filter(pk=pk, due_at=due_at).update(due_at=now + HEARD):
                deliver_notice.enqueue(delivery_id=pk)
                rung += 1
    return rung


def deliver(*, delivery_id: int) -> None:
    """Send one notice on its way and note what came of it."""
    waiting = Delivery.objects.select_related("notice").filter(due_at__isnull=False)
    if not (delivery := waiting.filter(pk=delivery_id).first()):
        return
    try:
        send(delivery)
    except (webhook.Failed, OSError, ValueError) as error:  # smtplib's errors are OSErrors
        failed(delivery, error)
    else:
        Delivery.objects.filter(pk=delivery.pk).update(
            tries=F("tries") + 1, sent_at=db_now(), due_at=None, error=""
        )


def failed(delivery: Delivery, error: Exception) -> None:
    """Try again later, or give up: the page shows the notice anyway."""
    # An error's own words may quote an address or a password.
    why = str(error) if isinstance(error, webhook.Failed) else type(error).__name__
    due_at = db_now() + AGAIN[delivery.tries] if delivery.tries < len(AGAIN) else None
    Delivery.objects.filter(pk=delivery.pk).update(tries=F("tries") + 1, due_at=due_at, error=f"{why}."[:200])
    log.warning(
        "notice %s was not sent by %s: %s; %s",
        *(delivery.notice.key, delivery.channel, why, "trying again" if due_at else "given up"),
    )


def send(delivery: Delivery) -> None:
    notice = delivery.notice
    if delivery.channel == Delivery.Channel.WEBHOOK:
        if settings.NOTIFY_WEBHOOK_URL:
            webhook.post(settings.NOTIFY_WEBHOOK_URL, payload(notice), secret=settings.NOTIFY_WEBHOOK_SECRET)
        return
    subject = SUBJECTS[notice.kind].format(order=notice.order_id)
    headers = {
        "Message-ID": f"<{notice.key}.{delivery.pk}@fluents-numbers>",
        "Auto-Submitted": "auto-generated",
    }
    EmailMessage(
        subject, f"{notice.text}\n\n{address_of(notice)}\n", to=[delivery.to], headers=headers
    ).send()


def payload(notice: Notice) -> dict:
    """What the webhook is told. Names stay; new ones may come."""
    return {
        "id": str(notice.key),
        "kind": notice.kind,
        "at": notice.at.isoformat(),
        "text": notice.text,
        "url": address_of(notice),
        "order": notice.order_id,
        "line": notice.line_id,
        **notice.about,
    }


def address_of(notice: Notice) -> str:
    """The page that NOTICE is about."""
    return settings.SITE_URL + path_of(notice)


def path_of(notice: Notice) -> str:
    if notice.kind == Notice.Kind.REVIEW:
        return f"/review/{notice.line_id}/"
    return "/gate/" if notice.kind == Notice.Kind.GATE else f"/orders/{notice.order_id}/"
