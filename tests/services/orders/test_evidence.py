"""Orders and approvals that somebody has changed in the database are named by the audit."""

import pytest
from django.db import connection

from numbers.models import Approval, Connection, Event, Line, Order
from numbers.permissions import Role
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.seals import seal
from numbers.services.orders import evidence
from numbers.services.orders.approvals import approve, digest_of, lines_of
from numbers.services.orders.evidence import faults
from numbers.services.orders.placement import cancel_line, cancel_rest
from numbers.services.purchasing.clearance import cleared_orders
from tests.support.books import PERSON, forget, order
from tests.support.people import person

pytestmark = pytest.mark.django_db
WRONG_APPROVAL = "The approval of {} doesn't match what the history sealed."


@pytest.fixture(autouse=True)
def threshold(settings):
    settings.APPROVAL_LINES = 2


@pytest.fixture
def small():
    return order(quantity=2)


@pytest.fixture
def large(bob):
    return order(by=Actor.person(bob), quantity=3)


def yes(placed: Order) -> Order:
    placed = Order.objects.get(pk=placed.pk)
    by = Actor.person(person(f"approver of {placed.pk}", Role.APPROVER))
    return approve(order_id=placed.pk, digest=digest_of(placed, lines_of(placed)), by=by)


def test_what_is_as_it_was_ordered_has_no_faults(bob, small, large):
    yes(large)
    cancel_line(line_id=large.lines.first().pk, by=Actor.person(bob))
    cancel_rest(order_id=order(by=Actor.person(bob), quantity=3).pk, by=PERSON)
    for _ in range(3):
        order()
    assert list(faults()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": 200},
        {"cost_monthly": 1, "cost_once": 1},
        {"currency": "EUR"},
        {"requested_by_name": "ada"},
        {"created_at": "2020-01-01T00:00Z"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_row_of_an_order_that_was_edited_is_named(small, change):
    Order.objects.update(**change)
    (said,) = faults()
    assert said.startswith((f"{small} differs in our records", f"{small} has a different person"))


@pytest.mark.parametrize("change", [{"area_code": "212"}, {"label": "Mine"}, {"connection": "another"}])
def test_so_is_a_line_of_it(small, change):
    if "connection" in change:
        change = {"connection": Connection.objects.create(api_id="another")}
    Line.objects.filter(position=2).update(**change)
    event = small.events.get(action="order.placed")
    assert list(faults()) == [
        f"{small} differs in our records from what event {event.pk} (order.placed) sealed."
    ]


def test_a_line_that_was_slipped_in_or_taken_out_is_named(small):
    extra = small.lines.last()
    extra.pk, extra.position = None, 3
    extra.save()
    assert len(list(faults())) == 1
    Line.objects.filter(position__gt=1).delete()
    assert len(list(faults())) == 1


@pytest.mark.parametrize("said", ["", "approved", "refused", "withdrawn"])
def test_an_order_that_says_something_else_about_its_approval_is_named(large, said):
    Order.objects.update(approval=said)
    label = Order(approval=said).get_approval_display()
    assert list(faults()) == [
        f"{large} says “{label}” about its approval; the history says “Waiting for approval”."
    ]


@pytest.mark.parametrize("change", [{"asked_by": None}, {"asked_by_name": ""}, {"digest": "0" * 64}])
def test_so_is_an_approval_that_was_edited(large, change):
    Approval.objects.update(**change)
    assert list(faults()) == [WRONG_APPROVAL.format(large)]


def test_so_is_one_by_somebody_else_than_has_approved(bob, large):
    yes(large)
    Approval.objects.update(decided_by=person("ada"))
    assert list(faults()) == [WRONG_APPROVAL.format(large)]


def test_an_approval_that_is_gone_or_was_never_asked_for_is_named(large, small):
    row = large.question
    row.delete()
    assert list(faults()) == [f"The approval of {large} is missing from our records."]
    row.pk, row.order = None, small
    row.save()
    assert f"The approval of {small} is not in the history." in list(faults())


def test_an_order_that_was_slipped_in_is_named_and_not_bought(small):
    slipped = Order.objects.create(form_token="slipped in", quantity=1)
    assert list(faults()) == [f"{slipped} is in our records, but the history has no event for it."]
    assert list(cleared_orders()) == [small]


def test_an_order_that_is_gone_is_named(large, small):
    """Rows that a database without foreign keys lets go."""
    pk = large.pk
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET session_replication_role = replica")
    else:
        connection.check_constraints()
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA defer_foreign_keys = ON")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM numbers_notice WHERE order_id = %s", [pk])
        cursor.execute("DELETE FROM numbers_approval WHERE order_id = %s", [pk])
        cursor.execute("DELETE FROM numbers_line WHERE order_id = %s", [pk])
        cursor.execute("DELETE FROM numbers_order WHERE id = %s", [pk])
    try:
        assert list(faults()) == [f"Order {pk} is missing from our records, but the history names it."]
    finally:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET session_replication_role = origin")
        forget(Event.objects.filter(order_id=pk))


def test_a_second_placing_that_asks_for_no_approval_clears_nothing(large):
    """Whoever can only add to the history does not talk an order through with it."""
    record_event(action="order.placed", by=PERSON, order=large, after={"approval": ""})
    Order.objects.update(approval="")
    assert list(cleared_orders()) == []
    assert any("was placed once, but event" in said for said in faults())


def test_an_order_is_cleared_by_a_sealed_approval_of_another_account_alone(bob, large, small):
    assert list(cleared_orders()) == [small]
    Order.objects.filter(pk=large.pk).update(approval="approved")
    for by in (Actor.person(bob), Actor(name="ada"), Actor.person(person("ada"))):
        record_event(action="order.approved", by=by, order=large)  # none of these is sealed
    assert list(cleared_orders()) == [small]
    Order.objects.filter(pk=large.pk).update(approval="waiting")
    yes(large)
    assert set(cleared_orders()) == {small, large}


def test_ones_own_approval_clears_nothing_though_it_is_sealed(bob, large):
    Order.objects.update(approval="approved")
    record_event(action="order.approved", by=Actor.person(bob), order=large)
    seal()
    assert list(cleared_orders()) == []


def test_all_orders_are_looked_at_in_portions(monkeypatch):
    monkeypatch.setattr(evidence, "PORTION", 2)
    placed = [order(by=Actor(name=f"person {n}")) for n in range(5)]
    assert list(faults()) == []
    Order.objects.update(quantity=9)
    assert [said.split(" differs")[0] for said in faults()] == [str(one) for one in placed]
