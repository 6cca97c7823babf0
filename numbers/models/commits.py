"""Which transactions changed something that pages show (`numbers.db.news`)."""

from django.db import models
from django.db.models.functions import Now


class Commit(models.Model):
    """PostgreSQL: the id of such a transaction, kept for an hour. SQLite: one row, which counts them up."""

    n = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"Transaction {self.n}"
