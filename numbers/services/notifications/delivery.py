"""Sending notices by e-mail and webhook: at least once, with a few retries.

A delivery that crashes between sending and noting it is sent again; it carries the notice's id, by
which a receiver can tell.
"""

import logging
import smtplib
import socket
import ssl
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage, mailers
from django.db.models import F, Min

from numbers.db.clock import db_now
from numbers.models import Delivery, Notice
from numbers.services import fluents_client

from . import webhook

log = logging.getLogger(__name__)

NAME = "notices"
HELD = timedelta(minutes=2)  # that a worker may take for one
AGAIN = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120)]  # after each try that failed
SUBJECTS = {
    Notice.Kind.ORDER: "Order {order} is done",
    Notice.Kind.APPROVAL: "Order {order} needs your approval",
    Notice.Kind.DECIDED: "Order {order} was decided",
    Notice.Kind.REVIEW: "Order {order} needs you",
    Notice.Kind.GATE: "Buying has stopped",
    Notice.Kind.CALLS: "A check may have placed a call",
    Notice.Kind.ACCOUNT: "Your account was changed",
    Notice.Kind.LOGIN: "New login",
    Notice.Kind.ALARM: "Alarm",
    Notice.Kind.ALARM_END: "An alarm has ended",
    Notice.Kind.DIGEST: "Today's alarms",
}


def claim(*, limit: int) -> list[Delivery]:
    """Deliveries that are due. Being due again is the lease: a slow worker may be overtaken."""
    now = db_now()
    due = Delivery.objects.filter(due_at__lte=now).order_by("due_at").select_related("notice")[:limit]
    return [
        delivery
        for delivery in due
        if Delivery.objects.filter(pk=delivery.pk, due_at=delivery.due_at).update(due_at=now + HELD)
    ]


def defer(delivery: Delivery, error: Exception) -> None:
    """Nothing to do: it is due again after HELD."""


def next_due(_after: datetime) -> datetime | None:
    return Delivery.objects.aggregate(at=Min("due_at"))["at"]


def run(delivery: Delivery) -> None:
    """Send one notice on its way and note what came of it."""
    fluents_client.release()  # mail and webhook take their time, too
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
    if delivery.channel == Delivery.Channel.SLACK:
        if settings.NOTIFY_SLACK_URL:
            webhook.post_to_slack(settings.NOTIFY_SLACK_URL, f"{notice.text} {address_of(notice)}")
        return
    subject = SUBJECTS[Notice.Kind(notice.kind)].format(order=notice.order_id)
    headers = {
        "Message-ID": f"<{notice.key}.{delivery.pk}@fluents-numbers>",
        "Auto-Submitted": "auto-generated",
    }
    EmailMessage(
        subject, f"{notice.text}\n\n{address_of(notice)}\n", to=[delivery.to], headers=headers
    ).send()


#: What went wrong with a mail, in words that quote neither an address nor a password. The first that fits.
TROUBLES: dict[type[OSError | ValueError], str] = {
    smtplib.SMTPAuthenticationError: "The mail server refused the name or password in EMAIL_URL.",
    smtplib.SMTPSenderRefused: "The mail server refused the sender. Check MAIL_FROM.",
    smtplib.SMTPRecipientsRefused: "The mail server refused this address.",
    smtplib.SMTPNotSupportedError: "The mail server has no TLS or no login at this port. Check EMAIL_URL.",
    smtplib.SMTPServerDisconnected: "The mail server hung up. Check scheme and port in EMAIL_URL.",
    smtplib.SMTPException: "The mail server refused the message.",
    ssl.SSLCertVerificationError: "The mail server's certificate isn't valid for the host in EMAIL_URL.",
    ssl.SSLError: "TLS didn't work. Check scheme and port in EMAIL_URL.",
    socket.gaierror: "The host in EMAIL_URL wasn't found.",
    ConnectionRefusedError: "Nothing answers at the host and port in EMAIL_URL.",
    TimeoutError: "The mail server didn't answer in time. Check EMAIL_URL and firewalls.",
}


def why_no_mail(*, to: str) -> str:
    """Send a test mail at once. What went wrong, or "" where the mail server took it."""
    text = f"Mail from the dashboard at {settings.SITE_URL} works."
    try:
        with mailers.default as connection:  # which is closed again whatever happens
            connection.send_messages([EmailMessage("Test of the numbers dashboard", f"{text}\n", to=[to])])
    except (OSError, ValueError) as error:
        return next(
            (said for kind, said in TROUBLES.items() if isinstance(error, kind)), type(error).__name__ + "."
        )
    return ""


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
    """The page that `notice` is about."""
    return settings.SITE_URL + path_of(notice)


def path_of(notice: Notice) -> str:
    if notice.kind == Notice.Kind.REVIEW:
        return f"/review/{notice.line_id}/"
    if notice.kind in (Notice.Kind.ACCOUNT, Notice.Kind.LOGIN):
        return "/account/"
    if notice.kind == Notice.Kind.CALLS:
        return "/numbers/"
    if notice.kind in (Notice.Kind.ALARM, Notice.Kind.ALARM_END, Notice.Kind.DIGEST):
        return "/alarms/"
    return "/gate/" if notice.kind == Notice.Kind.GATE else f"/orders/{notice.order_id}/"
