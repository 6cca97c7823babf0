"""The append-only history, and the seals that show whether it was tampered with."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .inventory import Agent, Number
from .orders import Line, Order
from .plans import Plan

NO_ROW = Q(plan=None) | Q(number=None)  # events that are not about one number of a plan


class Event(models.Model):
    """One thing that happened or was refused, with who and why.

    Never changed, never deleted: the database refuses (`numbers.db.append_only`). What it names
    stays too, so an account with a history is switched off instead of deleted.
    """

    at = models.DateTimeField(db_default=Now())
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    actor_name = models.CharField(max_length=150, blank=True)  # empty: the product itself
    address = models.CharField(max_length=45, blank=True, default="", db_default="")  # IP of the request
    action = models.CharField(max_length=50)
    order = models.ForeignKey(
        Order, models.PROTECT, null=True, blank=True, related_name="events", db_index=False
    )
    line = models.ForeignKey(Line, models.PROTECT, null=True, blank=True, related_name="events")
    number = models.ForeignKey(Number, models.PROTECT, null=True, blank=True, related_name="events")
    plan = models.ForeignKey(
        Plan, models.PROTECT, null=True, blank=True, related_name="events", db_index=False
    )
    agent = models.ForeignKey(
        Agent, models.PROTECT, null=True, blank=True, related_name="events", db_index=False
    )  # where the event is about the agent itself
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # the history by each of its filters, newest first; the tail -id makes its pages by key
            models.Index(fields=["action", "-id"], name="event_by_action"),
            models.Index(fields=["actor_name", "-id"], name="event_by_actor"),
            models.Index(fields=["at", "id"], name="event_by_time"),
            models.Index(fields=["agent", "-id"], condition=Q(agent__isnull=False), name="event_by_agent"),
            models.Index(fields=["plan", "-id"], condition=Q(plan__isnull=False), name="event_by_plan"),
            # the same where the rows of a plan, of which there may be 100,000, are one entry
            models.Index(fields=["-id"], condition=NO_ROW, name="event_unfolded"),
            models.Index(fields=["actor_name", "at", "id"], condition=NO_ROW, name="event_unfolded_by_actor"),
            models.Index(fields=["at", "id"], condition=NO_ROW, name="event_unfolded_by_time"),
            models.Index(
                fields=["request_id"], condition=~Q(request_id=""), name="event_by_request"
            ),  # an id from a log or an error page
            # how an order was placed and approved, asked before each of its purchases
            models.Index(fields=["order", "action"], name="event_by_order"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.pk}"


class Seal(models.Model):
    """Link N of the chain over all events: a hash of its event and of the link before.

    The order of the links is the order of sealing, so an event whose transaction ended late,
    or an id that was never used, does not break it.
    """

    n = models.PositiveBigIntegerField(primary_key=True)
    event = models.OneToOneField(Event, models.PROTECT, related_name="seal")
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["n"]

    def __str__(self) -> str:
        return f"{self.n}:{self.hash}"
