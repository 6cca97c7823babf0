"""A clock that jumps is noticed, and how long it has been steady since."""

import time
from datetime import timedelta

import pytest

from numbers.db import clock

pytestmark = pytest.mark.django_db
HOUR, MOMENT = timedelta(hours=1), timedelta(seconds=0.5)


@pytest.fixture
def jump(monkeypatch):
    """Sets the clock ahead, or behind."""
    real = clock.db_now
    monkeypatch.setattr(clock, "_steady_from", time.monotonic() - 60)
    monkeypatch.setattr(clock, "_seen", None)
    return lambda by: monkeypatch.setattr(clock, "db_now", lambda: real() + by)


def ago() -> timedelta:
    return clock.db_now() - clock.steady_since()


def test_a_clock_that_goes_as_time_does_is_steady_since_the_process_began(jump):
    assert timedelta(seconds=60) <= ago() < timedelta(seconds=60) + MOMENT
    jump(clock.JUMP / 2)  # as clocks of two machines differ
    assert ago() >= timedelta(seconds=60)


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_a_clock_that_has_jumped_is_steady_since_then(jump, by):
    assert ago() > MOMENT
    jump(by)
    assert ago() < MOMENT
    assert timedelta(0) < ago() < MOMENT
    jump(timedelta(0))
    assert ago() < MOMENT
