"""The list of orders: its tabs with their counts, its search and filters."""

import re
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.listing import orders as listing
from numbers.models import Line, Order
from numbers.permissions import Role
from numbers.services.orders.endings import record_endings
from numbers.states import ApprovalState, LineState
from tests.services.orders.test_endings import ordered
from tests.support.people import person
from tests.support.queries import count, steps_of

pytestmark = pytest.mark.django_db
S = LineState
TAB = re.compile(r"<a href=\"[^\"]*\"[^>]*>([\w ]+) <span class=\"count[\w -]*\">([\d,+]+)</span>")


def shown(staff, **query) -> list[int]:
    """The orders that the page lists, in its order."""
    return [int(pk) for pk in re.findall(r'data-order="(\d+)"', staff.get("/orders/", query).text)]


def tabs(staff) -> dict[str, str]:
    return dict(TAB.findall(staff.get("/orders/").text))


@pytest.fixture
def kinds(db) -> dict[str, Order]:
    """An order of each kind."""
    found = {
        "moving": ordered(S.BOUGHT, S.PLANNED),
        "review": ordered(S.BOUGHT, S.REVIEW),
        "partial": ordered(S.BOUGHT, S.FAILED),
        "whole": ordered(S.BOUGHT),
        "failed": ordered(S.FAILED),
        "waiting": ordered(S.PLANNED),
    }
    Order.objects.filter(pk=found["waiting"].pk).update(approval=ApprovalState.WAITING)
    return found


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize(
    ("tab", "names"),
    [
        ("open", ["waiting", "review", "moving"]),
        ("needs", ["waiting", "review"]),
        ("partial", ["partial"]),
        ("", ["waiting", "failed", "whole", "partial", "review", "moving"]),
    ],
)
def test_each_tab_lists_its_orders_newest_first_and_counts_them(client, kinds, tab, names, written):
    client.force_login(person("ada", Role.ADMIN))
    if written:
        record_endings()
    assert shown(client, tab=tab) == [kinds[name].pk for name in names]
    assert tabs(client) == {"Open": "3", "Needs you": "2", "Partial": "1", "All": "6"}


def test_an_approval_needs_those_who_may_give_it_and_not_who_asks(client, kinds):
    client.force_login(buyer := person("bea", Role.BUYER))
    assert shown(client, tab="needs") == [kinds["review"].pk]
    client.force_login(approver := person("ines", Role.APPROVER))
    assert shown(client, tab="needs") == [kinds["waiting"].pk, kinds["review"].pk]
    Order.objects.update(requested_by=approver)
    assert shown(client, tab="needs") == [kinds["review"].pk]
    assert buyer.pk != approver.pk


def test_a_tab_does_not_count_on_forever(staff, kinds, monkeypatch):
    monkeypatch.setattr(listing, "MANY", 2)
    monkeypatch.setattr("numbers.views.orders.list.MANY", 2)
    assert tabs(staff)["All"] == "2+"


@pytest.fixture
def asked(db) -> list[Order]:
    """Three orders: of ada for a clinic in 212, of bob for a number, of bob for 415."""
    orders = [ordered(S.FAILED), ordered(S.BOUGHT), ordered(S.PLANNED)]
    for order, name, day in zip(orders, ["ada", "bob", "bob"], (1, 2, 3), strict=True):
        at = datetime(2026, 1, day, 12, tzinfo=UTC)
        Order.objects.filter(pk=order.pk).update(requested_by_name=name, created_at=at)
    orders[0].lines.update(label="Clinic night", area_code="212", phone_number="+12125550199")
    orders[2].lines.update(wanted_number="+16465550123", area_code="")
    return orders


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "clinic"}, [0]),
        ({"q": "NIGHT"}, [0]),
        ({"q": "ada"}, [0]),
        ({"q": "212"}, [0]),
        ({"q": "(212) 555-0199"}, [0]),
        ({"q": "0199"}, [0]),
        ({"q": "+1 646 555 0123"}, [2]),
        ({"q": "65550123"}, [2]),
        ({"q": "nothing like it"}, []),
        ({"person": "bob"}, [2, 1]),
        ({"person": "nobody"}, []),
        ({"from": "2026-01-02"}, [2, 1]),
        ({"to": "2026-01-02"}, [1, 0]),
        ({"from": "2026-01-02", "to": "2026-01-02"}, [1]),
        ({"person": "bob", "to": "2026-01-02"}, [1]),
        ({"tab": "open", "q": "ada"}, []),
        ({"tab": "open", "q": "bob"}, [2]),
        ({"from": "2026-01-02", "q": "bob"}, [2, 1]),
    ],
)
def test_each_filter_finds_its_orders(staff, asked, query, found):
    assert shown(staff, **query) == [asked[n].pk for n in found]


def test_a_bought_number_finds_its_order(staff, asked):
    e164 = asked[1].lines.get().phone_number
    assert shown(staff, q=e164[2:]) == shown(staff, q=f"({e164[2:5]}) {e164[5:]}") == [asked[1].pk]


