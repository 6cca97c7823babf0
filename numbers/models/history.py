"""The append-only history."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from .buying import Line, Order
from .changes import Plan
from .inventory import Number


class Event(models.Model):
    """One thing that happened, with who and why. Never changed, never deleted."""

    at = models.DateTimeField(db_default=Now())
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    actor_name = models.CharField(max_length=150, blank=True)  # empty: the product itself
    action = models.CharField(max_length=50)
    order = models.ForeignKey(Order, models.PROTECT, null=True, blank=True, related_name="events")
    line = models.ForeignKey(Line, models.PROTECT, null=True, blank=True, related_name="events")
    number = models.ForeignKey(Number, models.PROTECT, null=True, blank=True, related_name="events")
    plan = models.ForeignKey(Plan, models.PROTECT, null=True, blank=True, related_name="events")
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.action} {self.pk}"
