"""Reading Fluents: the sync that is asked for, and what the ones before came to."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class SyncRequest(models.Model):
    """The sync that is to be made, or was made last. There is one at a time."""

    SINGLE = 1

    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )  # nobody: the schedule
    request_id = models.CharField(max_length=64, blank=True)
    asked_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="sync_request_is_single")]

    def __str__(self) -> str:
        return "The sync"


class SyncState(models.Model):
    """One row: how far our copy of Fluents is, and whose account it is a copy of."""

    SINGLE = 1

    looked_at = models.DateTimeField(null=True, blank=True)  # when the latest complete list of numbers began
    synced_at = models.DateTimeField(null=True, blank=True)
    # When the latest sync began that found all numbers: each of ours was seen then, whatever its row says.
    seen_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)  # why the latest sync failed or is not complete

    # Whose records these are, from the first sync on.
    api_host = models.CharField(max_length=200, blank=True)
    user_id = models.CharField(max_length=200, blank=True)  # the account's at Fluents
    # What a person has to accept before a sync changes anything: kind, text, and what it would change.
    doubt = models.JSONField(default=dict, blank=True)
    gone_accepted = models.PositiveIntegerField(default=0)  # so many numbers may be marked as gone next

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="sync_state_is_single")]

    def __str__(self) -> str:
        return "The state of our copy"
