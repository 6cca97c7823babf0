"""What raises an alarm and who hears of it, and every alarm that there was."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class AlarmRule(models.Model):
    """One kind of alarm: whether it is on, from which threshold, and who hears of it."""

    class Kind(models.TextChoices):
        UNANSWERED = "unanswered", "Calls not answered"
        WRONG = "wrong", "Wrong agent answered"
        SILENT = "silent", "Lines without calls"
        AGENT = "agent", "Agent deleted"
        REVIEW = "review", "Purchase to confirm"
        BREAKER = "breaker", "Buying stopped"
        SYNC = "sync", "Sync overdue"
        BUDGET = "budget", "Budget nearly used"

    kind = models.CharField(max_length=10, choices=Kind, unique=True)
    on = models.BooleanField(default=False)
    threshold = models.PositiveIntegerField(null=True, blank=True)  # empty where the kind has none
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="+")
    webhook = models.BooleanField(default=True)
    slack = models.BooleanField(default=True)
    set_by_name = models.CharField(max_length=150, blank=True)
    set_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return str(self.get_kind_display())


class Alarm(models.Model):
    """Something that is, or was, as it should not be: told once when it begins and once when it ends."""

    kind = models.CharField(max_length=10, choices=AlarmRule.Kind)
    subject = models.CharField(max_length=200, blank=True)  # what it is about; "" for the whole
    text = models.CharField(max_length=300)
    began_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(ended_at=None), name="alarm_open_once"
            ),
        ]
        indexes = [models.Index(fields=["ended_at"], name="alarm_by_end")]

    def __str__(self) -> str:
        return self.text
