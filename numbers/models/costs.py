"""What lines cost month by month, and the providers' invoices that were matched with our records."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse

from numbers.currencies import CURRENCIES

from .inventory import Connection, Number, Tag


class CountedMonth(models.Model):
    """A month whose costs were counted; one that is over is counted once more, and then kept as it is."""

    month = models.DateField(unique=True)  # its first day
    counted_at = models.DateTimeField(null=True)  # never yet
    seconds = models.FloatField(default=0)  # that counting took
    last_event = models.BigIntegerField(default=0)  # nothing happened since: no need to count again
    lease_until = models.DateTimeField(null=True, blank=True)  # somebody counts

    class Meta:
        ordering = ["-month"]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class MonthCost(models.Model):
    """What the lines of one agent, of one tag or of all cost in a month, in one currency."""

    class Kind(models.TextChoices):
        ALL = "all", "All lines"
        AGENT = "agent", "Agent"
        TAG = "tag", "Tag"

    month = models.ForeignKey(CountedMonth, models.CASCADE, related_name="costs", db_index=False)
    kind = models.CharField(max_length=5, choices=Kind)
    key = models.CharField(max_length=200, blank=True)  # the agent's id at Fluents or the tag; "" for neither
    name = models.CharField(max_length=200, blank=True)  # what it was called then
    currency = models.CharField(max_length=3, blank=True)  # "": lines without a price
    lines = models.PositiveIntegerField()
    used = models.PositiveIntegerField(null=True)  # of these, with a call in the month; empty: not known
    cost = models.DecimalField(max_digits=14, decimal_places=2)

    class Meta:
        ordering = ["-month__month", "kind", "-cost", "name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["month", "kind", "key", "currency"], name="month_cost_once"),
        ]

    def __str__(self) -> str:
        return f"{self.month}: {self.name or self.get_kind_display()}"

    @property
    def per_line(self) -> Decimal:
        return (self.cost / max(self.lines, 1)).quantize(Decimal("0.01"))

    @property
    def per_used_line(self) -> Decimal | None:
        """None where no line was used, or nobody knows."""
        return (self.cost / self.used).quantize(Decimal("0.01")) if self.used else None


class Budget(models.Model):
    """What the lines with a tag may cost a month, in LIMIT_CURRENCY; BUDGET_MONTH is that of all lines."""

    tag = models.OneToOneField(Tag, models.CASCADE, related_name="budget")
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    set_by_name = models.CharField(max_length=150, blank=True)
    set_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["tag__name"]
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="budget_is_something")]

    def __str__(self) -> str:
        return f"{self.tag}: {self.amount}"


class Invoice(models.Model):
    """A provider's invoice that somebody uploaded, and what matching it came to.

    `content` is the file until it was matched; nothing but the findings is kept of it.
    """

    class State(models.TextChoices):
        COLUMNS = "columns", "Choose columns"  # nobody has said yet which columns count
        WAITING = "waiting", "Matching"  # a worker does it
        DONE = "done", "Matched"
        REFUSED = "refused", "Can't be read"

    name = models.CharField(max_length=200)  # of the file
    telephony_provider = models.CharField(max_length=50)
    connection = models.ForeignKey(Connection, models.PROTECT, null=True, blank=True, related_name="+")
    month = models.DateField()  # its first day
    currency = models.CharField(max_length=3)  # where the file does not say
    whole = models.BooleanField(default=True)  # else lines that it does not name may be in another file
    content = models.BinaryField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    uploaded_by_name = models.CharField(max_length=150, blank=True)
    uploaded_at = models.DateTimeField(db_default=Now())
    counts = models.JSONField(default=dict)  # see `services.costs.invoice_match.Match`
    unread = models.JSONField(default=list)  # the first of the rows that could not be read
    errors = models.JSONField(default=list)  # why the file as a whole could not be
    lease_until = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(currency__in=CURRENCIES), name="invoice_currency_known"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="invoice_due"),  # the worker
        ]

    def __str__(self) -> str:
        return f"Invoice {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("invoice", args=[self.pk])

    @property
    def differences(self) -> int:
        """How many findings there are."""
        return sum(self.counts.get("findings", {}).values())


class Finding(models.Model):
    """One number about which an invoice and our records differ."""

    class Kind(models.TextChoices):
        STRANGE = "strange", "Billed, not ours"
        UNBILLED = "unbilled", "Ours, not billed"
        PRICE = "price", "Price differs"
        AWAY = "away", "Released, still billed"

    invoice = models.ForeignKey(Invoice, models.CASCADE, related_name="findings")
    kind = models.CharField(max_length=10, choices=Kind)
    e164 = models.CharField(max_length=16)
    number = models.ForeignKey(Number, models.PROTECT, null=True, blank=True, related_name="+")
    rows = models.JSONField(default=list)  # of the file, as a spreadsheet counts them
    billed = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    expected = models.DecimalField(max_digits=12, decimal_places=2, null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)  # of what was billed, else of what was expected
    text = models.CharField(max_length=300)

    class Meta:
        ordering = ["invoice", "kind", "id"]
        constraints = [models.UniqueConstraint(fields=["invoice", "kind", "e164"], name="finding_once")]
        indexes = [models.Index(fields=["invoice", "-id"], name="finding_by_invoice")]  # its page, by key

    def __str__(self) -> str:
        return f"{self.kind} {self.e164}"


class InvoiceLayout(models.Model):
    """Which columns count in the files of a provider that are not known by themselves, as a person said."""

    telephony_provider = models.CharField(max_length=50)
    columns = models.JSONField()  # {what: title}
    only = models.CharField(max_length=200, blank=True)  # words that the kind of a counted row has
    set_by_name = models.CharField(max_length=150, blank=True)
    set_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.telephony_provider}: {', '.join(self.columns.values())}"
