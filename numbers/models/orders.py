"""Orders and their lines: the truth about every purchase, before, during and after it."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.urls import reverse

from numbers.currencies import CURRENCIES
from numbers.db.clock import db_now
from numbers.db.leases import nobody_holds
from numbers.states import (
    CANCELLABLE,
    DRIVEN,
    FINAL,
    HOLDING,
    ApprovalState,
    Ending,
    Guarantee,
    LineState,
    Outcome,
    Refusal,
)

from .inventory import Agent, Connection, Number


class Order(models.Model):
    """What somebody asked for in one go. `form_token` makes one form one order."""

    form_token = models.CharField(max_length=64, unique=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    requested_by_name = models.CharField(max_length=150, blank=True)  # outlives the account
    quantity = models.PositiveIntegerField()
    cost_once = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)  # estimate
    cost_monthly = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)  # estimate
    currency = models.CharField(max_length=3, default="USD", db_default="USD")  # of both
    # The order whose missing lines this one asks for again.
    again_of = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="tried_again")
    approval = models.CharField(
        max_length=10,
        choices=ApprovalState,
        blank=True,
        default=ApprovalState.NOT_NEEDED,
        db_default=ApprovalState.NOT_NEEDED,
    )
    # The line that calls each one once it is bought, as a test; "" where none is. Ids are given out again.
    prove_from = models.CharField(max_length=16, blank=True, default="", db_default="")
    proving = models.BooleanField(default=False, db_default=False)  # some are still to be called
    created_at = models.DateTimeField(db_default=Now())
    told_at = models.DateTimeField(null=True, blank=True)  # its end was told to who ordered it
    # What it came to, written down by the scheduler: to see that from the lines takes all of them.
    ending = models.CharField(
        max_length=10, choices=Ending, blank=True, default=Ending.OPEN, db_default=Ending.OPEN
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(cost_once=None, cost_monthly=None) | Q(cost_once__gte=0, cost_monthly__gte=0),
                name="order_estimate_not_negative",
            ),
            models.CheckConstraint(condition=Q(currency__in=CURRENCIES), name="order_currency_known"),
        ]
        indexes = [
            models.Index(fields=["created_at", "requested_by"], name="order_by_day"),  # caps per day
            models.Index(fields=["id"], condition=Q(told_at=None), name="order_untold"),  # the scheduler
            models.Index(fields=["-id"], condition=Q(approval="waiting"), name="order_waiting"),  # its list
            # the list of orders by its filters, newest first
            models.Index(fields=["requested_by_name", "created_at", "id"], name="order_by_name"),
            models.Index(fields=["created_at", "id"], name="order_by_time"),
            models.Index(fields=["ending", "-id"], name="order_by_ending"),  # the scheduler, too
            models.Index(fields=["id"], condition=Q(proving=True), name="order_proving"),  # the scheduler
        ]

    def __str__(self) -> str:
        return f"Order {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("order", args=[self.pk])


class Approval(models.Model):
    """The question whether an order may be bought, which another person than the one who asks decides.

    `digest` (`services.orders.approvals`) stands for all that was asked for: an approval is for that alone.
    """

    order = models.OneToOneField(Order, models.PROTECT, related_name="question")
    digest = models.CharField(max_length=64)
    why = models.CharField(max_length=200)  # which limit it passed
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    asked_by_name = models.CharField(max_length=150, blank=True)
    asked_at = models.DateTimeField(db_default=Now())
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_by_name = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decision = models.CharField(max_length=10, choices=ApprovalState, blank=True)  # empty: none yet
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(asked_by=None) | Q(decided_by=None) | ~Q(decided_by=F("asked_by")),
                name="approval_by_another",
            ),
            models.CheckConstraint(
                condition=Q(decision="", decided_at=None) | ~Q(decision="") & Q(decided_at__isnull=False),
                name="approval_decided_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"Approval of order {self.order_id}"


class Draft(models.Model):
    """What somebody is about to order, as the confirming step shows it; buying it makes it an order.

    `wants` holds what `services.orders.items.Want` holds. It is thrown away after a day.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="drafts")
    form_token = models.CharField(max_length=500)  # as signed for the form
    telephony_provider = models.CharField(max_length=50)
    telephony_account_connection = models.CharField(max_length=200)  # the id at Fluents
    wants = models.JSONField()
    source = models.CharField(max_length=200, blank=True)  # the name of the file that it was read from
    warnings = models.JSONField(default=list, db_default=[], blank=True)  # of how that file was read
    again_of = models.ForeignKey(Order, models.CASCADE, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="draft_by_age")]

    def __str__(self) -> str:
        return f"Draft {self.pk}"

    def get_absolute_url(self) -> str:
        return f"{reverse('order-new')}?draft={self.pk}"


