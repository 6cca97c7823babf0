"""Every day a sample of the lines is tested: once each, whoever asks for it and how often."""

from datetime import UTC, date, datetime, timedelta

import pytest

from numbers.db.clock import db_now
from numbers.models import Number, Proof
from numbers.services.calls import proofs, sample
from numbers.services.scheduler import Scheduler
from numbers.services.spending import gate
from tests.support.calls import allow_test_calls
from tests.views.upkeep import agent, numbers

pytestmark = pytest.mark.django_db
TODAY, TOMORROW = date(2020, 1, 1), date(2020, 1, 2)  # and no day of a restore


@pytest.fixture
def lines(settings, monkeypatch):
    """Six lines, of which the last one has tested the first one long ago; two are to be tested a day."""
    allow_test_calls(settings, monkeypatch)
    settings.PROOF_SAMPLE = 2
    monkeypatch.setattr(sample, "today", lambda: TODAY)
    rows = numbers(6, agent=agent(), area_code="415")
    told(rows[0], probe=rows[5], asked_by="bob")
    return rows


def told(number: Number, *, probe: Number, days: int = 9, **about) -> Proof:
    """A test call of `number` so many days ago."""
    at = db_now() - timedelta(days=days)
    fields = {"asked_at": at, "due_at": at, "sent_at": at, "ended_at": at, "verdict": "answers"}
    return Proof.objects.create(
        token=f"{number.pk}-{days}", number=number, probe=probe, agent=number.agent, **fields | about
    )


def asked() -> list[Number]:
    """The lines that the product itself has had tested, in the order in which it asked."""
    rows = Proof.objects.filter(asked_by="", asked_at__gt=db_now() - timedelta(days=1)).order_by("pk")
    return [row.number for row in rows.select_related("number")]


def ended() -> None:
    Proof.objects.filter(verdict="").update(verdict="answers", sent_at=db_now(), ended_at=db_now())


def test_it_is_off_unless_asked_for(lines, settings):
    settings.PROOF_SAMPLE = 0
    assert (sample.ask_for_sample(), asked()) == (0, [])


def test_so_many_lines_are_tested_and_no_more_that_day(lines):
    assert sample.ask_for_sample() == 2
    assert asked() == lines[1:3]
    assert {row.probe_id for row in Proof.objects.filter(asked_by="")} == {lines[5].pk}
    for _ in range(2):
        ended()
        assert sample.ask_for_sample() == 0
    assert len(asked()) == 2


def test_the_next_day_has_a_sample_of_its_own(lines, monkeypatch):
    sample.ask_for_sample()
    ended()
    monkeypatch.setattr(sample, "today", lambda: TOMORROW)
    assert sample.ask_for_sample() == 2
    assert asked() == lines[1:5]


def test_a_worker_s_first_round_asks_for_it_and_another_worker_does_not(lines):
    for _ in range(2):
        Scheduler(keeper=False).round()
    assert len(asked()) == 2


def test_two_workers_that_see_the_same_ask_for_one_call(lines):
    probe = lines[5]
    assert sample.ask_for_call(1, lines[1], probe)
    assert sample.ask_for_call(1, lines[2], probe)  # it is the same call
    assert asked() == [lines[1]]


def test_lines_that_were_not_tested_for_the_longest_time_come_first(lines):
    for number, days in zip(lines[1:5], (3, 8, 0, 5), strict=True):
        told(number, probe=lines[5], days=days, asked_by="ada")
    sample.ask_for_sample()
    assert asked() == [lines[0], lines[2]]


def test_what_is_tested_within_a_day_is_not_tested_again(lines, settings):
    settings.PROOF_SAMPLE = 5
    for number in lines[1:5]:
        told(number, probe=lines[5], days=0, asked_by="ada", sent_at=None)
    sample.ask_for_sample()
    assert asked() == [lines[0]]


@pytest.mark.parametrize(
    "fields", [{"agent": None}, {"outbound_only": True}, {"status": "gone"}, {"area_code": "999"}]
)
def test_only_lines_that_may_be_called_are_in_it(lines, fields):
    Number.objects.exclude(pk__in=[lines[4].pk, lines[5].pk]).update(**fields)
    sample.ask_for_sample()
    assert asked() == [lines[4]]


@pytest.mark.parametrize(("hour", "count"), [(16, 0), (17, 2)], ids=["08:00", "09:00"])
def test_it_waits_for_the_working_hours_of_the_lines(lines, monkeypatch, hour, count):
    monkeypatch.setattr(proofs, "HOURS", range(9, 18))
    now = db_now()
    monkeypatch.setattr(proofs, "time_in", lambda area: datetime(2026, 11, 28, hour - 8, 30, tzinfo=UTC))
    assert sample.ask_for_sample() == count
    assert Proof.objects.filter(asked_at__gte=now).count() == count


def test_it_keeps_to_the_cap(lines, settings):
    settings.PROOF_CALLS_PER_DAY = 1
    assert (sample.ask_for_sample(), len(asked())) == (1, 1)
    ended()
    assert sample.ask_for_sample() == 0
    Proof.objects.update(asked_at=db_now() - timedelta(hours=25))
    assert sample.ask_for_sample() == 1


@pytest.mark.parametrize("how", ["never", "by no one", "gone"])
def test_without_a_line_to_call_from_there_is_none(lines, how):
    if how == "never":
        Proof.objects.all().delete()
    elif how == "by no one":
        Proof.objects.update(asked_by="")
    else:
        Number.objects.filter(pk=lines[5].pk).update(status="released")
    assert (sample.ask_for_sample(), len(asked())) == (0, 0)


def test_there_is_none_while_buying_is_paused_nor_on_the_day_of_a_restore(lines, monkeypatch):
    gate.pause(reason="Restored", books_doubted=True)
    assert sample.ask_for_sample() == 0
    gate.open_gate(by=proofs.SYSTEM, reason="Compared")
    monkeypatch.setattr(sample, "today", lambda: sample.timezone.localdate(gate.current().reconciled_at))
    assert sample.ask_for_sample() == 0
    monkeypatch.setattr(sample, "today", lambda: TOMORROW)
    assert sample.ask_for_sample() == 2
