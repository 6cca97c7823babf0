"""Who did what: the append-only events."""

import os
import pwd
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from dashboard.htmx import Request
from numbers.models import Event

REQUEST: ContextVar[Request | None] = ContextVar("request", default=None)  # the one at hand
ADDRESS: ContextVar[str] = ContextVar("address", default="")  # where the request at hand came from


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who asks for an act: a person with the id of their request, a command, or the product itself.

    A person is the account, whatever it is called. A command without an account is the `system_user` in whose
    shell it was typed.
    """

    user: User | None = None
    name: str = ""
    request_id: str = ""
    address: str = ""
    system_user: str = ""

    @classmethod
    def person(cls, user: User, request_id: str = "") -> "Actor":
        return cls(user=user, name=user.get_username(), request_id=request_id, address=ADDRESS.get())

    @classmethod
    def command(cls, request_id: str = "") -> "Actor":
        """The user who runs this process, as the system says: the environment could say anything."""
        try:
            user = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:  # containers run as users that have no name
            user = str(os.getuid())
        return cls(name=f"{user} (command line)", request_id=request_id, system_user=user)


SYSTEM = Actor()


def record_event(*, action: str, by: Actor = SYSTEM, reason: str = "", **about: Any) -> Event:
    """Append one event. `about` names order, line, number, before, after."""
    return Event.objects.create(
        action=action,
        actor=by.user,
        actor_name=by.name,
        request_id=by.request_id,
        address=by.address,
        reason=reason[:500],
        **about,
    )
