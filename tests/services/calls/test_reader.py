"""Calls are read once each, whatever comes in between, and only what may be known of them is kept."""

import random
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Sum

from numbers.db.clock import db_now
from numbers.db.leases import LeaseLost
from numbers.models import Agent, AgentDay, CallReading, Number, NumberDay, SeenCall
from numbers.services.calls import reader
from numbers.services.calls.tally import first_day
from numbers.services.inventory.sync import sync
from numbers.services.monitoring import alarms
from tests.support.calls import call, counted, ledger, read_calls
from tests.support.stack import wait_until

pytestmark = pytest.mark.django_db
LIST = "/v1/calls/list"


@pytest.fixture
def fleet(fluents, settings):
    """Twenty numbers that we know."""
    settings.CALLS_SECONDS = 28800
    fluents.control("reset", {"numbers": 20})
    sync()
    return fluents


def asked(fleet) -> int:
    return len(fleet.requests(path=LIST))


def test_every_call_is_counted_once_by_number_day_and_agent(fleet):
    fleet.control("calls", {"count": 950, "days": 60, "until": time.time() - 3600, "wrong": 0.05})
    row = read_calls()
    assert counted() == ledger(fleet)
    assert (row.supported, row.error, row.unreadable) == (True, "", 0)
    assert asked(fleet) == 10
    assert SeenCall.objects.filter(start_at__lt=row.until - reader.OVERLAP).count() == 0


def test_the_figures_on_a_number_are_those_of_its_last_30_days(fleet):
    fleet.control("calls", {"count": 700, "days": 60, "until": time.time() - 3600, "wrong": 0.05})
    read_calls()
    since = first_day(db_now())
    for number in Number.objects.all():
        days = number.call_days.filter(day__gte=since)
        sums = days.aggregate(a=Sum("incoming", default=0), b=Sum("outgoing", default=0))
        assert number.calls_30 == sums["a"] + sums["b"]
        assert number.wrong_agent == days.filter(wrong__gt=0).exists()
        last = max((day.last_at for day in number.call_days.all()), default=None)
        assert number.last_call_at == last
        assert number.quiet_since == (last or number.created_at)
    assert Number.objects.filter(wrong_agent=True).exists()


def test_the_sums_of_agents_are_those_of_numbers(fleet):
    fleet.control("calls", {"count": 300, "days": 5, "until": time.time() - 3600})
    read_calls()
    names = ("incoming", "outgoing", "answered", "wrong", "failed", "lasting", "seconds")
    for row in AgentDay.objects.all():
        days = NumberDay.objects.filter(day=row.day, agent=row.agent)
        assert list(days.aggregate(*map(Sum, names)).values()) == [getattr(row, name) for name in names]


def test_a_second_reading_counts_nothing_twice_and_costs_one_call(fleet):
    fleet.control("calls", {"count": 60, "days": 1, "until": time.time() - 3600})
    read_calls()
    before = asked(fleet)
    for _ in range(3):  # a day of them
        read_calls()
    assert asked(fleet) - before == 3
    assert counted() == ledger(fleet)


def test_the_next_reading_is_due_so_that_a_quiet_day_costs_three_calls(fleet):
    row = read_calls()
    assert row.due_at - row.until == timedelta(hours=8)
    assert reader.claim(limit=1) == []
    assert reader.next_due(db_now()) == row.due_at


def test_calls_that_are_told_of_late_are_counted_then(fleet):
    fleet.control("calls", {"count": 400, "days": 1, "late": 0.5, "until": time.time() - 3600})
    read_calls()
    assert counted() != ledger(fleet)
    fleet.control("calls/report")
    read_calls()
    assert counted() == ledger(fleet)


@pytest.mark.parametrize("ago", [20, 4 * 3600], ids=["at the top", "in the middle"])
@pytest.mark.parametrize("count", [40, 150])
def test_pages_that_shift_while_they_are_read_show_no_call_twice(fleet, count, ago):
    """Those that come in the middle are late: the next reading has them at the latest."""
    fleet.control("calls", {"count": 450, "days": 1, "until": time.time() - 3600})
    fleet.fault("calls_meanwhile", path=LIST, count=count, ago=ago, times=3, skip=1)
    read_calls()
    read_calls()
    assert counted() == ledger(fleet)


@pytest.mark.parametrize("seed", range(2))
def test_a_reading_that_is_cut_off_anywhere_goes_on_where_it_was(fleet, monkeypatch, seed):
    """Pages shift meanwhile, and Fluents fails in between."""
    dice = random.Random(seed)
    fleet.control("calls", {"count": 600, "days": 20, "until": time.time() - 3600, "late": 0.1, "seed": seed})

    class Killed(BaseException):
        pass

    def die(name: str) -> None:
        if dice.random() < 0.3:
            raise Killed(name)

    monkeypatch.setattr(reader, "reached", die)
    for _ in range(30):
        fault = dice.choice(["truncated", "error_before", "rate_limited", *["calls_meanwhile"] * 2])
        fleet.fault(fault, path=LIST, **({"count": 30} if fault == "calls_meanwhile" else {}))
        CallReading.objects.update(lease_until=None)
        try:
            read_calls()
        except Killed:
            continue
    monkeypatch.undo()
    fleet.control("faults", method="DELETE")
    fleet.control("calls/report")
    CallReading.objects.update(lease_until=None)
    read_calls()
    read_calls()
    assert counted() == ledger(fleet)


