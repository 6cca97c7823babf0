"""A local copy of what the account owns at Fluents: connections, agents, numbers."""

from django.db import models
from django.db.models import Q
from django.urls import reverse

from ..states import AWAY, NumberStatus, Origin


class Remote(models.Model):
    """Something that lives at Fluents under an id of theirs.

    A row may begin as a bare id, typed by a person or named by another answer;
    `synced_at` is empty until Fluents has listed it.
    """

    api_id = models.CharField("id at Fluents", max_length=200, unique=True)
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
    """The voice agent that answers. Its prompt and actions stay at Fluents."""

    name = models.CharField(max_length=200, blank=True)
    # The name that a person last acknowledged; another one now means that it was renamed at Fluents.
    known_as = models.CharField(max_length=200, blank=True, default="", db_default="")
    language = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name or self.label or self.api_id


class Tag(models.Model):
    """A word of ours on numbers."""

    name = models.CharField(max_length=50, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


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

    def holding_digits(self, text: str) -> "NumberQuerySet":
        """Numbers that contain the digits of TEXT, however those were typed."""
        digits = "".join(c for c in text if c in "0123456789")
        return self.filter(e164__contains=digits) if digits else self.none()


class Number(models.Model):
    """A phone number that we own, cached; kept for good, also after it is gone."""

    e164 = models.CharField("number", max_length=16, unique=True)
    api_id = models.CharField("id at Fluents", max_length=200, blank=True)
    telephony_provider = models.CharField(max_length=50, blank=True)
    connection = models.ForeignKey(Connection, models.PROTECT, null=True, blank=True, related_name="numbers")
    agent = models.ForeignKey(Agent, models.PROTECT, null=True, blank=True, related_name="numbers")
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
    answer = models.JSONField("last answer of Fluents, known fields only", default=dict, blank=True)
    bought_at = models.DateTimeField(null=True, blank=True)
    bought_by = models.CharField(max_length=150, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # What the search looks through, in lower case: digits, label, agent, tags. Services keep it true.
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
            models.Index(fields=["area_code", "-id"], name="number_by_area_code"),
            models.Index(fields=["status", "-id"], name="number_by_status"),
            # the same filters together with a status, and how many numbers each of them matches
            models.Index(fields=["agent", "status", "-id"], name="number_by_agent_status"),
            models.Index(fields=["connection", "status", "-id"], name="number_by_conn_status"),
            models.Index(fields=["region", "status", "-id"], name="number_by_region_status"),
            models.Index(fields=["drifted", "-id"], condition=Q(drifted=True), name="number_drifted"),
            # the list sorted by what its columns show, either way
            NullsLast(fields=["-bought_at", "-id"], name="number_by_bought"),
            NullsLast(fields=["-synced_at", "-id"], name="number_by_synced"),
            models.Index(fields=["label", "id"], name="number_by_label"),
            # numbers that nobody answers, oldest first
            models.Index(fields=["id"], condition=Q(agent=None), name="number_unassigned"),
            # their count on every page
            models.Index(fields=["status"], condition=Q(agent=None), name="number_unassigned_count"),
        ]

    def __str__(self) -> str:
        return self.e164

    def get_absolute_url(self) -> str:
        return reverse("number", args=[self.e164])
