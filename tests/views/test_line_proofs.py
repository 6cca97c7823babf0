"""Test calls as a part of an order: the choice in the confirming step, and what its pages tell of them."""

import json

import pytest

from numbers.db.clock import db_now
from numbers.models import Line, Number, Order, Proof
from numbers.permissions import Role
from numbers.states import LineState
from tests.support.calls import NO_CALLS, allow_test_calls, place_no_calls
from tests.support.people import person
from tests.views.test_buying import fields, typed
from tests.views.upkeep import agent, numbers

pytestmark = pytest.mark.django_db
PROBE = "+14155550001"


@pytest.fixture
def lines(settings, monkeypatch, synced):
    """Two lines of ours, and nothing in the way of a test call."""
    allow_test_calls(settings, monkeypatch)
    return numbers(2, agent=agent())


def confirming(staff, **changes):
    return staff.post("/orders/new/", typed(staff, quantity="1", **changes), follow=True)


def ask(staff, **chosen):
    sent = fields(confirming(staff), "confirm-form") | {"confirmed": "1", "prove": "yes", "prove_from": PROBE}
    return staff.post("/orders/new/", sent | chosen, follow=True)


def bought(order: Order) -> Line:
    """The only line of `order`, as if it were bought."""
    number = Number.objects.create(e164="+14155550100", agent=agent("Bookings"))
    order.lines.update(
        state=LineState.BOUGHT, number=number, phone_number=number.e164, settled_at=db_now(), due_at=db_now()
    )
    return order.lines.get()


def test_the_choice_is_there_and_not_made(staff, lines):
    text = confirming(staff).text
    assert "Test each line once it's bought" in text
    assert "up to 5 a day in all" in text
    assert "prove" not in fields(confirming(staff), "confirm-form")


def test_an_order_without_the_choice_tests_nothing(staff, lines):
    staff.post(
        "/orders/new/", fields(confirming(staff), "confirm-form") | {"confirmed": "1", "prove_from": PROBE}
    )
    order = Order.objects.get()
    assert (order.prove_from, order.proving) == ("", False)
    assert "is tested from" not in staff.get(order.get_absolute_url()).text


def test_an_order_with_it_says_so_and_what_each_line_waits_for(staff, lines, settings):
    text = ask(staff).text
    order = Order.objects.get()
    assert (order.prove_from, order.proving) == (PROBE, True)
    assert "Each line is tested from" in text
    assert "test call" not in text.lower().replace("test calls", "")  # nothing is bought yet
    line = bought(order)
    assert "Waiting for its test call" in staff.get(order.get_absolute_url()).text
    settings.PROOF_CALLS_PER_DAY = 0
    for page in (order.get_absolute_url(), f"{order.get_absolute_url()}receipt/"):
        assert "Test calls are off: PROOF_CALLS_PER_DAY is 0." in staff.get(page).text
    now = db_now()
    about = {"probe": lines[0], "agent": line.number.agent, "asked_at": now, "due_at": now, "token": "a" * 32}
    Proof.objects.create(
        number=line.number, line=line, verdict="wrong", reason="Night desk answered.", **about
    )
    for page in (order.get_absolute_url(), f"{order.get_absolute_url()}receipt/"):
        text = staff.get(page).text
        assert ("Wrong agent" in text, "Night desk answered." in text) == (True, True)
    answer = staff.get(f"{order.get_absolute_url()}receipt.json")
    (row,) = json.loads(answer.getvalue())["lines"]
    assert (row["test_call"], row["test_call_reason"]) == ("wrong", "Night desk answered.")


@pytest.mark.parametrize(
    ("typed_in", "why"),
    [
        ("", "Enter the line to call from."),
        ("+14155550999", "We don't own the line to call from."),
        ("abc", "isn't a phone number"),
    ],
)
def test_a_mistake_leads_back_to_the_confirming_step_with_the_choice_kept(staff, lines, typed_in, why):
    answer = ask(staff, prove_from=typed_in)
    assert Order.objects.count() == 0
    assert answer.redirect_chain
    assert why.replace("'", "&#x27;") in answer.text
    kept = fields(answer, "confirm-form")
    assert kept["prove"] == "yes"
    staff.post("/orders/new/", kept | {"prove_from": PROBE})
    assert Order.objects.get().prove_from == PROBE


@pytest.mark.parametrize("how", NO_CALLS)
def test_the_choice_is_absent_where_no_call_can_be_placed(staff, lines, settings, how):
    place_no_calls(how, settings)
    answer = confirming(staff)
    assert 'name="prove"' not in answer.text
    ask(staff)
    assert Order.objects.count() == 0  # who forges it orders nothing


def test_a_retry_proposes_what_the_order_before_had(staff, lines):
    ask(staff)
    order = Order.objects.get()
    order.lines.update(state=LineState.FAILED, reason="Sold out.", settled_at=db_now())
    again = staff.post(f"{order.get_absolute_url()}again/", follow=True)
    kept = fields(again, "confirm-form")
    assert (kept["prove"], kept["prove_from"]) == ("yes", "+1 415 555 0001")
    staff.post("/orders/new/", kept)
    assert Order.objects.latest("pk").prove_from == PROBE


def test_who_approves_sees_it(client, staff, lines, settings):
    settings.APPROVAL_LINES = 1
    sent = typed(staff, quantity="2")
    shown = fields(staff.post("/orders/new/", sent, follow=True), "confirm-form")
    staff.post("/orders/new/", shown | {"confirmed": "1", "prove": "yes", "prove_from": PROBE})
    client.force_login(person("ada", Role.APPROVER))
    text = client.get(Order.objects.get().get_absolute_url()).text
    assert "<dt>Test calls</dt><dd>Each line once, from" in text
