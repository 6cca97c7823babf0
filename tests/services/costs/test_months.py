"""What lines cost month by month: on the day of each month on which they came, at the price of that day."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.db.clock import db_now
from numbers.models import (
    Agent,
    CallReading,
    Connection,
    CountedMonth,
    Event,
    MonthCost,
    Number,
    NumberDay,
    Price,
    Tag,
)
from numbers.services.costs import months
from numbers.services.costs.months import cost_rows, count_month, months_due, next_month, start_of
from numbers.states import NumberStatus
from tests.support.books import run_worker_until_idle
from tests.support.queries import count, steps_of

pytestmark = pytest.mark.django_db
COLUMNS = "month,kind,id,name,lines,used_lines,cost,currency,cost_per_line,cost_per_used_line"
MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def prices():
    Price.objects.create(
        telephony_provider="twilio", monthly=Decimal("1.15"), once=1, valid_from=date(2026, 1, 1)
    )


def number(n: int, came: date, *, left: date | None = None, **fields) -> Number:
    fields = {"telephony_provider": "twilio", "bought_at": noon(came)} | fields
    row = Number.objects.create(e164=f"+1415555{n:04}", **fields)
    Number.objects.filter(pk=row.pk).update(created_at=noon(came))
    if left:
        Number.objects.filter(pk=row.pk).update(status=NumberStatus.RELEASED)
        Event.objects.create(action="number.released", number=row, at=noon(left))
    return row


def cost(month: date, kind: str = "all", key: str = "", currency: str = "USD") -> tuple[int, Decimal]:
    count_month(month)
    row = MonthCost.objects.filter(month__month=month, kind=kind, key=key, currency=currency).first()
    return (row.lines, row.cost) if row else (0, Decimal(0))


def test_a_line_costs_from_the_month_in_which_it_came_and_its_setup_fee_once():
    number(1, date(2026, 4, 20))
    number(2, date(2026, 3, 31))  # an April of thirty days has its day, too
    number(3, date(2026, 4, 2), bought_at=None)  # found, not bought: no setup fee
    assert cost(MARCH) == (1, Decimal("2.15"))
    assert cost(APRIL) == (3, Decimal("4.45"))
    assert cost(MAY) == (3, Decimal("3.45"))


@pytest.mark.parametrize(
    ("left", "april"),
    [
        (date(2026, 3, 25), 0),
        (date(2026, 4, 9), 0),  # gone before the day on which April would have cost
        (date(2026, 4, 11), 1),
        (date(2026, 5, 2), 1),
    ],
)
def test_a_line_costs_until_it_is_given_up(left, april):
    number(1, date(2026, 3, 10), left=left)
    assert cost(MARCH) == (1, Decimal("2.15"))
    assert cost(APRIL)[0] == april


def test_a_line_that_came_back_costs_each_time():
    row = number(1, date(2026, 3, 5), left=date(2026, 3, 20))
    Event.objects.create(action="line.bought", number=row, at=noon(date(2026, 4, 10)))
    Number.objects.filter(pk=row.pk).update(
        status=NumberStatus.ACTIVE, holding=2, bought_at=noon(date(2026, 4, 10))
    )
    assert [cost(month) for month in (MARCH, APRIL, MAY)] == [
        (1, Decimal("2.15")),
        (1, Decimal("2.15")),
        (1, Decimal("1.15")),
    ]


def test_a_number_that_only_seemed_to_be_gone_never_left():
    row = number(1, date(2026, 3, 5))
    for action, day in (("gone", 10), ("back", 12), ("released", 25)):
        Event.objects.create(action=f"number.{action}", number=row, at=noon(date(2026, 4, day)))
    Number.objects.filter(pk=row.pk).update(status=NumberStatus.RELEASED)
    assert [cost(month)[0] for month in (MARCH, APRIL, MAY)] == [1, 1, 0]


def test_the_price_of_the_day_counts_and_a_connections_own_comes_first():
    own = Connection.objects.create(api_id="own", telephony_provider="twilio")
    Price.objects.create(telephony_provider="twilio", monthly=2, valid_from=date(2026, 4, 15))
    Price.objects.create(telephony_provider="twilio", connection=own, monthly=9, valid_from=date(2026, 4, 20))
    number(1, date(2026, 3, 14))
    number(2, date(2026, 3, 15))
    number(3, date(2026, 3, 16), connection=own)
    number(4, date(2026, 3, 21), connection=own)
    assert cost(APRIL) == (4, Decimal("14.15"))
    assert cost(MAY) == (4, Decimal("22.00"))


def test_currencies_are_never_added_and_what_has_no_price_is_counted():
    Price.objects.create(telephony_provider="telnyx", monthly=3, currency="EUR", valid_from=date(2026, 4, 1))
    number(1, date(2026, 3, 5))
    number(2, date(2026, 3, 5), telephony_provider="telnyx")
    assert cost(MARCH, currency="") == (1, Decimal(0))
    assert cost(MARCH)[0] == 1
    assert cost(APRIL, currency="EUR") == (1, Decimal(3))
    assert cost(APRIL) == (1, Decimal("1.15"))


def test_each_agent_and_each_tag_has_its_lines():
    desk = Agent.objects.create(api_id="agent-1", name="Front desk")
    first, second = number(1, date(2026, 3, 5), agent=desk), number(2, date(2026, 3, 5))
    gone = number(3, date(2026, 3, 5), agent=desk, left=date(2026, 5, 20))
    for row, names in ((first, ["west", "clinic"]), (gone, ["west"])):
        row.tags.add(*(Tag.objects.get_or_create(name=name)[0] for name in names))
    assert cost(APRIL, "agent", "agent-1") == (2, Decimal("2.30"))
    assert cost(APRIL, "agent") == (1, Decimal("1.15"))
    assert [cost(APRIL, "tag", name)[0] for name in ("west", "clinic", "")] == [2, 1, 1]
    assert MonthCost.objects.get(month__month=APRIL, kind="agent", key="agent-1").name == "Front desk"
    assert second.pk


def used(month: date) -> dict[tuple[str, str], int | None]:
    count_month(month)
    rows = MonthCost.objects.filter(month__month=month)
    return {(row.kind, row.key): row.used for row in rows}


def test_a_line_is_used_in_a_month_in_which_it_had_a_call(settings):
    settings.CALLS_SECONDS = 600
    desk = Agent.objects.create(api_id="agent-1", name="Front desk")
    busy, quiet = number(1, date(2026, 3, 5), agent=desk), number(2, date(2026, 3, 5), agent=desk)
    gone = number(3, date(2026, 3, 5), left=date(2026, 4, 20))
    busy.tags.add(Tag.objects.create(name="west"))
    for row, day in ((busy, date(2026, 4, 30)), (gone, date(2026, 4, 1)), (quiet, date(2026, 5, 1))):
        NumberDay.objects.create(number=row, agent=desk, day=day, incoming=1, last_at=noon(day))
    assert set(used(APRIL).values()) == {None}  # nobody has read calls
    now = db_now()
    CallReading.objects.update(since=noon(date(2026, 3, 1)), until=now, supported=True)
    assert used(MARCH)["all", ""] is None  # not known from its beginning
    assert used(APRIL) == {
        ("all", ""): 2,
        ("agent", "agent-1"): 1,
        ("agent", ""): 1,
        ("tag", "west"): 1,
        ("tag", ""): 1,
    }
    row = MonthCost.objects.get(month__month=APRIL, kind="all")
    assert (row.cost, row.per_line, row.per_used_line) == (Decimal("3.45"), Decimal("1.15"), Decimal("1.72"))
    current = start_of(now.date())
    CallReading.objects.update(since=now)
    assert used(current)["all", ""] is None  # only its end is known


def test_a_month_that_is_over_is_counted_once_more_and_then_kept():
    now = noon(date(2026, 4, 20))
    desk = Agent.objects.create(api_id="agent-1", name="Front desk")
    row = number(1, date(2026, 3, 5), agent=desk)
    assert months_due(now) == [APRIL, MARCH]
    for month in (MARCH, APRIL):
        CountedMonth.objects.filter(pk=count_month(month).pk).update(counted_at=now)
    assert months_due(now + timedelta(minutes=5)) == []
    later = noon(date(2026, 5, 3))
    assert months_due(later) == [MAY, APRIL]
    Number.objects.filter(pk=row.pk).update(agent=None)
    CountedMonth.objects.filter(pk=count_month(APRIL).pk).update(counted_at=later)
    CountedMonth.objects.filter(pk=count_month(MAY).pk).update(counted_at=later)
    assert months_due(later + timedelta(minutes=5)) == []
    kept = MonthCost.objects.filter(kind="agent").values_list("month__month", "key")
    assert set(kept) == {(MARCH, "agent-1"), (APRIL, ""), (MAY, "")}


def test_counting_a_month_takes_as_many_queries_for_a_thousand_lines_as_for_ten():
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            count_month(APRIL)
        return count(captured)

    for n in range(10):
        number(n, date(2026, 3, 5), left=date(2026, 4, 20) if n % 2 else None)
    queries()
    few = queries()
    for n in range(10, 200):
        number(n, date(2026, 3, 5), left=date(2026, 4, 20) if n % 2 else None)
    assert queries() == few < 20


def test_the_worker_counts_all_months_that_there_are():
    first = start_of(start_of(datetime.now(UTC).date()) - timedelta(days=1))
    number(1, first)
    run_worker_until_idle()
    counted = CountedMonth.objects.exclude(counted_at=None).values_list("month", flat=True)
    assert list(counted) == [next_month(first), first]


def test_what_a_page_and_a_file_and_the_command_say_is_the_same(staff):
    today = datetime.now(UTC).date()
    Price.objects.update(valid_from=date(2020, 1, 1))
    number(1, today)
    Tag.objects.create(name="west").numbers.add(Number.objects.get())
    text = staff.get("/costs/").text
    assert f"{today:%B %Y}" in text
    assert "$2.15" in text
    assert "1 line, $2.15 a line" in text
    file = b"".join(staff.get("/costs/export.csv").streaming_content).decode()
    out = io.StringIO()
    call_command("costs", "--json", stdout=out)
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert rows == list(cost_rows(MonthCost.objects.all()))
    assert {(row["kind"], row["cost"]) for row in rows} == {
        ("all", "2.15"),
        ("agent", "2.15"),
        ("tag", "2.15"),
    }
    assert file.splitlines()[0] == COLUMNS
    assert len(file.splitlines()) == 4


def test_a_page_counts_nothing_that_takes_long(staff, monkeypatch):
    monkeypatch.setattr(months, "AT_ONCE", 0)
    number(1, date(2026, 3, 5))
    assert "Nothing counted yet" in staff.get("/costs/").text
    run_worker_until_idle()
    CountedMonth.objects.update(seconds=2 * months.QUICK, last_event=0)
    Event.objects.create(action="number.changed")
    monkeypatch.setattr(months, "count_month", lambda month: pytest.fail("counted"))
    assert staff.get("/costs/").status_code == 200


def test_a_worker_that_looks_for_months_reads_no_whole_table(db):
    with CaptureQueriesContext(connection) as asked:
        months_due(db_now())
    oldest, bought = [query["sql"] for query in asked if "numbers_number" in query["sql"]]
    assert 'ORDER BY "numbers_number"."id" ASC LIMIT 1' in oldest
    if connection.vendor == "sqlite":
        assert steps_of(oldest) == ["SCAN numbers_number"]  # along the key, to the first row
        assert "COVERING INDEX number_by_bought" in str(steps_of(bought))
