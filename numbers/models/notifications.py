"""What is told to people, in the page and beyond it."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .orders import Line, Order


class Notice(models.Model):
    """Something that a person should hear of: an order has ended, a line needs them, buying stopped."""

    class Kind(models.TextChoices):
        ORDER = "order.finished", "An order finished"
        APPROVAL = "order.approval", "An order needs approval"
        DECIDED = "order.decided", "An order was approved or refused"
        REVIEW = "line.review", "A purchase needs you"
        GATE = "gate.stopped", "Buying stopped automatically"
        CALLS = "calls.alarm", "A check may have placed a call"
        ACCOUNT = "account.changed", "Your account was changed"
        LOGIN = "account.login", "New login"
        ALARM = "alarm.began", "An alarm"
        ALARM_END = "alarm.ended", "An alarm has ended"
        DIGEST = "alarm.digest", "The day's alarms"

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # receivers drop repeats by it
    kind = models.CharField(max_length=20, choices=Kind)
    occasion = models.CharField(max_length=60, unique=True)  # nothing is told twice
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="notices"
    )
    order = models.ForeignKey(Order, models.PROTECT, null=True, blank=True, related_name="notices")
    line = models.ForeignKey(Line, models.PROTECT, null=True, blank=True, related_name="notices")
    text = models.CharField(max_length=500)
    about = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # every page: what this person has not seen yet
            models.Index(fields=["user", "-id"], condition=Q(seen_at=None), name="notice_unseen"),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def is_alarm(self) -> bool:
        return self.kind.startswith("alarm.")


class Delivery(models.Model):
    """One notice on its way out of the house: by e-mail, or to the webhook."""

    class Channel(models.TextChoices):
        MAIL = "mail", "Email"
        WEBHOOK = "webhook", "Webhook"
        SLACK = "slack", "Slack"

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=10, choices=Channel)
    to = models.EmailField(blank=True)  # the webhook's address stays in the settings: it may hold a secret
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)  # empty: sent, or given up
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["notice", "channel", "to"], name="delivery_once"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.pk}"


class PutAway(models.Model):
    """What a person does not want to be shown again."""

    TOUR = "tour"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    what = models.CharField(max_length=30)

    class Meta:
        verbose_name_plural = "snoozed"
        constraints = [models.UniqueConstraint(fields=["user", "what"], name="put_away_once")]

    def __str__(self) -> str:
        return self.what


class Snooze(models.Model):
    """An item of the Attention page that somebody put off, until when and why."""

    class Kind(models.TextChoices):
        """The tabs of the page, in their order; what an item's id is the id of."""

        PURCHASES = "purchases", "Purchases to confirm"  # Line
        APPROVALS = "approvals", "Approvals"  # Order
        UNASSIGNED = "unassigned", "Unassigned"  # Number
        AGENTS = "agents", "Deleted agents"  # Agent
        DIFFERENCES = "differences", "Differences"  # Number
        CHANGES = "changes", "Failed changes"  # Plan
        IDLE = "idle", "Idle"  # Number

    kind = models.CharField(max_length=12, choices=Kind)
    item = models.PositiveBigIntegerField()
    until = models.DateTimeField()
    reason = models.CharField(max_length=200)
    by_name = models.CharField(max_length=150)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "item"], name="snooze_once")]
        indexes = [models.Index(fields=["until"], name="snooze_by_until")]

    def __str__(self) -> str:
        return f"{self.kind} {self.item} until {self.until}"
