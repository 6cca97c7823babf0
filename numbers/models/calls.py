"""Which calls our numbers had: counts by number and day, and how far they were read. Nothing of a caller."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from .inventory import Agent, Number


class CallReading(models.Model):
    """One row: how far calls were read, and the reading that is under way.

    A reading goes from the newest call back to where the one before began, and a while further for calls
    that Fluents tells of late. It can stop after any page.
    """

    SINGLE = 1

    due_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True, blank=True)
    supported = models.BooleanField(null=True)  # whether this API has calls; nobody has asked yet
    error = models.CharField(max_length=500, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)  # in vain, in a row
    # Between these, every call was read.
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    # Where the next reading ends: calls from there on are remembered by their ids.
    floor = models.DateTimeField(null=True, blank=True)
    # Under way: when it began, which page comes next, and the start of the oldest call that was read.
    began_at = models.DateTimeField(null=True, blank=True)
    page = models.PositiveIntegerField(default=1)
    frontier = models.DateTimeField(null=True, blank=True)
    unreadable = models.PositiveIntegerField(default=0)  # calls of this reading
    counted_from = models.DateField(null=True, blank=True)  # the first of the days in `Number.calls_30`

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="call_reading_is_single")]

    def __str__(self) -> str:
        return "The reading of calls"


class SeenCall(models.Model):
    """A call that was counted and that the next reading meets again; forgotten after that."""

    call_id = models.CharField(max_length=200, primary_key=True)
    start_at = models.DateTimeField()
    number = models.ForeignKey(Number, models.CASCADE, related_name="+", db_index=False)
    answered = models.BooleanField(null=True)  # None for one that went out

    class Meta:
        indexes = [
            models.Index(fields=["start_at"], name="seen_call_by_start"),
            models.Index(fields=["number", "start_at"], name="seen_call_by_number"),
        ]

    def __str__(self) -> str:
        return self.call_id


class DayOfCalls(models.Model):
    """The calls of one day, in UTC, that one agent had."""

    day = models.DateField()
    agent = models.ForeignKey(
        Agent, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )  # nobody: Fluents named none
    incoming = models.PositiveIntegerField(default=0)
    outgoing = models.PositiveIntegerField(default=0)
    answered = models.PositiveIntegerField(default=0)  # of the incoming ones
    wrong = models.PositiveIntegerField(default=0)  # answered, but another agent should have
    failed = models.PositiveIntegerField(default=0)  # either way
    lasting = models.PositiveIntegerField(default=0)  # long enough to count for a provider
    seconds = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        abstract = True


class NumberDay(DayOfCalls):
    """Those of one number."""

    number = models.ForeignKey(Number, models.CASCADE, related_name="call_days", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number", "day", "agent"], name="number_day_once"),
            models.UniqueConstraint(
                fields=["number", "day"], condition=Q(agent=None), name="number_day_of_nobody_once"
            ),
        ]
        indexes = [models.Index(fields=["day", "number"], name="number_day_by_day")]

    def __str__(self) -> str:
        return f"{self.number_id} on {self.day}"


class AgentDay(DayOfCalls):
    """Those of all numbers together."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", "agent"], name="agent_day_once"),
            models.UniqueConstraint(fields=["day"], condition=Q(agent=None), name="day_of_nobody_once"),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} on {self.day}"
