"""The history: filtered, searched, taken away."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from numbers.models import Event, Order
from tests.books import forget
from tests.pages.upkeep import HOSTILE, agent, numbers

pytestmark = pytest.mark.django_db


def said(staff, **query) -> list[str]:
    """The reasons of the events that are shown."""
    text = staff.get("/activity/", query).content.decode()
    return [part.split("<")[0] for part in text.split('<p class="happened">')[1:]]


@pytest.fixture
def past(bob):
    number, other = numbers(2)
    forget()
    order = Order.objects.create(form_token="t", quantity=1)
    days = [datetime(2026, 1, day, 12, tzinfo=UTC) for day in (1, 2, 3, 4)]
    Event.objects.create(at=days[0], action="order.placed", order=order, actor_name="bob", reason="First")
    Event.objects.create(
        at=days[1], action="number.changed", number=number, actor_name="ada", reason="Second"
    )
    Event.objects.create(at=days[2], action="number.released", number=other, actor_name="bob", reason="Third")
    Event.objects.create(at=days[3], action="sync.finished", request_id="request-0004", reason="Fourth")
    return order


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Fourth", "Third", "Second", "First"]),
        ({"action": "number"}, ["Third", "Second"]),
        ({"action": "number.released"}, ["Third"]),
        ({"person": "ada"}, ["Second"]),
        ({"person": "-"}, ["Fourth"]),
        ({"number": "(415) 555-0000"}, ["Second"]),
        ({"number": "555"}, ["Third", "Second"]),
        ({"from": "2026-01-02", "to": "2026-01-03"}, ["Third", "Second"]),
        ({"to": "2026-01-01"}, ["First"]),
        ({"q": "sec"}, ["Second"]),
        ({"q": "request-0004"}, ["Fourth"]),
        ({"person": "bob", "action": "order"}, ["First"]),
        ({"person": "nobody"}, []),
    ],
)
def test_each_filter_finds_its_events(staff, past, query, found):
    assert said(staff, **query) == found


def test_the_events_of_an_order(staff, past):
    assert said(staff, order=past.pk) == ["First"]


@pytest.mark.parametrize("count", [1, 60])
def test_the_page_asks_as_much_for_many_events_as_for_one(staff, django_assert_num_queries, count):
    agent()
    rows = numbers(count)
    for number in rows:
        about = {"before": {"agent": "id of Reception"}, "after": {"agent": ""}}
        Event.objects.create(action="number.changed", number=number, **about)
    with django_assert_num_queries(6):
        staff.get("/activity/")


def test_pages_go_by_key_and_keep_the_filter(staff):
    numbers(120)
    first = staff.get("/activity/", {"action": "number"}).content.decode()
    older = first.split('id="older" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "action=number" in older
    second = staff.get(older).content.decode()
    assert second.count('class="at-when num"') == 50
    assert first.split("data-number")[0] != second


@pytest.mark.parametrize("name", ["q", "action", "person", "number", "order", "plan", "from", "to", "before"])
def test_odd_filters_break_nothing(staff, past, name):
    for text in HOSTILE:
        assert staff.get("/activity/", {name: text}).status_code == 200, text
        for kind in ("csv", "json"):
            answer = staff.get(f"/activity/export.{kind}", {name: text})
            assert b"".join(answer.streaming_content), text


def test_a_mistyped_filter_is_said_to_be_left_out(staff, past):
    text = staff.get("/activity/", {"from": "yesterday", "person": "ada"}).content.decode()
    assert "From: Write a day like 2026-01-31. This filter is left out." in text
    assert "Second" in text
    assert "First" not in text


def test_the_export_holds_what_the_filter_shows(staff, past):
    text = b"".join(staff.get("/activity/export.json?person=bob").streaming_content)
    assert [row["reason"] for row in json.loads(text)] == ["Third", "First"]
    rows = csv.DictReader(io.StringIO(b"".join(staff.get("/activity/export.csv").streaming_content).decode()))
    assert [row["reason"] for row in rows] == ["Fourth", "Third", "Second", "First"]


def test_no_cell_of_the_export_is_a_formula(staff):
    Event.objects.create(action="number.changed", reason="=1+1", actor_name="@ada", before={"label": "=2"})
    text = b"".join(staff.get("/activity/export.csv").streaming_content).decode()
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["reason"] == "'=1+1"
    assert row["who"] == "'@ada"
    assert json.loads(row["before"]) == {"label": "=2"}


@pytest.mark.parametrize("count", [1, 60])
def test_the_export_asks_as_much_for_many_events_as_for_one(staff, django_assert_num_queries, count):
    numbers(count)
    with django_assert_num_queries(3):
        b"".join(staff.get("/activity/export.csv").streaming_content)
