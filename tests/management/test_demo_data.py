"""The demo's data: rows that the sandbox agrees with."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.models import Count, F
from django.db.models.functions import Now

from numbers.management.commands import demo
from numbers.management.demo_history import OFFICE, orders
from numbers.models import Attempt, Event, Line, Notice, Number, Order
from numbers.permissions import Right, may
from numbers.services.audit.events import SYSTEM
from numbers.services.inventory import reconciliation, sync
from numbers.services.orders import evidence
from numbers.services.purchasing.recovery import check_journal
from numbers.states import LineState

pytestmark = pytest.mark.django_db


def test_a_year_of_data_that_no_sync_takes_back(fluents, bob, settings):
    settings.CALLS_SECONDS = 28800
    call_command("demo_data")
    assert Number.objects.filter(calls_30__gt=0).count() > 200
    assert Number.objects.filter(wrong_agent=True).count() == 1
    states = dict(Line.objects.order_by().values_list("state").annotate(Count("pk")))
    assert set(states) == {"bought", "failed", "cancelled", "review", "unknown"}
    assert states["bought"] > 150
    assert Number.objects.owned().values("region").distinct().count() > 30
    assert 0 < Number.objects.filter(drifted=True).count() < 10
    assert 0 < Number.objects.unassigned().count() < 30
    owned = set(Number.objects.owned().values_list("e164", flat=True))
    assert set(Line.objects.filter(state=LineState.BOUGHT).values_list("phone_number", flat=True)) <= owned
    assert not set(Line.objects.exclude(number__isnull=False).values_list("phone_number", flat=True)) & owned
    assert Attempt.objects.filter(outcome="bought").count() == states["bought"]
    # so that a line that a person or the settlement sends again can be
    assert not Line.objects.annotate(sent=Count("attempts")).exclude(tries=F("sent")).exists()
    ids = list(Order.objects.order_by("created_at").values_list("pk", flat=True))
    assert ids == sorted(ids)
    assert Notice.objects.get().user == bob
    assert check_journal(whole=True) is True
    before = (Number.objects.owned().count(), Number.objects.filter(drifted=True).count())
    sync.sync()
    assert (Number.objects.owned().count(), Number.objects.filter(drifted=True).count()) == before
    run = reconciliation.ask(by=SYSTEM)
    reconciliation.run(*reconciliation.claim(limit=1))
    run.refresh_from_db()
    assert run.error == ""
    assert list(evidence.faults()) == []
    assert not Event.objects.filter(at__gt=Now()).exists()
    assert not Order.objects.filter(created_at__gt=Now()).exists()
    events = Event.objects.filter(action="line.bought")
    assert events.count() == states["bought"]
    with pytest.raises(CommandError, match="aren't empty"):
        call_command("demo_data")


@pytest.mark.parametrize(
    "now",
    [
        "2028-02-29T12:00", "2027-01-01T00:30",  # a leap day, a new year
        "2026-03-08T10:30", "2026-11-01T09:30",  # hours that clocks skip, and have twice
        "2026-11-30T01:00", "2026-11-30T08:01",  # a week that has hardly begun
        "2026-11-29T23:59", "2026-12-04T23:30",  # a Sunday, the end of a working week
    ],
)  # fmt: skip
def test_people_order_in_office_hours_and_never_in_the_future(now):
    now, told = datetime.fromisoformat(now).replace(tzinfo=UTC), []
    for seed in range(20):
        told += orders(now, random.Random(seed))
    days = [at.astimezone(OFFICE) for at, _ in told]
    assert max(at for at, _ in told) < now - timedelta(hours=2)
    assert {day.hour for day in days} <= {*range(9, 17)}
    weekend = sum(day.weekday() >= 5 for day in days) / len(days)
    assert 0 < weekend < 0.1
    assert timedelta(days=300) < now - min(at for at, _ in told) < timedelta(days=366)
    assert sum(now - at < timedelta(days=10) for at, _ in told) >= 20  # something new in each demo


def test_it_is_never_invented_for_the_real_fluents(settings):
    settings.FLUENTS_LIVE = True
    with pytest.raises(CommandError, match="the real Fluents"):
        call_command("demo_data")


def test_its_people_can_do_what_they_are_called(tmp_path):
    logins = demo.Command().people(tmp_path)
    ada, bob = (User.objects.get(username=name) for name in ("ada", "bob"))
    assert all(user.check_password(logins[user.username]) for user in (ada, bob))
    assert (may(bob, Right.BUY), may(bob, Right.APPROVE)) == (True, False)
    assert (may(ada, Right.APPROVE), may(ada, Right.PEOPLE)) == (True, True)
    assert demo.Command().people(tmp_path) == logins