@pytest.mark.parametrize("typed", ["order {}", "Order {}", "#{}", " order #{} "])
def test_a_reference_finds_its_order_alone(staff, asked, typed):
    assert shown(staff, q=typed.format(asked[0].pk)) == [asked[0].pk]
    assert shown(staff, q=typed.format(asked[0].pk), tab="open") == []


def test_digits_that_are_a_reference_put_it_first(staff, asked):
    pk = asked[0].pk
    asked[2].lines.update(phone_number=f"+1646555{pk:04}")
    assert shown(staff, q=str(pk))[0] == pk


def test_words_are_looked_for_in_so_many_orders_at_a_time(staff, monkeypatch):
    monkeypatch.setattr(listing, "WINDOW", 3)
    orders = [ordered(S.FAILED) for _ in range(8)]
    for order in (orders[0], orders[7]):
        order.lines.update(label="Campaign")
    text, found, pages = staff.get("/orders/?q=campaign").text, [], 1
    assert "A page searches 2,000 orders at a time." in text
    found += re.findall(r'data-order="(\d+)"', text)
    while match := re.search(r'id="older" href="([^"]+)"', text):
        text, pages = staff.get(match[1].replace("&amp;", "&")).text, pages + 1
        found += re.findall(r'data-order="(\d+)"', text)
    assert (list(map(int, found)), pages) == ([orders[7].pk, orders[0].pk], 3)
    assert shown(staff, q="campaign", tab="open") == []


def test_pages_go_by_key_and_keep_tab_and_filter(staff, monkeypatch):
    orders = [ordered(S.PLANNED) for _ in range(53)]
    text = staff.get("/orders/?tab=open&person=bob").text
    older = re.search(r'id="older" href="([^"]+)"', text)[1].replace("&amp;", "&")
    assert "tab=open" in older
    assert "person=bob" in older
    second = staff.get(older).text
    assert re.findall(r'data-order="(\d+)"', second) == [str(order.pk) for order in orders[2::-1]]


def test_htmx_gets_the_rows_alone_and_the_address_follows(staff, asked):
    headers = {"HX-Request": "true", "HX-Target": "orders", "HX-Trigger": "order-filters"}
    answer = staff.get("/orders/?tab=open&q=bob&person=&from=&to=", headers=headers)
    assert answer["HX-Push-Url"] == "/orders/?tab=open&q=bob"
    assert answer.text.strip().startswith('<section id="orders"')


def test_a_mistyped_day_is_said_to_be_left_out(staff, asked):
    text = staff.get("/orders/", {"from": "yesterday", "person": "ada"}).text
    assert "From: Enter a date such as 2026-01-31. This filter was ignored." in text
    assert len(re.findall("data-order=", text)) == 1


@pytest.mark.parametrize("query", ["", "?tab=open", "?tab=needs", "?tab=partial", "?q=campaign", "?q=415"])
def test_the_page_asks_as_much_for_many_orders_as_for_one(staff, query):
    made = []
    for amount in (1, 20):
        for _ in range(amount):
            ordered(S.BOUGHT, S.REVIEW)
            ordered(S.BOUGHT, S.FAILED).lines.update(label="Campaign")
        with CaptureQueriesContext(connection) as queries:
            staff.get(f"/orders/{query}")
        made.append(count(queries))
    assert made[0] <= 14
    assert made[0] == made[1]


@pytest.mark.parametrize(
    "query",
    ["", "tab=open", "tab=needs", "tab=partial", "q=campaign", "q=%2312", "q=4155550000", "q=415",
     "person=bob", "from=2026-01-01", "to=2026-01-01", "person=bob&to=2026-01-01", "tab=partial&q=campaign"],
)  # fmt: skip
def test_no_page_reads_all_orders_or_lines(staff, query):
    for _ in range(3):
        ordered(S.BOUGHT, S.FAILED)
    with CaptureQueriesContext(connection) as asked:
        assert staff.get(f"/orders/?{query}").status_code == 200
    for sql in {entry["sql"] for entry in asked if "numbers_order" in entry["sql"]}:
        steps = steps_of(sql)
        walks = [step for step in steps if re.match(r"SCAN (numbers_(order|line)|U\d)\b", step)]
        walks = [step for step in walks if "order_waiting" not in step]  # those few that wait
        sorts = [step for step in steps if step.startswith("USE TEMP B-TREE")]
        assert not walks or ("LIMIT" in sql and not sorts), (sql, steps)
        assert not [step for step in walks if "numbers_line" in step], (sql, steps)


def test_old_addresses_still_work(staff, kinds):
    assert shown(staff, approval="waiting") == [kinds["waiting"].pk]
    assert Line.objects.exists()


def test_partial_orders_are_found_by_their_ending(staff):
    ordered(S.BOUGHT, S.FAILED)
    with CaptureQueriesContext(connection) as asked:
        staff.get("/orders/?tab=partial")
    [page] = {entry["sql"] for entry in asked if '"ending" IN' in entry["sql"] and "LIMIT 51" in entry["sql"]}
    assert any("order_by_ending" in step for step in steps_of(page)), steps_of(page)
