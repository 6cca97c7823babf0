"""A local copy of what the account owns at Fluents: connections, agents, numbers."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest, Now
from django.urls import reverse

from numbers.number_fields import DRIFT_KINDS
from numbers.states import AWAY, NumberStatus, Origin, Standing


class Remote(models.Model):
    """Something that lives at Fluents under an id of theirs.

    A row may begin as a bare id, typed by a person or named by another answer;
    `synced_at` is empty until Fluents has listed it.
    """

    api_id = models.CharField("Fluents ID", max_length=200, unique=True)
    label = models.CharField(max_length=200, blank=True)
    description = models.CharField(max_length=200, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def short_id(self) -> str:
        """Enough of the id to tell two of the same name apart."""
        return self.api_id[:8]


class Connection(Remote):
    """A telephony account connection. Its credentials stay at Fluents."""

    telephony_provider = models.CharField(max_length=50, blank=True)

    class Meta:
        ordering = ["telephony_provider", "label", "id"]

    def __str__(self) -> str:
        return self.label or self.api_id


class Agent(Remote):
    """The voice agent that answers a number. Its prompt and actions stay at Fluents."""

    name = models.CharField(max_length=200, blank=True)
    # The name that a person last acknowledged; another one now means that it was renamed at Fluents.
    known_as = models.CharField(max_length=200, blank=True, default="", db_default="")
    language = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name or self.label or self.api_id

    @property
    def is_renamed(self) -> bool:
        """Whether it has another name at Fluents than the one that a person acknowledged."""
        return bool(not self.gone_at and self.known_as and self.known_as != self.name)


class Tag(models.Model):
    """A word of ours on numbers."""

    name = models.CharField(max_length=50, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


@models.JSONField.register_lookup
class Holds(models.Lookup):
    """`drift__holds="label"`: as `has_key`, for a word of our own, which stands in the SQL itself.

    SQLite finds a partial index only by what is written in both, never by a parameter.
    """

    lookup_name, prepare_rhs = "holds", False

    def as_sql(self, compiler, connection) -> tuple[str, tuple]:
        column, params = self.process_lhs(compiler, connection)
        if not self.rhs.isidentifier():
            raise ValueError(self.rhs)
        sqlite = connection.vendor == "sqlite"
        asked = f"JSON_TYPE({column}, '$.{self.rhs}') IS NOT NULL" if sqlite else f"{column} ? '{self.rhs}'"
        return asked, params


class NullsLast(models.Index):
    """An index for `ORDER BY ... DESC NULLS LAST`; SQLite needs no word for it and takes none."""

    def create_sql(self, model, schema_editor, using="", **kwargs):
        if schema_editor.connection.vendor != "postgresql":
            return super().create_sql(model, schema_editor, using, **kwargs)
        plain = self.fields_orders
        self.fields_orders = [
            (name, f"{order} NULLS LAST" if model._meta.get_field(name).null else order)
            for name, order in plain
        ]
        try:
            return super().create_sql(model, schema_editor, using, **kwargs)
        finally:
            self.fields_orders = plain


class NumberQuerySet(models.QuerySet):
    def owned(self) -> "NumberQuerySet":
        return self.exclude(status__in=AWAY)

    def unassigned(self) -> "NumberQuerySet":
        return self.owned().filter(agent=None)

    def unexplained(self) -> "NumberQuerySet":
        return self.owned().exclude(standing=Standing.EXPLAINED)


#: What the list filters by, and what it sorts by; by times it does both.
FILTERED = ["status", "agent", "connection", "telephony_provider", "region", "area_code", "wrong_agent"]
SORTED = ["e164", "label", "answerer", "bought_at", "synced_at", "calls_30", "last_call_at", "quiet_since"]


class Number(models.Model):
    """A phone number that we own, cached; kept for good, also after it is gone."""

    e164 = models.CharField("number", max_length=16, unique=True)
    api_id = models.CharField("Fluents ID", max_length=200, blank=True)
    telephony_provider = models.CharField(max_length=50, blank=True)
    connection = models.ForeignKey(
        Connection, models.PROTECT, null=True, blank=True, related_name="numbers", db_index=False
    )
    agent = models.ForeignKey(
        Agent, models.PROTECT, null=True, blank=True, related_name="numbers", db_index=False
    )
    label = models.CharField(max_length=200, blank=True)
    description = models.CharField(max_length=1000, blank=True)
    outbound_only = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=NumberStatus, default=NumberStatus.ACTIVE)
    area_code = models.CharField(max_length=3, blank=True, default="", db_default="")
    region = models.CharField(max_length=2, blank=True, default="", db_default="")  # by the area code
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.FOUND, db_default=Origin.FOUND)
    tags = models.ManyToManyField(Tag, blank=True, related_name="numbers")  # ours; Fluents takes none
    # Fields in which Fluents differs from our books: {"agent": {"ours": ..., "theirs": ...}}
    drift = models.JSONField(default=dict, db_default={}, blank=True)
    drifted = models.BooleanField(default=False, db_default=False)
    standing = models.CharField(
        max_length=12, choices=Standing, blank=True, default=Standing.EXPLAINED, db_default=Standing.EXPLAINED
    )
    answer = models.JSONField("latest Fluents response, known fields only", default=dict, blank=True)
    digest = models.CharField(max_length=16, blank=True, default="", db_default="")  # of that answer
    # Grows each time that it becomes ours again: one line at most has bought each holding.
    holding = models.PositiveIntegerField(default=1, db_default=1)
    bought_at = models.DateTimeField(null=True, blank=True)
    bought_by = models.CharField(max_length=150, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Its calls, as `services.calls` has counted them; where calls aren't known, these say nothing.
    calls_30 = models.PositiveIntegerField(default=0, db_default=0)  # the last 30 days
    wrong_agent = models.BooleanField(default=False, db_default=False)  # answered one of them
    last_call_at = models.DateTimeField(null=True, blank=True)
    # Since when nothing has happened on it: its last call, or else since it is ours.
    quiet_since = models.GeneratedField(
        expression=Coalesce(
            Greatest(F("last_call_at"), Coalesce(F("bought_at"), F("last_call_at"))),
            F("bought_at"),
            F("created_at"),
        ),
        output_field=models.DateTimeField(),
        db_persist=True,
    )
    # What the list sorts by: who answers, in lower case; "" where nobody does. Services keep it true.
    answerer = models.CharField(max_length=200, blank=True, default="", db_default="")
    # What the search looks through: digits, label, agent, tags, city and state. Services keep it true.
    search_text = models.TextField(blank=True, default="", db_default="")

    objects = NumberQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(e164__startswith="+"), name="number_is_e164"),
        ]
        indexes = [
            # the list, newest first, by each of its filters; the tail -id makes its pages by key
            models.Index(fields=["agent", "-id"], name="number_by_agent"),
            models.Index(fields=["connection", "-id"], name="number_by_connection"),
            models.Index(fields=["region", "-id"], name="number_by_region"),
            models.Index(fields=["region", "e164"], name="number_by_region_e164"),  # sorted by number, too
            models.Index(fields=["area_code", "-id"], name="number_by_area_code"),
            models.Index(fields=["status", "id"], name="number_by_status"),
            models.Index(fields=["telephony_provider", "-id"], name="number_by_provider"),
            # the same filters together with a status, and how many numbers each of them matches
            models.Index(fields=["agent", "status", "-id"], name="number_by_agent_status"),
            models.Index(fields=["connection", "status", "-id"], name="number_by_conn_status"),
            models.Index(fields=["region", "status", "-id"], name="number_by_region_status"),
            # those that differ: few, so their index holds all that the list filters and sorts by
            models.Index(
                fields=["drifted", "-id", *FILTERED, *SORTED],
                condition=Q(drifted=True),
                name="number_drifted",
            ),
            *(
                models.Index(fields=["-id"], condition=Q(drift__holds=kind), name=f"number_drift_{kind}")
                for kind in DRIFT_KINDS
            ),
            # the list sorted by what its columns show, either way
            NullsLast(fields=["-bought_at", "-id"], name="number_by_bought"),
            NullsLast(fields=["-synced_at", "-id"], name="number_by_synced"),
            NullsLast(fields=["-last_call_at", "-id"], name="number_by_last_call"),
            models.Index(fields=["calls_30", "id"], name="number_by_calls"),
            models.Index(fields=["label", "id"], name="number_by_label"),
            models.Index(fields=["answerer", "id"], name="number_by_answerer"),
            # idle ones, and those that another agent has answered
            models.Index(fields=["quiet_since", "id"], name="number_by_quiet"),
            models.Index(
                fields=["wrong_agent", "-id"], condition=Q(wrong_agent=True), name="number_wrong_agent"
            ),
            # numbers that nobody answers, oldest first
            models.Index(fields=["id"], condition=Q(agent=None), name="number_unassigned"),
            models.Index(fields=["standing"], condition=~Q(standing=""), name="number_unexplained"),
            # their count on every page
            models.Index(fields=["status"], condition=Q(agent=None), name="number_unassigned_count"),
        ]

    def __str__(self) -> str:
        return self.e164

    def get_absolute_url(self) -> str:
        return reverse("number", args=[self.e164])


class Reconciliation(models.Model):
    """One comparison of our books with Fluents, and what differed."""

    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    requested_by = models.CharField(max_length=150, blank=True)
    error = models.CharField(max_length=500, blank=True)
    differences = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Reconciliation {self.pk}"