def test_a_round_is_bounded_and_the_next_one_goes_on(fleet, monkeypatch):
    monkeypatch.setattr(reader, "PAGES", 2)
    fleet.control("calls", {"count": 500, "days": 20, "until": time.time() - 3600})
    row = read_calls(rounds=3)
    assert row.until
    assert counted() == ledger(fleet)


def test_a_call_that_still_goes_on_is_counted_once_it_is_over(fleet):
    """Or once no reading meets it any more."""
    number, now = Number.objects.first(), db_now()
    fleet.control("calls", {"calls": [call(number.e164, now, seconds=1)]})
    ever = call(number.e164, now - timedelta(hours=25), seconds=864_000)
    fleet.control("calls", {"calls": [ever]})
    fleet.control("calls", {"calls": [call(number.e164, now - timedelta(hours=23), seconds=864_000)]})
    read_calls()
    days = NumberDay.objects.aggregate(Sum("incoming"), Sum("failed"), Sum("seconds"))
    assert list(days.values()) == [1, 1, 0]
    wait_until(lambda: db_now() > now + timedelta(seconds=2))
    read_calls()
    days = NumberDay.objects.aggregate(Sum("incoming"), Sum("failed"), Sum("seconds"))
    assert list(days.values()) == [2, 1, 1]


def test_calls_of_a_number_that_we_do_not_know_yet_wait_for_it(fleet):
    fleet.control("calls", {"calls": [call("+14155550100", db_now() - timedelta(hours=2))]})
    read_calls()
    assert counted() == {}
    Number.objects.create(e164="+14155550100")
    read_calls()
    assert counted() == ledger(fleet)


def test_what_cannot_be_read_is_counted_and_the_rest_is_kept(fleet):
    fleet.control("calls", {"count": 30, "days": 2, "until": time.time() - 3600})
    fleet.fault("odd_list", path=LIST, how="strange_items")
    row = read_calls()
    assert row.unreadable == 3
    assert counted() == ledger(fleet)
    assert read_calls().unreadable == 0


@pytest.mark.parametrize("how", ["config", "status"])
def test_an_api_without_calls_is_known_as_one(fleet, how):
    if how == "config":
        fleet.control("config", {"calls": False})
    else:
        fleet.fault("status", path=LIST, status=501, times=9)
    row = read_calls()
    assert (row.supported, row.until, row.error) == (False, None, "")
    assert row.due_at > db_now() + timedelta(hours=7)
    fleet.control("config", {"calls": True})
    fleet.control("faults", method="DELETE")
    fleet.control("calls", {"count": 30, "days": 2, "until": time.time() - 3600})
    assert read_calls().supported
    assert counted() == ledger(fleet)


def test_where_fluents_fails_it_says_why_and_when_it_tries_again(fleet):
    fleet.fault("status", path=LIST, status=403, message="It was +12025550100", times=9)
    row = read_calls()
    assert row.error == "Fluents doesn't allow this for our account or plan."
    assert 50 < (row.due_at - db_now()).total_seconds() < 61
    fleet.control("faults", method="DELETE")
    fleet.fault("rate_limited", path=LIST, retry_after="7", times=9)
    assert 5 < (read_calls().due_at - db_now()).total_seconds() < 8
    fleet.control("faults", method="DELETE")
    assert read_calls().error == ""


@pytest.mark.parametrize("how", ["no_has_more", "never_ends"])
def test_a_list_that_contradicts_itself_is_no_list(fleet, how):
    fleet.control("calls", {"count": 30, "days": 2, "until": time.time() - 3600})
    fleet.fault("odd_list", path=LIST, how=how, times=99)
    row = read_calls()
    assert (row.until, "clear answer" in row.error) == (None, True)
    assert asked(fleet) < 5


def test_who_has_lost_the_lease_keeps_nothing(fleet):
    fleet.control("calls", {"count": 30, "days": 2, "until": time.time() - 3600})
    read_calls(rounds=0 + 1)
    NumberDay.objects.all().delete()
    CallReading.objects.update(due_at=db_now() - timedelta(1))
    (job,) = reader.claim(limit=1)
    CallReading.objects.update(lease_until=db_now() + timedelta(seconds=99))
    with pytest.raises(LeaseLost):
        reader.run(job)
    assert counted() == {}


