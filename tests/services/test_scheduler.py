"""What the scheduler keeps right; above all after a clock jumped an hour ahead and back."""

from datetime import timedelta
from threading import Event
from unittest.mock import Mock

import pytest

from numbers.db.clock import db_now
from numbers.models import Gate, Journal, Reconciliation, SyncRequest
from numbers.services.inventory.sync import look
from numbers.services.purchasing.recovery import start_journal
from numbers.services.scheduler import Scheduler
from numbers.services.spending import obstacles
from numbers.states import LineState
from tests.support.books import go_on, line_of, rest, run_worker_until_idle

pytestmark = pytest.mark.django_db
S, HOUR = LineState, timedelta(hours=1)
ASKED = ("spending.gate", "spending.registry", "inventory.sync")
ASKED += tuple(f"purchasing.{name}" for name in ("purchase", "recovery", "transitions", "worker"))


@pytest.fixture
def ahead(monkeypatch):
    """The clock is an hour ahead, until it is called."""
    with monkeypatch.context() as patched:
        for name in ASKED:
            patched.setattr(f"numbers.services.{name}.db_now", lambda: db_now() + HOUR)
        yield patched.undo


def mend() -> None:
    Scheduler(keeper=False).mend_times()


def test_a_pause_that_fluents_asked_for_is_as_long_as_was_asked(fluents, ahead):
    fluents.fault("rate_limited", retry_after="20")
    limited = go_on(line_of(fluents))
    ahead()
    assert Gate.objects.get().not_before > db_now() + HOUR
    other = go_on(line_of(fluents))  # was told to wait until then
    assert (limited.state, other.state, other.due_at > db_now() + HOUR) == (S.UNKNOWN, S.PLANNED, True)
    for _ in range(2):
        mend()
        left = Gate.objects.get().not_before - db_now()
        assert timedelta(seconds=20) < left <= timedelta(seconds=22)
        other.refresh_from_db()
        assert other.due_at <= db_now()
    assert rest(other).state == S.BOUGHT
    assert rest(limited).state == S.BOUGHT


def test_a_longer_pause_from_before_stays():
    pause = db_now() + HOUR
    Gate.objects.update(not_before=pause)
    mend()
    assert Gate.objects.get().not_before == pause


def test_a_worker_that_started_meanwhile_looks_once_and_buys(fluents, ahead):
    start_journal()
    ahead()
    look()
    assert obstacles.must_look()
    mend()
    look()
    assert not obstacles.must_look()
    assert rest(line_of(fluents)).state == S.BOUGHT


def test_a_look_that_was_made_meanwhile_is_not_newer_than_a_worker_that_starts_afterwards(fluents, ahead):
    look()
    ahead()
    mend()
    start_journal()
    assert obstacles.must_look()


def test_what_the_gate_remembers_is_not_of_the_future():
    names = ("breaker_at", "counting_from", "reconciled_at")
    Gate.objects.update(**dict.fromkeys(names, db_now() + HOUR))
    Journal.objects.create(name="here", seen_at=db_now() + HOUR)
    mend()
    gate = Gate.objects.get()
    assert max(getattr(gate, name) for name in names) <= db_now()
    assert Journal.objects.get().seen_at <= db_now()


def test_a_round_that_fails_is_not_the_last_one(monkeypatch):
    rounds, ending = [], Event()

    def round_of(scheduler: Scheduler) -> None:
        rounds.append(scheduler)
        if len(rounds) == 2:
            ending.set()
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(Scheduler, "round", round_of)
    monkeypatch.setattr("numbers.services.scheduler.connection", Mock())
    monkeypatch.setattr("numbers.services.scheduler.QUIET", 0.51)
    Scheduler(keeper=False).run(ending)
    assert len(rounds) == 2


def test_syncs_and_comparisons_go_on(fluents, settings):
    settings.SYNC_SECONDS = 600
    later = db_now() + HOUR
    SyncRequest.objects.create(asked_at=later, lease_until=later, finished_at=later)
    Reconciliation.objects.create(started_at=later, lease_until=later)
    mend()
    assert Reconciliation.objects.get().lease_until < db_now() + timedelta(seconds=10)
    run_worker_until_idle()
    assert SyncRequest.objects.get().asked_at <= db_now()
