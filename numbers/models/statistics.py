"""What the overview shows of the whole books."""

from django.db import models
from django.db.models import Q


class Figures(models.Model):
    """One row, counted in the background: a page must not count a million numbers."""

    SINGLE = 1

    counts = models.JSONField(default=dict)
    counted_at = models.DateTimeField(null=True)  # never yet
    seconds = models.FloatField(default=0)  # that counting took
    lease_until = models.DateTimeField(null=True, blank=True)  # somebody counts
    last_event = models.BigIntegerField(default=0)  # nothing happened since: no need to count again

    class Meta:
        verbose_name_plural = "figures"
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="figures_are_single")]

    def __str__(self) -> str:
        return "The figures"
