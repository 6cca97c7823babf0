"""What belongs to the accounts of people, beyond what Django and allauth keep."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class AccountLink(models.Model):
    """A link that lets one person choose the password of their account, once. Only its digest is kept."""

    class Purpose(models.TextChoices):
        INVITATION = "invitation", "Invitation"
        RESET = "reset", "Password reset"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="links")
    purpose = models.CharField(max_length=10, choices=Purpose)
    digest = models.CharField(max_length=64, unique=True)
    made_by_name = models.CharField(max_length=150)
    made_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(used_at=None), name="one_open_link_a_person")
        ]

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} {self.pk}"
