"""Whether there is anything to do, asked many times a second: cheaply, since the answer is mostly no.

Django works the SQL of a query out each time, which costs ten times what the database needs to answer.
Here that is done once a process, so these queries know the time by the database's clock alone.
"""

from collections.abc import Callable
from functools import cache

from django.db import connection
from django.db.models import QuerySet, Subquery
from django.db.models.functions import Now
from django_tasks_db.models import DBTaskResult

from ..models import Delivery, Event, Line
from .leasing import plans_at_hand
from .sweeping import expired
from .telling import orders_ended


def anything_to_sweep() -> bool:
    """It may say yes where a round then finds nothing, never the reverse."""
    return _any(_for_the_sweeper)


def anything_to_run() -> bool:
    """Whether a task waits for a worker."""
    return _any(_for_a_worker)


def _for_the_sweeper() -> list[QuerySet]:
    newest = Event.objects.order_by("-pk").values("pk")[:1]
    return [
        expired(),
        Line.objects.due(),
        plans_at_hand(),
        orders_ended(),
        Delivery.objects.filter(due_at__lte=Now()),
        Event.objects.filter(pk=Subquery(newest), seal=None),
    ]


def _for_a_worker() -> list[QuerySet]:
    return [DBTaskResult.objects.filter(status="READY")]


def _any(rows: Callable[[], list[QuerySet]]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(*_question(rows))
        return bool(cursor.fetchone()[0])


@cache
def _question(rows: Callable[[], list[QuerySet]]) -> tuple[str, list]:
    parts = [found.order_by().values("pk").query.sql_with_params() for found in rows()]
    either = " OR ".join(f"EXISTS ({sql})" for sql, _ in parts)
    return f"SELECT {either}", [value for _, params in parts for value in params]
