"""Our own price table."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from numbers.currencies import CURRENCIES

from .inventory import Connection


class PriceQuerySet(models.QuerySet["Price"]):
    def in_force(self) -> "PriceQuerySet":
        """Prices that have begun: of a connection's own and its provider's, the first one counts."""
        begun = self.filter(valid_from__lte=timezone.localdate())
        return begun.order_by("telephony_provider", F("connection").asc(nulls_last=True), "-valid_from")


class Price(models.Model):
    """Our own price table: the API names no price, so every figure made of it is an estimate.

    A price counts from the day that it names until the next one of its provider or connection begins.
    """

    telephony_provider = models.CharField(max_length=50)
    connection = models.ForeignKey(Connection, models.CASCADE, null=True, blank=True)
    once = models.DecimalField("setup fee, per line", max_digits=8, decimal_places=2, default=0)
    monthly = models.DecimalField("monthly, per line", max_digits=8, decimal_places=2)
    currency = models.CharField(max_length=3, default="USD")
    valid_from = models.DateField("valid from", default=timezone.localdate)
    set_by_name = models.CharField(max_length=150, blank=True)
    set_at = models.DateTimeField(db_default=Now())

    objects = PriceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["telephony_provider", "connection", "valid_from"], name="price_once_a_day"
            ),
            models.UniqueConstraint(
                fields=["telephony_provider", "valid_from"],
                condition=Q(connection=None),
                name="price_once_a_provider_and_day",
            ),
            models.CheckConstraint(
                condition=Q(once__gte=0, monthly__gte=0),
                name="price_not_negative",
                violation_error_message="A price can't be negative.",
            ),
            models.CheckConstraint(
                condition=Q(currency__in=CURRENCIES),
                name="price_currency_known",
                violation_error_message="Use an ISO 4217 currency code in capitals, such as USD or EUR.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.telephony_provider}: {self.monthly} {self.currency} a month"