def test_days_that_are_over_leave_the_figures_on_numbers_that_had_calls_then(fleet):
    busy, silent = Number.objects.order_by("pk")[:2]
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ages = (0, 1, 28, 29, 30)
    calls = [call(busy.e164, today - timedelta(days=age), seconds=0) for age in ages]
    fleet.control("calls", {"calls": calls})
    read_calls()
    busy.refresh_from_db()
    assert busy.calls_30 == 4
    earlier = first_day(db_now()) - timedelta(days=5)
    Number.objects.update(calls_30=9)  # as it was five days ago, on whichever had calls
    CallReading.objects.update(counted_from=earlier)
    read_calls()
    busy.refresh_from_db()
    silent.refresh_from_db()
    assert (busy.calls_30, silent.calls_30) == (4, 9)  # no row is written that had no call on those days
    assert CallReading.objects.get().counted_from == first_day(db_now())


def test_nothing_is_read_before_the_first_sync_or_where_it_is_switched_off(fluents, settings):
    settings.CALLS_SECONDS = 28800
    assert (reader.claim(limit=1), reader.next_due(db_now())) == ([], None)
    sync()
    assert reader.claim(limit=1)
    CallReading.objects.update(lease_until=None)
    settings.CALLS_SECONDS = 0
    assert (reader.claim(limit=1), reader.next_due(db_now())) == ([], None)


def test_times_of_a_clock_that_was_ahead_are_brought_back(fleet):
    row, ahead = read_calls(), timedelta(days=3)
    CallReading.objects.update(until=row.until + ahead, due_at=row.due_at + ahead)
    reader.mend_times()
    row.refresh_from_db()
    assert row.until <= db_now()
    assert row.due_at <= db_now()


def test_a_clock_that_jumps_an_hour_ahead_and_back_makes_no_call_count_twice(fleet, monkeypatch):
    number, now = Number.objects.first(), db_now()
    ages = [timedelta(hours=24, minutes=minutes) for minutes in range(-90, 91, 10)]
    fleet.control("calls", {"calls": [call(number.e164, now - age) for age in ages]})
    monkeypatch.setattr(reader, "db_now", lambda: db_now() + timedelta(hours=1))
    read_calls()
    monkeypatch.undo()
    fleet.control("calls", {"calls": [call(number.e164, now - timedelta(minutes=5))]})
    reader.mend_times()
    for _ in range(3):
        read_calls()
        assert counted() == ledger(fleet)


# --- Which agent should have answered ------------------------------------------------------------


@pytest.fixture
def line(fleet):
    return Number.objects.filter(agent__isnull=False, outbound_only=False).first()


def answered_by(fleet, line: Number, agent: Agent, **ago: int) -> NumberDay:
    at = db_now() - timedelta(**ago)
    fleet.control("calls", {"calls": [call(line.e164, at, seconds=30, agent=agent.api_id)]})
    read_calls()
    line.refresh_from_db()
    return line.call_days.get(agent=agent)


def test_another_agent_than_the_numbers_own_answered(fleet, line):
    other = Agent.objects.exclude(pk=line.agent_id).first()
    day = answered_by(fleet, line, other, minutes=30)
    assert (day.answered, day.wrong, day.lasting, line.wrong_agent) == (1, 1, 1, True)


def test_its_own_agent_answered(fleet, line):
    day = answered_by(fleet, line, line.agent, minutes=30)
    assert (day.answered, day.wrong, line.wrong_agent) == (1, 0, False)


@pytest.mark.parametrize(("minutes", "wrong"), [(90, 0), (65, 0), (30, 1)])
def test_who_should_have_answered_is_who_was_assigned_then(fleet, line, minutes, wrong):
    """The number was given to another agent an hour ago; ten minutes around that, either may answer."""
    before, after = line.agent, Agent.objects.exclude(pk=line.agent_id).first()
    Number.objects.filter(pk=line.pk).update(agent=after)
    event = line.events.create(
        action="number.changed",
        at=db_now() - timedelta(hours=1),
        before={"agent": before.api_id},
        after={"agent": after.api_id},
    )
    assert event.pk
    assert answered_by(fleet, line, before, minutes=minutes).wrong == wrong


def test_nobody_should_have_answered(fleet):
    line = Number.objects.filter(agent=None).first()
    assert answered_by(fleet, line, Agent.objects.first(), minutes=30).wrong == 1


def test_a_line_that_nobody_answers_for_an_hour_raises_an_alarm_until_somebody_does(fleet):
    line, other = Number.objects.order_by("pk")[:2]
    now = db_now()

    def ring(number: Number, minutes: int, outcome: str) -> None:
        at = now - timedelta(minutes=minutes)
        fleet.control("calls", {"calls": [call(number.e164, at, outcome=outcome)]})

    for minutes in (90, 70, 10):
        ring(line, minutes, "unanswered")
        ring(other, minutes, "answered")
    ring(line, 100, "answered")
    read_calls()
    found = alarms.unanswered(60)
    assert list(found) == [line.e164]
    assert "none of the last 3 calls was answered" in found[line.e164]
    ring(line, 5, "answered")
    read_calls()
    assert alarms.unanswered(60) == {}
