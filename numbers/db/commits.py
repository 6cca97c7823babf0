"""Transactions: one at a time in a process that uses SQLite, and some that need not wait for the disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from django.db import connection, transaction

_turn = RLock()  # SQLite's writers would otherwise sleep and ask until it is their turn


@contextmanager
def atomic(*, savepoint: bool = False) -> Iterator[None]:
    """The caller's transaction, or one of our own.

    savepoint: the caller continues after a failure, so within another transaction this one is undone alone.
    """
    if connection.in_atomic_block and not savepoint:
        yield
    elif connection.in_atomic_block:
        with transaction.atomic():
            yield
    elif connection.vendor == "sqlite":
        with _turn, transaction.atomic():
            yield
    else:
        with transaction.atomic():
            yield


@contextmanager
def forgettable() -> Iterator[None]:
    """`atomic` for what may be forgotten when the database's machine loses power: its end waits for no disk.

    A process that is killed forgets nothing.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=NORMAL")
            try:
                with atomic():
                    yield
            finally:
                cursor.execute("PRAGMA synchronous=FULL")
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit TO off")
            yield
