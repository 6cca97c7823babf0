"""The gate that every purchase passes, and the send journals."""

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from numbers.states import Guarantee


class Breaker(models.TextChoices):
    CLOSED = "closed", "Working"  # as in electricity: closed lets purchases through
    HALF_OPEN = "half_open", "Trying one purchase"
    OPEN = "open", "Stopped"


class Gate(models.Model):
    """One row, locked by a worker that is about to send a purchase."""

    SINGLE = 1

    paused = models.BooleanField(default=False)
    pause_reason = models.CharField(max_length=500, blank=True)
    paused_by = models.CharField(max_length=150, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    heals_with = models.CharField(max_length=700, blank=True)  # what must work again to end the pause
    books_doubted = models.BooleanField(default=False)  # paused because the send journal disagrees

    breaker = models.CharField(max_length=10, choices=Breaker, default=Breaker.CLOSED)
    breaker_reason = models.CharField(max_length=500, blank=True)
    breaker_at = models.DateTimeField(null=True, blank=True)
    needs_person = models.BooleanField(default=False)  # token or balance: time alone does not mend it
    counting_from = models.DateTimeField(null=True, blank=True)  # attempts before are forgiven

    next_send_at = models.DateTimeField(db_default=Now())  # rate
    not_before = models.DateTimeField(null=True, blank=True)  # Retry-After
    reconciled_at = models.DateTimeField(null=True, blank=True)  # journal differences before are settled
    guarantee = models.CharField(max_length=10, choices=[(g, g) for g in Guarantee], blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="gate_is_single")]

    def __str__(self) -> str:
        return "Buying"

    @property
    def is_open(self) -> bool:
        return not self.paused and self.breaker != Breaker.OPEN


class Journal(models.Model):
    """A send journal that this database has been used with: a file outside it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=200, unique=True)
    machine = models.CharField(max_length=200)
    path = models.CharField(max_length=500)
    begun_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)  # its worker: Fluents is to be looked at since
    reported_at = models.DateTimeField(null=True, blank=True)  # compared with this database, from its end
    awaited = models.BooleanField(default=False, db_default=False)  # the database is doubted until it reports
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
