"""PostgreSQL connections that are given up when the server, or the way to it, has gone silent.

A peer that is dead without having said so is noticed by the keepalives of TCP. One that still takes our bytes
and never answers is not: a thread would wait for ever. So each wait for an answer has an end.
"""

import time
from typing import Any

import psycopg
from django.db import connections
from psycopg_pool import ConnectionPool

CHECK_SECONDS = 3.0  # for a connection of the pool to say that it is alive
_drained = {"at": 0.0}  # the monotonic clock; connections made before are out of the pool, or will be


class PatientConnection(psycopg.Connection):
    """Waits for an answer for PATIENCE seconds, then raises OperationalError and is closed. 0: for ever."""

    patience = 0.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.made_at = time.monotonic()

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        if timeout is not None or not self.patience:
            return super().wait(gen, interval, timeout)
        end = time.monotonic() + self.patience
        try:
            return super().wait(gen, interval, self.patience)
        except psycopg.OperationalError:
            if time.monotonic() >= end:
                give_up(self)
            raise


def give_up(connection: PatientConnection) -> None:
    """Close `connection`, which has gone silent, and drop those that wait in the pool."""
    connection.pgconn.finish()
    drop_others(connection)


def check(connection: PatientConnection) -> None:
    """Raise OperationalError if a connection of the pool does not answer soon, and drop the others there."""
    patience, connection.patience = connection.patience, CHECK_SECONDS
    try:
        ConnectionPool.check_connection(connection)  # leaves no transaction behind, whatever its autocommit
    except psycopg.OperationalError:
        drop_others(connection)
        raise
    finally:
        connection.patience = patience


def drop_others(dead: PatientConnection) -> None:
    """Empty the pool: what befell `dead` befell them. One by one they would hold a request up for 20 s,
    since the pool waits twice as long after each that it finds dead."""
    if dead.made_at > _drained["at"] and (pool := getattr(connections["default"], "pool", None)):
        _drained["at"] = time.monotonic()
        pool.drain()


def patient(seconds: float) -> type[PatientConnection]:
    """The class of connections that wait for `seconds`."""
    return type("PatientConnection", (PatientConnection,), {"patience": seconds})
