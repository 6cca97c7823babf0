"""Changing numbers: plans with a row per number, and how people like their list."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse

from numbers.db.clock import db_now
from numbers.db.leases import nobody_holds
from numbers.states import OPEN_ROWS, Act, PlanState, RowState

from .inventory import Number


class Plan(models.Model):
    """A change of one or many numbers: worked out first, shown row by row, applied exactly as shown."""

    act = models.CharField(max_length=10, choices=Act, default=Act.CHANGE)
    state = models.CharField(max_length=10, choices=PlanState, default=PlanState.DRAFT)
    title = models.CharField(max_length=200)  # "Reception answers 20 numbers"
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    requested_by_name = models.CharField(max_length=150, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    reason = models.CharField(
        max_length=200, blank=True, default="", db_default=""
    )  # why, in a person's words
    note = models.CharField(max_length=500, blank=True, default="", db_default="")
    counts = models.JSONField(default=dict, db_default={}, blank=True)  # rows by state, while nothing moves
    key = models.UUIDField(default=uuid.uuid4, editable=False)  # names its test calls, also after a restore
    prove_from = models.CharField(max_length=16, blank=True, default="", db_default="")  # E.164; "": no calls
    proving = models.BooleanField(default=False, db_default=False)  # some are still to be called
    undo_of = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="undone_by")
    created_at = models.DateTimeField(db_default=Now())
    applied_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(db_default=Now())  # later where Fluents asked us to slow down
    lease_until = models.DateTimeField(null=True, blank=True)  # one worker at a time carries it out
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # the worker: plans that it should go on with
            models.Index(fields=["state"], name="plan_by_state"),
            models.Index(fields=["id"], condition=Q(proving=True), name="plan_proving"),  # the scheduler
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("plan", args=[self.pk])


class PlanSource(models.Model):
    """What a big plan is to be made from, until a worker has written its rows.

    A file that cannot be read ends here: its mistakes stay to be looked at.
    """

    plan = models.OneToOneField(Plan, models.CASCADE, related_name="source")
    items = models.JSONField(default=list)  # keys of numbers, [key, its changes], or keys of rows to undo
    changes = models.JSONField(default=dict)  # the same for each number
    content = models.BinaryField(null=True)  # a file that was not read yet
    total = models.PositiveIntegerField(default=0)
    position = models.PositiveIntegerField(default=0)  # items whose rows are written
    errors = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"Source of plan {self.plan_id}"


class PlanRowQuerySet(models.QuerySet):
    def open(self) -> "PlanRowQuerySet":
        return self.filter(state__in=OPEN_ROWS)

    def due(self) -> "PlanRowQuerySet":
        """Open rows that nobody holds and whose time has come, by the database's clock."""
        free = nobody_holds()
        return self.open().filter(free, due_at__lte=db_now())

    def assigning(self) -> "PlanRowQuerySet":
        """Rows that have an agent answer a number."""
        return self.filter(after__has_key="agent").exclude(after__agent="")


class PlanRow(models.Model):
    """One number of a plan, with the values that were seen and those that are wanted.

    `before` and `after` hold the same keys, those that change: agent (id at Fluents or ""), label,
    description, outbound_only, tags (sorted names); status where the number is given up.
    A worker owns a row while its lease lasts. A row that was sent stays `applying` until it is
    known what came of it, so that no other plan touches the number.
    """

    plan = models.ForeignKey(Plan, models.PROTECT, related_name="rows")
    number = models.ForeignKey(Number, models.PROTECT, related_name="plan_rows")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=RowState, default=RowState.READY)
    reason = models.CharField(max_length=500, blank=True)
    needless = models.BooleanField(default=False)  # skipped, as the number is already as wanted
    tries = models.PositiveIntegerField(default=0)  # times that it was sent
    waits = models.PositiveIntegerField(default=0)  # times that it was put off
    sent_at = models.DateTimeField(null=True, blank=True)
    generation = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    objects = PlanRowQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "number"], name="plan_row_once"),
            # Two plans that change one number at the same time would overwrite each other's work.
            models.UniqueConstraint(
                fields=["number"], condition=Q(state=RowState.APPLYING), name="plan_row_alone"
            ),
        ]
        indexes = [
            models.Index(fields=["plan", "state", "id"], name="plan_row_by_state"),  # the plan's page
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=sorted(OPEN_ROWS)),
                name="plan_row_due",
            ),  # the worker
            # plans with failures, counted on every page
            models.Index(fields=["plan"], condition=Q(state=RowState.FAILED), name="plan_row_failed"),
            models.Index(
                fields=["lease_until"], condition=Q(lease_until__isnull=False), name="plan_row_leased"
            ),
        ]

    def __str__(self) -> str:
        return f"Row {self.pk} of plan {self.plan_id}"

    @property
    def sent(self) -> datetime:
        """When it was sent; only for a row that was."""
        if self.sent_at is None:
            raise ValueError(f"row {self.pk} was never sent")
        return self.sent_at


class SavedView(models.Model):
    """A way to look at the list that a person has given a name, and may share: filters, sort and columns."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000)  # the address after the question mark
    shared = models.BooleanField(default=False, db_default=False)  # with everybody

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="saved_view_once")]

    def __str__(self) -> str:
        return self.name
