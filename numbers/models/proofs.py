"""Test calls: whether a line answers, proven by calling it once from another line of ours."""

import uuid

from django.db import models
from django.db.models import Q

from .inventory import Agent, Number
from .orders import Line
from .plans import PlanRow


class CallEndpoint(models.Model):
    """One row: whether the API at hand places calls, as far as an administrator has had it asked."""

    SINGLE = 1

    api_url = models.CharField(max_length=500)  # of which that is known
    exists = models.BooleanField(null=True)  # nobody knows
    alarming = models.BooleanField(default=False)  # it took an empty request: perhaps it has called somebody
    said = models.CharField(max_length=500, blank=True)
    checked_at = models.DateTimeField()
    checked_by = models.CharField(max_length=150, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="call_endpoint_is_single")]

    def __str__(self) -> str:
        return "The endpoint that places calls"


class Proof(models.Model):
    """One test call, asked for by one click, for one line of an order or for one row of a plan: sent once at
    most, from `probe` to `number`.

    Of the call itself only ids, its seconds and its state are kept, and which agent answered.
    """

    class Verdict(models.TextChoices):
        OPEN = "", "Testing"
        ANSWERS = "answers", "Answers"
        WRONG = "wrong", "Wrong agent"
        SILENT = "silent", "No answer"
        UNCLEAR = "unclear", "Couldn't be told"

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # in the send journal, too
    token = models.CharField(max_length=64, unique=True)  # of the form: one click is one call
    number = models.ForeignKey(Number, models.PROTECT, related_name="proofs")
    probe = models.ForeignKey(Number, models.PROTECT, related_name="+", db_index=False)
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="+", db_index=False)  # who should answer
    line = models.OneToOneField(Line, models.PROTECT, null=True, blank=True, related_name="proof")
    row = models.OneToOneField(PlanRow, models.PROTECT, null=True, blank=True, related_name="proof")
    asked_by = models.CharField(max_length=150, blank=True)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)  # set before the request leaves, and never again
    earlier = models.JSONField(default=list)  # ids of calls between the two lines that came before this one
    call_id = models.CharField(max_length=200, blank=True)  # of the incoming call
    status = models.CharField(max_length=20, blank=True)
    seconds = models.PositiveIntegerField(default=0)
    answered_by = models.ForeignKey(
        Agent, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    verdict = models.CharField(max_length=10, choices=Verdict, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Two calls to a line at once could not be told apart.
            models.UniqueConstraint(fields=["number"], condition=Q(verdict=""), name="proof_one_at_a_time"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(verdict=""), name="proof_due"),
            models.Index(fields=["asked_at"], name="proof_by_time"),  # how many a day
        ]

    def __str__(self) -> str:
        return f"Test call {self.pk} to {self.number_id}"
