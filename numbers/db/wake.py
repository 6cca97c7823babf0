"""Waking the workers as soon as there is something to do.

Rows are the queue, so a wake-up that is lost costs a few seconds and nothing else: every worker also looks
on its own every few seconds, and at the time for which it knows that something is due.
PostgreSQL tells its listeners of what `announce` commits. SQLite is asked whether anybody has committed
anything, which takes a few microseconds.
"""

import logging
from collections.abc import Callable
from threading import Event
from typing import Any

from django.db import DatabaseError, connection

log = logging.getLogger(__name__)

CHANNEL = "numbers_due"
LOOK_EVERY = {"postgresql": 5.0, "sqlite": 20.0}  # seconds; a notification may get lost, a commit may not
ASK_EVERY = 0.2  # seconds; SQLite
AGAIN = 1.0  # seconds until a broken connection is made anew
_heard: list[Callable[[str], None]] = []


def announce() -> None:
    """Wake the workers of all machines once the caller's transaction is committed."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")


def stir(what: str = "") -> None:
    """Wake the worker of this process, if there is one: there may be work of the name `what`, or of any."""
    for ring in _heard:
        ring(what)


def hear(ring: Callable[[str], None]) -> None:
    """From now on `ring` is called whenever there may be something to do, and with the name of what it is."""
    _heard.append(ring)


def watch(ending: Event) -> None:
    """Stir this process whenever somebody has committed something, until `ending` is set."""
    look = _listen if connection.vendor == "postgresql" else _ask
    while not ending.is_set():
        try:
            look(ending)
        except DatabaseError as error:
            log.warning("Waiting for the database: %s", type(error).__name__)
        finally:
            connection.close()
        stir()
        ending.wait(AGAIN)


def _ask(ending: Event) -> None:
    seen = None
    with connection.cursor() as cursor:
        while not ending.wait(ASK_EVERY):
            version = cursor.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen = version
                stir()


def _listen(ending: Event) -> None:
    """On a connection of its own: one from a pool, or behind a pooler, is not always the same."""
    with connection.wrap_database_errors, _direct() as direct:
        direct.execute(f"LISTEN {CHANNEL}")
        while not ending.is_set():
            stir()
            heard = list(direct.notifies(timeout=LOOK_EVERY["postgresql"], stop_after=1))
            if not heard:
                direct.execute("SELECT 1")  # a connection that has gone silent is noticed here


def _direct() -> Any:
    pool = connection.settings_dict["OPTIONS"]["pool"]
    return pool["connection_class"].connect(**{**connection.get_connection_params(), "autocommit": True})
