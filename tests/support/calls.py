"""Calls on both sides: the sandbox's ledger, and what our records have counted."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F

from numbers.db.clock import db_now
from numbers.models import CallEndpoint, CallReading, Number, NumberDay, Proof, SyncState
from numbers.services.calls import proof_work, proofs, reader
from numbers.services.inventory.sync import sync
from tests.support.stack import Sandbox, wait_until

PLACED_AT = "/v1/calls/create"

Figures = dict[tuple[str, str, str], tuple[int, int, int, int, int]]


def ledger(sandbox: Sandbox) -> Figures:
    """By number, day and agent: calls in and out, seconds, those that failed, the start of the last one."""
    days = sandbox.control("calls", method="GET")["days"]
    return {
        (day["number"], day["day"], day["agent"] or ""): (
            *(int(day[name]) for name in ("incoming", "outgoing", "seconds", "failed")),
            int(day["last"]),
        )
        for day in days
    }


def counted() -> Figures:
    """The same as our records have it."""
    rows = NumberDay.objects.values_list(
        *("number__e164", "day", "agent__api_id", "incoming", "outgoing", "seconds", "failed", "last_at")
    )
    return {
        (e164, f"{day}", agent or ""): (*figures, int(last.timestamp()))
        for e164, day, agent, *figures, last in rows
    }


def call(number: str, at: datetime, **fields) -> dict:
    """A call as the sandbox takes it."""
    return {"number": number, "at": round(at.timestamp()), **fields}


def read_calls(*, rounds: int = 100) -> CallReading:
    """Have a worker do all of a reading that is due now, in one round after the other."""
    SyncState.objects.filter(synced_at=None).update(synced_at=db_now())
    CallReading.objects.update(due_at=F("due_at") - (db_now() - datetime(2000, 1, 1, tzinfo=UTC)))
    for _ in range(rounds):
        for job in reader.claim(limit=1):
            reader.run(job)
        row = CallReading.objects.get()
        if row.due_at > db_now() or not row.began_at:
            return row
    raise AssertionError("the reading does not end")


def calls_are_known(settings) -> None:
    """All calls of the last hundred days were read a moment ago."""
    settings.CALLS_SECONDS = 28800
    now = db_now()
    CallReading.objects.update(supported=True, since=now - timedelta(days=100), until=now)


def callable_fleet(sandbox: Sandbox, settings, monkeypatch) -> Sandbox:
    """`sandbox` with lines of ours, an endpoint that was checked, and test calls at any time of the day."""
    settings.SETTLE_WINDOW = 60
    sandbox.control("reset", {"numbers": 20})
    sandbox.control("config", {"call_seconds": [0, 0]})
    sync()
    allow_test_calls(settings, monkeypatch)
    return sandbox


def probe() -> Number:
    """The line that calls others."""
    return Number.objects.owned().filter(agent__isnull=False, outbound_only=False).order_by("pk")[0]


def carry_calls() -> None:
    """Have the calls that were asked for carried out until each has its verdict."""

    def done() -> bool:
        Proof.objects.filter(verdict="").update(due_at=db_now(), lease_until=None)
        for job in proof_work.claim(limit=9):
            proof_work.run(job)
        return not Proof.objects.filter(verdict="").exists()

    wait_until(done)


def posts(sandbox: Sandbox) -> int:
    """How many times the sandbox was asked for a call."""
    return len(sandbox.requests(path=PLACED_AT))


class Killed(BaseException):
    """What ends a worker at a point."""


@contextmanager
def killed_at(point: str):
    """The worker that makes test calls in this block dies at `point`; the block fails if it lives on."""

    def die(name: str) -> None:
        if name == point:
            raise Killed

    with pytest.MonkeyPatch.context() as patched:
        for module in (proofs, proof_work):
            patched.setattr(module, "reached", die)
        with pytest.raises(Killed):
            yield


#: Why no test call can be placed at all.
NO_CALLS = ("off", "unchecked", "absent")


def place_no_calls(how: str, settings) -> None:
    """No test call can be placed, for one of NO_CALLS."""
    if how == "off":
        settings.PROOF_CALLS_PER_DAY = 0
    elif how == "unchecked":
        CallEndpoint.objects.all().delete()
    else:
        CallEndpoint.objects.update(exists=False, said="This Fluents API doesn't place calls.")


def allow_test_calls(settings, monkeypatch) -> None:
    """Five a day, at any hour, at an API that places calls."""
    settings.PROOF_CALLS_PER_DAY = 5
    monkeypatch.setattr(proofs, "HOURS", range(24))
    CallEndpoint.objects.create(pk=1, api_url=settings.FLUENTS_API_URL, exists=True, checked_at=db_now())