class TypedForm(models.Model):
    """What a person has typed into the purchase form and not ordered yet, each field as it stands there."""

    owner = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="typed_form")
    values = models.JSONField(default=dict)
    saved_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"What {self.owner} has typed"


class LineQuerySet(models.QuerySet):
    def open(self) -> "LineQuerySet":
        return self.exclude(state__in=FINAL)

    def claimable(self) -> "LineQuerySet":
        """Lines that nobody holds and whose time has come, by the database's clock.

        Those under review are among them only after a person has asked to look once more.
        """
        free = nobody_holds()
        return self.filter(free, due_at__lte=db_now()).exclude(state__in=FINAL | {LineState.SENDING})

    def due(self) -> "LineQuerySet":
        """Lines that a worker should take further now."""
        return self.claimable().filter(state__in=DRIVEN - {LineState.SENDING})


class Line(models.Model):
    """One wanted phone number of an order.

    A worker owns a line while `lease_until` is ahead; `generation` grows with every lease,
    so a worker that slept through its lease can no longer write. Both go by the database's clock.
    `lease_by` tells a worker's successor what it may free at once.
    """

    cleared: bool  # whether it may be bought; set by the query that claims it

    order = models.ForeignKey(Order, models.PROTECT, related_name="lines", db_index=False)
    position = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=LineState, default=LineState.PLANNED)

    # What is wanted.
    telephony_provider = models.CharField(max_length=50)
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="lines")
    agent = models.ForeignKey(Agent, models.PROTECT, null=True, blank=True, related_name="lines")
    area_code = models.CharField(max_length=3, blank=True)
    wanted_number = models.CharField(max_length=16, blank=True)
    label = models.CharField(max_length=200, blank=True, default="", db_default="")  # for the number
    tags = models.JSONField(default=list, db_default=[], blank=True)  # sorted names, for the number

    # How far it has come.
    phone_number = models.CharField(max_length=16, blank=True)  # the one number at hand
    guarantee = models.CharField(max_length=10, choices=[(g, g) for g in Guarantee], default=Guarantee.EXACT)
    by_area_code = models.BooleanField(default=False)  # bought without naming a number
    number = models.ForeignKey(Number, models.PROTECT, null=True, blank=True, related_name="lines")
    holding = models.PositiveIntegerField(default=1, db_default=1)  # of NUMBER, as it was bought
    reason = models.CharField(max_length=500, blank=True)  # what happened last, for people
    tries = models.PositiveIntegerField(default=0)  # attempts, whatever their number
    sends = models.PositiveIntegerField(default=0)  # purchases sent for the number at hand
    retries = models.PositiveIntegerField(default=0)  # reads of Fluents that failed in a row
    searches = models.PositiveIntegerField(default=0)  # times that no number was found
    looks = models.PositiveIntegerField(default=0)  # look-ups since the last send
    absences = models.PositiveIntegerField(default=0)  # of these, complete ones that did not find it
    checked_at = models.DateTimeField(null=True, blank=True)  # looked up as not ours
    # When it was last sent, or plainly refused: look-ups are timed from here.
    sent_at = models.DateTimeField(null=True, blank=True)
    # While unknown: each purchase that was sent for the number at hand was refused, the last one so.
    refusal = models.CharField(max_length=10, choices=Refusal, blank=True, default="", db_default="")

    lease_until = models.DateTimeField(null=True, blank=True)
    lease_by = models.CharField(max_length=32, blank=True, default="", db_default="")  # the holder's place
    generation = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    raised = models.PositiveIntegerField(default=0)  # times in a row that our code failed on this line

    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, blank=True)

    objects = LineQuerySet.as_manager()

    class Meta:
        ordering = ["order", "position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="line_position_once"),
            models.UniqueConstraint(
                fields=["phone_number"],
                condition=Q(state__in=sorted(HOLDING)) & ~Q(phone_number=""),
                name="line_holds_number_alone",
            ),
            # One purchase makes a number ours: a cached answer must not settle another line.
            models.UniqueConstraint(
                fields=["number", "holding"],
                condition=Q(state=LineState.BOUGHT),
                name="line_bought_holding_alone",
            ),
            # Two purchases by area code that both get lost could not be told apart.
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(
                    by_area_code=True,
                    state__in=sorted([LineState.RESERVED, LineState.SENDING, LineState.UNKNOWN]),
                ),
                name="line_by_area_code_alone",
            ),
            models.CheckConstraint(condition=Q(state__in=sorted(LineState)), name="line_state_known"),
            models.CheckConstraint(
                condition=~Q(area_code="") | ~Q(wanted_number=""), name="line_wants_something"
            ),
            models.CheckConstraint(
                condition=~Q(state=LineState.BOUGHT) | Q(number__isnull=False), name="line_bought_has_number"
            ),
        ]
        indexes = [
            # the worker: lines whose time has come, and leases that may have run out
            models.Index(
                fields=["due_at"], condition=Q(state__in=sorted(DRIVEN | {LineState.REVIEW})), name="line_due"
            ),
            models.Index(fields=["lease_until"], condition=Q(lease_until__isnull=False), name="line_leased"),
            # the review desk, and its count on every page; SQLite does not see that a state belongs to
            # the condition of the next one
            models.Index(fields=["state", "-id"], name="line_by_state"),
            # counts of moving lines (gate)
            models.Index(
                fields=["state"],
                condition=Q(state__in=sorted(set(LineState) - FINAL)),
                name="line_open_by_state",
            ),
            models.Index(
                fields=["phone_number"], condition=~Q(phone_number=""), name="line_by_number"
            ),  # reconcile
            models.Index(fields=["wanted_number"], condition=~Q(wanted_number=""), name="line_by_wanted"),
        ]

    def __str__(self) -> str:
        return f"Line {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state not in FINAL

    @property
    def is_cancellable(self) -> bool:
        return self.state in CANCELLABLE

    @property
    def sent(self) -> datetime:
        """When it was sent last; only for a line that was."""
        if self.sent_at is None:
            raise ValueError(f"line {self.pk} was never sent")
        return self.sent_at


