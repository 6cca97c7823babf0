"""The Fluents client of this process, made from the settings."""

import logging
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection

from numbers import fluents
from numbers.models import SyncState

log = logging.getLogger(__name__)
_local = threading.local()
PROBE_SECONDS = 600.0  # for what an API can do and whose token it is: neither changes while a process runs
COMPARE_SECONDS = 60.0  # with the records in the database, which may be others after a restore
Key = tuple[str, str, float, float]


class WrongAccount(fluents.NotSent):
    """The host or the token is of another account than the records in the database.

    `host` and `user_id` are that account's.
    """

    def __init__(self, *, ours: str, host: str, user_id: str) -> None:
        super().__init__(request="GET /v1/numbers/list")
        self.host, self.user_id = host, user_id
        theirs = f"account {user_id} at {host}" if user_id else host
        self.say = (
            f"Our records belong to {ours}, but the settings point to {theirs}. Nothing was sent or changed."
        )


class InTransaction(RuntimeError):
    """A call to Fluents inside a transaction would hold its locks for as long as Fluents likes. A bug."""


class Probe[Answer]:
    """What is asked every so many `seconds`, by one thread of the process while the others wait for it."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._lock = seconds, threading.Lock()
        self._answers: dict[Key, tuple[float, Answer]] = {}

    def ask(self, key: Key, question: Callable[[], Answer]) -> Answer:
        if not self._lock.acquire(blocking=False):
            release()
            self._lock.acquire()
        try:
            if key not in self._answers or time.monotonic() - self._answers[key][0] > self._seconds:
                self._answers[key] = (time.monotonic(), question())
            return self._answers[key][1]
        finally:
            self._lock.release()

    def forget(self) -> None:
        self._answers.clear()


_ours = Probe[None](COMPARE_SECONDS)
_owners, _listable = Probe[set[str]](PROBE_SECONDS), Probe[bool](PROBE_SECONDS)


def release() -> None:
    """Give this thread's database connection back, as nothing is asked or written for a while.

    Raises InTransaction.
    """
    if connection.in_atomic_block:
        raise InTransaction("Fluents must not be called inside a transaction")
    connection.close()


def before_a_call() -> None:
    release()


def client() -> fluents.Client:
    """One client a thread: sessions are not made for sharing. Made anew when the settings change.

    Whose account it is is compared once a minute, as a wrong token would buy there, and find nothing of ours.
    Raises WrongAccount, and FluentsError where that cannot be asked.
    """
    key = settings_key()
    if getattr(_local, "key", None) != key:
        url, token, connect, read = key
        _local.client = fluents.Client(
            base_url=url, token=token, timeout=(connect, read), before=before_a_call
        )
        _local.key = key
    _ours.ask(key, lambda: check_account(_local.client))
    return _local.client


def settings_key() -> Key:
    return (
        settings.FLUENTS_API_URL,
        settings.FLUENTS_API_TOKEN,
        settings.FLUENTS_CONNECT_TIMEOUT,
        settings.FLUENTS_READ_TIMEOUT,
    )


def api_host() -> str:
    return urlsplit(settings.FLUENTS_API_URL).hostname or ""


def check_account(api: fluents.Client) -> None:
    """Whether `api` is of the account that the records are of. Raises WrongAccount, FluentsError."""
    host, user_id = SyncState.objects.values_list("api_host", "user_id").get()
    if host and host != api_host():
        raise WrongAccount(ours=host, host=api_host(), user_id="")
    if not user_id:
        return
    owners = _owners.ask(settings_key(), api.owners) or api.owners()  # none yet, perhaps some by now
    if owners and user_id not in owners:
        raise WrongAccount(ours=f"account {user_id}", host=api_host(), user_id=min(owners))


def hasty_client() -> fluents.Client:
    """A client for a page that somebody waits for: it gives up soon and tries nothing twice."""
    return fluents.Client(
        base_url=settings.FLUENTS_API_URL,
        token=settings.FLUENTS_API_TOKEN,
        timeout=(min(1.0, settings.FLUENTS_CONNECT_TIMEOUT), min(2.0, settings.FLUENTS_READ_TIMEOUT)),
        retries=0,
        before=before_a_call,
    )


def is_sandbox() -> bool:
    """Whether our own sandbox answers here: it alone says so. To warn of a mismatch, and for nothing else."""
    return client().answered_by_sandbox


def can_look_up() -> bool:
    """Whether owned numbers can be listed here; asked again after a while. Raises FluentsError."""
    return _listable.ask(settings_key(), lambda: client().has_list())


def get_ready() -> None:
    """Ask now what the first line would have to wait for."""
    try:
        if settings.FLUENTS_API_TOKEN:
            can_look_up()
    except (fluents.FluentsError, DatabaseError) as error:  # it will be asked again when it matters
        log.info("Fluents could not be asked yet: %s", type(error).__name__)
    finally:
        connection.close()


def forget() -> None:
    """Forget what this API can do and whose it is, and this thread's client."""
    for probe in (_ours, _owners, _listable):
        probe.forget()
    _local.key = None
