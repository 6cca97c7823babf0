"""The history: filtered, searched, taken away."""

import csv
import io
import json
import re
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.models import Event, Number, Order, Plan
from numbers.services.audit.events import Actor
from numbers.services.plans import runner
from numbers.services.plans.lifecycle import apply_plan, plan_change
from numbers.states import RowState
from tests.support.books import forget
from tests.support.queries import steps_of
from tests.views.upkeep import HOSTILE, agent, numbers

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
    with django_assert_num_queries(8):
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
    assert "From: Enter a date such as 2026-01-31. This filter was ignored." in text
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
    with django_assert_num_queries(4):
        b"".join(staff.get("/activity/export.csv").streaming_content)


# --- A change of many numbers is one entry --------------------------------------------------


def applied(bob, count: int, *, failed: int = 0) -> Plan:
    """A plan of bob's that has changed COUNT numbers, with the events of its life."""
    start = Number.objects.count()
    rows = numbers(count, start=start)
    ada = Actor.person(bob)
    plan = plan_change(
        by=ada, numbers=Number.objects.filter(pk__in=[n.pk for n in rows]), changes={"label": "New"}
    )
    apply_plan(plan_id=plan.pk, by=ada)
    for n, key in enumerate(list(plan.rows.values_list("pk", flat=True))):
        row = runner.claim_row(row_id=key)
        if n < failed:
            runner.end_row(row, RowState.FAILED, "Fluents refused it.")
        else:
            runner.end_done(row, row.number, "number.changed")
    assert runner.finish(plan_id=plan.pk)
    plan.refresh_from_db()
    return plan


def entry(plan: Plan) -> str:
    pk = Event.objects.get(plan=plan, action="plan.applied").pk
    return f"entry-{pk}"


def unfold(staff, plan: Plan, more: str = "") -> str:
    """What htmx gets for the link of PLAN's entry."""
    target = entry(plan)
    headers = {"HX-Request": "true", "HX-Target": target}
    return staff.get(f"/activity/?entry={target.removeprefix('entry-')}{more}", headers=headers).text


def test_a_bulk_change_is_one_entry(staff, bob):
    before = Event.objects.count()
    plan = applied(bob, 30, failed=2)
    assert Event.objects.count() > before + 28
    text = staff.get("/activity/").text
    assert text.count('class="at-when num"') == 1 + Event.objects.filter(plan=None).count()
    assert "30 numbers: 28 done, 2 failed" in text
    assert f'href="/activity/?plan={plan.pk}"' in text
    assert "Change finished" not in text.partition("<main")[2].partition("<table")[2]


def test_it_unfolds_page_by_page_and_folds_again(staff, bob):
    plan = applied(bob, 60)
    first = unfold(staff, plan, f"&plan={plan.pk}")
    assert first.strip().startswith(f'<tbody id="{entry(plan)}"')
    assert first.count('class="at-when num"') == 1 + 50
    assert 'aria-expanded="true"' in first
    older = re.search(r'id="older-\d+" href="([^"]+)"', first)[1].replace("&amp;", "&")
    headers = {"HX-Request": "true", "HX-Target": entry(plan)}
    second = staff.get(older, headers=headers).text
    assert second.count('class="at-when num"') == 1 + 12  # 60 numbers, the draft and the end
    shown = set(re.findall(r"/numbers/(\+\d+)/", first + second))
    assert len(shown) == 60
    closed = unfold(staff, plan)
    assert closed.count('class="at-when num"') == 1
    assert 'aria-expanded="false"' in closed


def test_without_a_script_its_link_leads_to_its_events(staff, bob):
    plan = applied(bob, 30)
    text = staff.get(f"/activity/?plan={plan.pk}").text
    assert text.count('class="at-when num"') == 33
    assert "<h1" in staff.get(f"/activity/?plan={plan.pk}&entry={entry(plan).removeprefix('entry-')}").text


def test_a_change_of_one_number_shows_it_at_once(staff, bob):
    plan = applied(bob, 1)
    table = staff.get("/activity/").text.partition("<table")[2]
    assert plan.rows.get().number.get_absolute_url() in table
    assert "<ins>" in table
    assert 'class="fold"' not in table


def test_filters_find_the_rows_of_a_plan_one_by_one(staff, bob):
    applied(bob, 3)
    for query in ("action=number.changed", "number=4155550001&action=number", "action=plan.finished"):
        text = staff.get(f"/activity/?{query}").text
        assert 'class="entry"' not in text
        assert text.count('class="at-when num"') == (
            3 if "changed" in query else 2 if "number=" in query else 1
        )
    people = staff.get("/activity/?person=bob").text
    assert people.count('class="at-when num"') == 1
    rows = json.loads(b"".join(staff.get("/activity/export.json?person=bob").streaming_content))
    assert [row["action"] for row in rows].count("number.changed") == 3


def test_who_drafted_what_another_applied_is_still_found(staff, bob):
    plan = applied(bob, 2)
    Plan.objects.filter(pk=plan.pk).update(requested_by_name="ada")
    assert staff.get("/activity/?person=bob").text.count('class="at-when num"') == 2


def test_an_entry_of_another_event_is_not_there(staff, bob):
    event = Event.objects.create(action="gate.paused")
    headers = {"HX-Request": "true", "HX-Target": f"entry-{event.pk}"}
    assert staff.get(f"/activity/?entry={event.pk}", headers=headers).status_code == 404


@pytest.mark.parametrize(
    "query", ["", "person=bob", "from=2026-01-01", "person=bob&from=2026-01-01", "plan={}"]
)
def test_the_rows_of_plans_are_not_walked_through(staff, bob, query):
    plan = applied(bob, 5)
    with CaptureQueriesContext(connection) as asked:
        staff.get(f"/activity/?{query.format(plan.pk)}")
    listed = [q["sql"] for q in asked if 'FROM "numbers_event"' in q["sql"] and "LIMIT 51" in q["sql"]]
    assert listed
    for sql in listed:
        steps = steps_of(sql)
        assert "event_by_plan" in str(steps) if "plan" in query else "event_unfolded" in str(steps), steps
        assert "TEMP B-TREE" not in str(steps), steps


@pytest.mark.parametrize("count", [1, 12])
def test_many_plans_are_read_with_as_many_queries_as_one(staff, bob, count):
    for n in range(count):
        applied(bob, 1 + n % 2)
    with CaptureQueriesContext(connection) as asked:
        staff.get("/activity/")
    assert len(asked) == 8