class Attempt(models.Model):
    """One purchase that is about to be sent, on disk before it leaves."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    line = models.ForeignKey(Line, models.PROTECT, related_name="attempts")
    n = models.PositiveIntegerField()
    generation = models.PositiveIntegerField()
    phone_number = models.CharField(max_length=16, blank=True)
    area_code = models.CharField(max_length=3, blank=True)
    owned_before = models.JSONField(null=True, blank=True)  # snapshot, where bought by area code
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.SENDING)
    status = models.PositiveSmallIntegerField(null=True, blank=True)  # of HTTP
    detail = models.CharField(max_length=500, blank=True)
    trial = models.BooleanField(default=False)  # let through alone, to see whether Fluents is back
    answer = models.JSONField(null=True, blank=True)  # known fields only
    sent_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["line", "n"]
        constraints = [models.UniqueConstraint(fields=["line", "n"], name="attempt_n_once")]
        indexes = [
            # the breaker reads the latest finished attempts
            models.Index(
                fields=["-finished_at"], condition=Q(finished_at__isnull=False), name="attempt_finished"
            ),
        ]

    def __str__(self) -> str:
        return f"Attempt {self.n} of line {self.line_id}"


class Look(models.Model):
    """One look-up of an unanswered purchase: the evidence that settles it."""

    line = models.ForeignKey(Line, models.PROTECT, related_name="look_ups")
    at = models.DateTimeField(db_default=Now())
    complete = models.BooleanField()  # both endpoints were read to the end
    found = models.BooleanField()
    phone_numbers = models.JSONField(default=list)  # what was found
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["line", "id"]

    def __str__(self) -> str:
        return f"Look-up {self.pk} of line {self.line_id}"
