"""Who did what: the append-only events, and the clock that everything goes by."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import connection
from django.db.models import DateTimeField, Func
from django.utils import timezone

from ..models import Event
from ..prepared import cursor, put

ADDRESS: ContextVar[str] = ContextVar("address", default="")  # of whoever sent the request at hand


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who asks for an act: a person with the id of their request, or the product itself."""

    user: AbstractUser | None = None
    name: str = ""
    request_id: str = ""
    address: str = ""

    @classmethod
    def person(cls, user: AbstractUser, request_id: str = "") -> "By":
        return cls(user=user, name=user.get_username(), request_id=request_id, address=ADDRESS.get())


SYSTEM = By()


def record(*, action: str, by: By = SYSTEM, reason: str = "", **about) -> Event:
    """Append one event. ABOUT names order, line, number, before, after."""
    event = Event(
        action=action,
        actor=by.user,
        actor_name=by.name,
        request_id=by.request_id,
        address=by.address,
        reason=reason[:500],
        **about,
    )
    put(event)
    return event


class Clock(Func):
    """The time for a query that is sent anyway; None on SQLite, where asking costs nothing: see `db_now`."""

    template, arity, output_field = "NULL", 0, DateTimeField()

    def as_postgresql(self, compiler, connection, **options):
        return super().as_sql(compiler, connection, template="clock_timestamp()", **options)


CLOCK = Clock()


def db_now() -> datetime:
    """The database's clock, so that leases of several machines agree (SQLite: there is one machine)."""
    if connection.vendor == "sqlite":
        return timezone.now()
    with cursor() as asked:
        asked.execute("SELECT clock_timestamp()")
        return asked.fetchone()[0]
