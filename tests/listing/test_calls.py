"""The list by calls: columns, order and filters; and what it says where calls are not known."""

import json
import re
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from numbers.db.clock import db_now
from numbers.listing.query import Query
from numbers.models import CallReading, Number
from tests.support.calls import calls_are_known

pytestmark = pytest.mark.django_db


@pytest.fixture
def six(settings):
    """Six numbers that are ours for half a year; every one was last called longer ago than the one before."""
    calls_are_known(settings)
    now = db_now()
    for n, days in enumerate((1, 8, 31, 60, 91, None)):
        Number.objects.create(
            e164=f"+1415555010{n}",
            calls_30=5 - n if n < 3 else 0,
            wrong_agent=n == 2,
            bought_at=now - timedelta(days=180),
            last_call_at=now - timedelta(days=days) if days else None,
        )
    return now


def listed(client, **params) -> list[int]:
    text = client.get("/numbers/", params).text
    return [int(last) for last in re.findall(r'data-number="\+1415555010(\d)"', text)]


@pytest.mark.parametrize(("days", "found"), [(7, {1, 2, 3, 4, 5}), (30, {2, 3, 4, 5}), (90, {4, 5})])
def test_numbers_without_a_call_for_so_many_days(staff, six, days, found):
    assert set(listed(staff, silent=days)) == found
    assert f'<span class="quiet">No call for</span> {days} days' in staff.get(f"/numbers/?silent={days}").text


def test_bulk_changes_mean_the_same_numbers(six):
    found = {n.e164[-1] for n in Query.of("silent=30").numbers()}
    assert found == {"2", "3", "4", "5"}
    assert {n.e164[-1] for n in Query.of("silent=7&wrong=1").numbers()} == {"2"}


def test_new_numbers_have_not_been_silent_for_long(staff, six):
    Number.objects.filter(e164__endswith="5").update(bought_at=six - timedelta(days=10))
    assert 5 in listed(staff, silent=7)
    assert 5 not in listed(staff, silent=30)


def test_a_call_from_before_it_was_ours_does_not_count(staff, six):
    Number.objects.filter(e164__endswith="4").update(bought_at=six - timedelta(days=10))
    assert 4 not in listed(staff, silent=30)


def test_numbers_that_another_agent_answered(staff, six):
    assert listed(staff, wrong=1) == [2]
    assert listed(staff, wrong=1, silent=90) == []


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("-calls", [0, 1, 2, 5, 4, 3]),
        ("calls", [3, 4, 5, 2, 1, 0]),
        ("-last_call", [0, 1, 2, 3, 4, 5]),
        ("last_call", [5, 4, 3, 2, 1, 0]),
    ],
)
def test_it_is_sorted_and_paged_by_calls(staff, six, sort, order, monkeypatch):
    assert listed(staff, sort=sort, cols="calls,last_call") == order
    monkeypatch.setattr("numbers.listing.query.SIZES", (2, 100))
    found, url = [], f"/numbers/?sort={sort}"
    while url:
        text = staff.get(url).text
        found += [int(last) for last in re.findall(r'data-number="\+1415555010(\d)"', text)]
        link = re.search(r'id="older" href="([^"]+)"', text)
        url = link and link[1].replace("&amp;", "&")
    assert found == order


@pytest.mark.parametrize("key", ["1~x", "1~", "1~-5", "1~99999999999999999999", "x~1"])
def test_a_key_that_is_no_number_of_calls_is_the_first_page(staff, six, key):
    assert listed(staff, sort="-calls", before=key) == listed(staff, sort="-calls")


def test_the_columns_say_how_many_and_when(staff, six):
    text = staff.get("/numbers/?cols=calls,last_call").text
    row, silent = (text.partition(f'data-number="+1415555010{n}"')[2].partition("</tr>")[0] for n in (0, 5))
    assert '<td class="at-calls num">5</td>' in row
    assert re.search(r'<td class="at-last"><time', row)
    assert '<td class="at-calls num">0</td><td class="at-last">None</td>' in silent


UNKNOWN = {
    "not read yet": ({"until": None, "since": None}, "Calls haven't been read yet."),
    "no calls there": ({"supported": False}, "This Fluents API doesn't list calls."),
    "read long ago": ({"until": timezone.now() - timedelta(days=3)}, "Calls were last read on "),
    "it fails": ({"until": None, "error": "Fluents refused."}, "read yet. Fluents refused."),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_where_calls_are_not_known_it_says_so_and_never_0(staff, six, name):
    changes, why = UNKNOWN[name]
    CallReading.objects.update(**changes)
    text = staff.get("/numbers/?cols=calls,last_call").text
    assert text.count('<td class="at-calls num">Not known</td><td class="at-last">Not known</td>') == 6
    assert why.replace("'", "&#x27;") in text
    for filters in ("silent=30", "wrong=1&silent=30"):
        text = staff.get(f"/numbers/?{filters}").text
        assert why.replace("'", "&#x27;") in text
        assert '<strong class="num">Not known</strong>' in text
        assert "0 numbers" not in text
        assert "data-number" not in text
    assert why.replace("'", "&#x27;") not in staff.get("/numbers/").text


def test_it_finds_none_for_longer_than_calls_are_known(staff, six):
    CallReading.objects.update(since=six - timedelta(days=40))
    assert listed(staff, silent=30)
    assert listed(staff, silent=90) == []
    assert "Calls are known for less than 90 days." in staff.get("/numbers/?silent=90").text


def test_calls_that_could_not_be_read_are_told_of(staff, six):
    CallReading.objects.update(unreadable=3)
    assert "3 calls couldn&#x27;t be read" in staff.get("/numbers/?cols=calls").text


def test_exports_have_the_fields_or_nothing_in_them(six, capsys):
    def row() -> dict:
        call_command("export", "--format=json")
        return json.loads(capsys.readouterr().out.splitlines()[0])

    first = row()
    assert (first["calls_30_days"], first["last_call_at"][:10]) == (5, f"{six - timedelta(days=1):%Y-%m-%d}")
    CallReading.objects.update(supported=False)
    first = row()
    assert (first["calls_30_days"], first["last_call_at"]) == (None, None)
