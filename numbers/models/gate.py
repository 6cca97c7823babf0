"""Brakes: the gate that every purchase passes, the price table and the send journals."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from ..states import Guarantee
from .inventory import Connection


class Breaker(models.TextChoices):
    CLOSED = "closed", "Working"  # as in electricity: closed lets purchases through
    TRYING = "trying", "Letting one through"
    OPEN = "open", "Stopped"


class Gate(models.Model):
    """One row, locked by whoever is about to send a purchase."""

    SINGLE = 1

    paused = models.BooleanField(default=False)
    pause_reason = models.CharField(max_length=500, blank=True)
    paused_by = models.CharField(max_length=150, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    books_doubted = models.BooleanField(default=False)  # paused because the send journal disagrees

    breaker = models.CharField(max_length=10, choices=Breaker, default=Breaker.CLOSED)
    breaker_reason = models.CharField(max_length=500, blank=True)
    breaker_at = models.DateTimeField(null=True, blank=True)
    needs_person = models.BooleanField(default=False)  # token or balance: time alone does not mend it
    counting_from = models.DateTimeField(null=True, blank=True)  # attempts before are forgiven

    next_send_at = models.DateTimeField(db_default=Now())  # rate
    next_turn_at = models.DateTimeField(db_default=Now())  # turns handed out to waiting lines
    not_before = models.DateTimeField(null=True, blank=True)  # Retry-After
    reconciled_at = models.DateTimeField(null=True, blank=True)  # journal differences before are settled

    guarantee = models.CharField(max_length=10, choices=[(g, g) for g in Guarantee], blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)
    sync_error = models.CharField(max_length=500, blank=True)
    sync_asked_at = models.DateTimeField(null=True, blank=True)  # by a person, and not done yet

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="gate_is_single")]

    def __str__(self) -> str:
        return "The gate"

    @property
    def is_open(self) -> bool:
        return not self.paused and self.breaker != Breaker.OPEN


class Journal(models.Model):
    """A send journal that this database has been used with: a file outside it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    host = models.CharField(max_length=200)
    path = models.CharField(max_length=500)
    seen_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.host}:{self.path}"


class Reconciliation(models.Model):
    """One comparison of our books with Fluents, and what differed."""

    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    requested_by = models.CharField(max_length=150, blank=True)
    error = models.CharField(max_length=500, blank=True)
    differences = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Reconciliation {self.pk}"


class Price(models.Model):
    """Our own price table: the API names no price, so every figure made of it is an estimate."""

    telephony_provider = models.CharField(max_length=50)
    connection = models.ForeignKey(Connection, models.CASCADE, null=True, blank=True)
    once = models.DecimalField("once, per line", max_digits=8, decimal_places=2, default=0)
    monthly = models.DecimalField("a month, per line", max_digits=8, decimal_places=2)
    currency = models.CharField(max_length=3, default="USD")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["telephony_provider", "connection"], name="price_once"),
            models.UniqueConstraint(
                fields=["telephony_provider"], condition=Q(connection=None), name="price_once_a_provider"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.telephony_provider}: {self.monthly} {self.currency} a month"
