"""The figures of the overview."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from numbers.db.clock import db_now
from numbers.models import Agent, Connection, Event, Figures, Number, Price
from numbers.services.monitoring import statistics
from numbers.states import LineState, NumberStatus
from tests.support.books import bare_line

pytestmark = pytest.mark.django_db


@pytest.fixture
def numbers():
    """Three in California, one in Texas, one toll-free, one gone; three by Twilio, two by Telnyx."""
    reception = Agent.objects.create(api_id="agent-1", name="Reception")
    main = Connection.objects.create(api_id="main", telephony_provider="twilio")
    own = {"telephony_provider": "twilio", "connection": main}
    rows = [
        Number(e164="+14155550101", region="CA", agent=reception, **own),
        Number(e164="+14155550102", region="CA", agent=reception, **own),
        Number(e164="+14155550103", region="CA", **own),
        Number(e164="+12145550104", region="TX", agent=reception, telephony_provider="telnyx"),
        Number(e164="+18005550105", telephony_provider="telnyx"),
        Number(e164="+14155550106", region="CA", status=NumberStatus.GONE, **own),
    ]
    return Number.objects.bulk_create(rows)


def test_numbers_are_counted_by_region_and_agent_and_those_given_up_are_not(numbers):
    counts = statistics.count().counts
    assert (counts["owned"], counts["unassigned"]) == (5, 2)
    assert counts["regions"] == {"CA": 3, "TX": 1, "": 1}
    assert counts["agents"] == [{"id": "agent-1", "name": "Reception", "count": 3}]
    assert counts["other_agents"] == 0


def test_few_numbers_are_counted_by_agent_on_the_spot_and_many_are_not(numbers, monkeypatch):
    reception, row = numbers[0].agent_id, statistics.count()
    Number.objects.filter(agent=None).update(agent=reception)
    assert statistics.by_agent() == ({reception: 5}, None)
    monkeypatch.setattr(statistics, "AT_ONCE", 4)
    assert statistics.by_agent() == ({reception: 3, None: 2}, row.counted_at)


def test_beyond_the_first_eight_agents_are_one_figure(numbers):
    for n in range(12):
        agent = Agent.objects.create(api_id=f"more-{n}", name=f"More {n}")
        Number.objects.create(e164=f"+1212555{n:04}", agent=agent)
    counts = statistics.count().counts
    assert [row["count"] for row in counts["agents"]] == [3, 1, 1, 1, 1, 1, 1, 1]
    assert (counts["other_agents"], counts["other_agents_count"]) == (5, 5)


def test_money_comes_from_the_price_table_and_what_has_no_price_is_said(numbers):
    main = Connection.objects.get(api_id="main")
    Price.objects.create(telephony_provider="twilio", monthly=Decimal("1.15"))
    counts = statistics.count().counts
    assert counts["run_rates"] == {"USD": "3.45"}
    assert counts["unpriced"] == 2
    Price.objects.create(telephony_provider="twilio", connection=main, monthly=Decimal("2"))
    assert statistics.count().counts["run_rates"] == {"USD": "6.00"}


def test_a_number_costs_from_the_month_in_which_it_was_bought(numbers):
    Price.objects.create(telephony_provider="twilio", monthly=Decimal("1"))
    now = db_now()
    Number.objects.filter(e164="+14155550101").update(bought_at=now - timedelta(days=95))
    Number.objects.exclude(e164="+14155550101").update(bought_at=None, created_at=now)
    counts = statistics.count().counts
    assert counts["months"][-1] == f"{now:%Y-%m}"
    assert [Decimal(amount) for amount in counts["monthly"][-5:-1]][1:] == [1, 1, 1]
    assert Decimal(counts["monthly"][-1]) == 3
    assert Decimal(counts["monthly"][0]) == 0


def test_lines_are_counted_in_the_week_in_which_they_ended():
    now = db_now()
    monday = statistics.week_starts(now)[-1]
    bare_line(LineState.FAILED, settled_at=monday)
    bare_line(LineState.CANCELLED, settled_at=monday - timedelta(seconds=1))
    bare_line(LineState.FAILED, settled_at=monday - timedelta(weeks=30))
    bare_line(LineState.PLANNED)
    outcomes = statistics.count().counts["outcomes"]
    assert outcomes["failed"] == [0] * 11 + [1]
    assert outcomes["cancelled"] == [0] * 10 + [1, 0]
    assert sum(outcomes["bought"]) == 0


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        (datetime(2026, 1, 31, 23, tzinfo=UTC), ["2026-01-01", "2026-02-01"]),
        (datetime(2026, 12, 1, tzinfo=UTC), ["2026-12-01", "2027-01-01"]),
    ],
)
def test_months_end_where_the_next_begins(now, ends):
    assert [f"{end:%Y-%m-%d}" for end in statistics.month_ends(now)][-2:] == ends


def test_counting_waits_for_news_and_takes_a_small_share_of_the_time():
    now = db_now()
    assert statistics.is_due(now)
    statistics.count()
    assert not statistics.is_due(now + timedelta(seconds=90))  # nothing has happened
    Event.objects.create(action="number.changed")
    assert not statistics.is_due(now + timedelta(seconds=30))
    assert statistics.is_due(now + timedelta(seconds=90))
    Figures.objects.update(seconds=30)
    assert not statistics.is_due(now + timedelta(seconds=90))  # a slow count is made less often
    assert statistics.is_due(now + timedelta(seconds=700))


def test_without_news_the_weeks_go_by():
    statistics.count()
    assert statistics.is_due(db_now() + timedelta(hours=2))
