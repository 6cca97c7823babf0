"""One way to write money, moments and waits; and an overview whose parts agree."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from numbers.currencies import priced
from numbers.db.clock import written
from numbers.models import Event, Number
from numbers.services.monitoring import statistics
from numbers.states import LineState, NumberStatus
from numbers.templatetags.lines import next_step
from numbers.templatetags.ui import time_tag, until
from tests.support.books import bare_line
from tests.support.stack import ROOT

NOW = datetime(2026, 11, 28, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [("23", "USD", "$23.00"), ("1234.5", "USD", "$1,234.50"), ("9", "EUR", "EUR 9.00")],
)
def test_money_always_has_two_decimals(amount, currency, text):
    assert priced(amount, currency) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 28, 8, 6, 59, tzinfo=UTC), "today 08:06"),
        (datetime(2026, 11, 26, 11, 13, tzinfo=UTC), "Nov 26, 11:13"),
        (datetime(2025, 3, 1, tzinfo=UTC), "Mar 1, 2025"),
    ],
)
def test_a_moment_is_written_in_one_way(moment, text):
    assert re.sub(r"<[^>]+>", "", time_tag(moment, NOW)) == text
    assert f'datetime="{moment:%Y-%m-%dT%H:%M:%S}Z"' in time_tag(moment, NOW)


def test_a_moment_in_a_sentence_says_its_zone():
    assert written(datetime(2026, 11, 6, 8, 5, tzinfo=UTC)) == "Nov 6, 08:05 UTC"


WAITS = {
    -3: "now",
    0: "now",
    20: "in 20 s",
    99: "in 99 s",
    100: "in 2 min",
    5399: "in 90 min",
    5400: "in 2 h",
}


@pytest.mark.parametrize("seconds", WAITS)
def test_a_wait_is_counted_in_its_unit(seconds):
    assert until(seconds) == WAITS[seconds]


def test_the_script_counts_in_the_same_steps():
    script = (ROOT / "static/js/app.js").read_text()
    for step in ("seconds <= 0", "seconds < 100", "seconds < 5400", "`in ${seconds} s`"):
        assert step in script


@pytest.mark.django_db
def test_a_line_that_is_checked_counts_down_to_its_next_check():
    line = bare_line(LineState.UNKNOWN, due_at=timezone.now() + timedelta(seconds=20), reason="No answer.")
    assert 'Checking again <span class="num" data-in="20">in 20 s</span>. Don' in next_step(line)


@pytest.mark.django_db
def test_the_figures_of_the_overview_agree_with_its_list(staff):
    Number.objects.create(e164="+14155550100")
    staff.get("/")
    for n in range(2):
        Number.objects.create(e164=f"+1415555020{n}")
        Event.objects.create(action="number.appeared")
    assert statistics.figures().counts["unassigned"] == 3
    text = staff.get("/").text
    assert len(re.findall(r">3 numbers<", text)) == 2  # in the list of what needs a person, and as a figure


@pytest.mark.django_db
def test_a_released_number_is_not_among_those_bought_lately(staff):
    now = timezone.now()
    Number.objects.create(e164="+14155550100", bought_at=now)
    Number.objects.create(e164="+14155550199", bought_at=now, status=NumberStatus.RELEASED)
    text = staff.get("/").text
    assert "/numbers/+14155550100/" in text
    assert "/numbers/+14155550199/" not in text
