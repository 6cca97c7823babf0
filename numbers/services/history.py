"""Who did what: the append-only events, and the clock that everything goes by."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractUser
from django.db import connection
from django.utils import timezone

from ..models import Event

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
    return Event.objects.create(
        action=action,
        actor=by.user,
        actor_name=by.name,
        request_id=by.request_id,
        address=by.address,
        reason=reason[:500],
        **about,
    )


def db_now() -> datetime:
    """The database's clock, so that leases of several machines agree (SQLite: there is one machine)."""
    if connection.vendor == "sqlite":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]
