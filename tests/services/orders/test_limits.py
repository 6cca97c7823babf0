"""Limits hold for a person whatever they are called, however they split it, and in one currency."""

from decimal import Decimal

import pytest

from numbers.models import Connection, Line, Order, Price
from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.orders.approvals import approve, digest_of, lines_of
from numbers.services.orders.limits import OverLimit, Used, limits, orders_of, used
from numbers.services.orders.placement import cancel_rest
from numbers.states import LineState
from tests.support.books import PERSON, order, time_passes
from tests.support.people import person

pytestmark = pytest.mark.django_db
DAY = 24 * 3600


def placed(by, quantity: int = 1, **want) -> Order:
    return order(by=Actor.person(by), quantity=quantity, **want)


def price(monthly, currency: str = "USD", connection: str = "connection-1") -> None:
    row, _ = Connection.objects.get_or_create(api_id=connection, defaults={"telephony_provider": "twilio"})
    Price.objects.create(telephony_provider="twilio", connection=row, monthly=monthly, currency=currency)


def test_a_renamed_account_keeps_its_days_limit(settings, bob):
    settings.MAX_LINES_PER_USER_DAY = 2
    placed(bob, 2)
    bob.username = "robert"
    bob.save()
    with pytest.raises(OverLimit, match="2 lines used"):
        placed(bob)
    other = person("bob", Role.BUYER)  # somebody else by the old name
    assert placed(other, 2).requested_by == other


def test_a_command_and_an_account_of_its_name_are_two(settings):
    settings.MAX_LINES_PER_USER_DAY = 2
    command = Actor(name="ada (command line)", system_user="ada")
    account = person("ada (command line)", Role.BUYER)
    assert order(by=command, quantity=2).requested_by is None
    assert placed(account, 2).requested_by == account
    for by in (command, Actor.person(account)):
        assert [row.quantity for row in orders_of(by)] == [2]
        with pytest.raises(OverLimit):
            order(by=by)


def test_what_one_person_orders_without_approval_within_a_day_counts_together(settings, bob):
    settings.APPROVAL_LINES = 50
    ada = person("ada", Role.BUYER)
    assert [placed(bob, 20).approval for _ in range(2)] == ["", ""]
    assert placed(ada, 50).approval == ""  # somebody else's
    waiting = placed(bob, 11)
    assert waiting.approval == "waiting"
    why = "Over 50 lines, including orders in the last 24 hours"
    assert waiting.question.why == why
    assert placed(bob, 10).approval == ""  # what waits for approval does not count
    assert placed(bob, 1).approval == "waiting"
    time_passes(DAY + 1)
    assert placed(bob, 50).approval == ""


@pytest.mark.parametrize(("hours", "approval"), [(1, ""), (3, "waiting"), (0, "")])
def test_how_long_it_counts_together_is_a_setting(settings, bob, hours, approval):
    settings.APPROVAL_LINES, settings.APPROVAL_HOURS = 5, hours
    placed(bob, 5)
    time_passes(2 * 3600)
    assert placed(bob, 1).approval == approval


def test_cost_counts_together_too(settings, bob):
    settings.APPROVAL_COST = 10
    price(2)
    assert placed(bob, 5).approval == ""
    waiting = placed(bob)
    assert waiting.question.why == (
        "Over an estimated $10.00 for the first month, including orders in the last 24 hours"
    )


def test_what_was_approved_does_not_count_against_the_next_small_order(settings, bob):
    settings.APPROVAL_LINES = 5
    waiting = Order.objects.get(pk=placed(bob, 6).pk)
    ada = Actor.person(person("ada", Role.APPROVER))
    approve(order_id=waiting.pk, digest=digest_of(waiting, lines_of(waiting)), by=ada)
    assert placed(bob, 5).approval == ""


def test_a_large_order_that_says_it_needed_no_approval_does_not_hide_others(settings, bob):
    """Nor does one that was made to look approved: the history tells what needed none."""
    settings.APPROVAL_LINES = 5
    small = placed(bob, 5)
    Order.objects.filter(pk=small.pk).update(approval="approved")
    assert placed(bob).approval == "waiting"


def test_lines_that_were_called_off_or_not_bought_count_for_nothing(settings, bob):
    settings.APPROVAL_LINES = settings.APPROVAL_COST = 5
    price(1)
    by = Actor.person(bob)
    first = placed(bob, 5)
    assert used(orders_of(by)) == Used(lines=5, cost=Decimal(5))
    Line.objects.filter(order=first, position=1).update(state=LineState.FAILED)
    assert used(orders_of(by)) == Used(lines=4, cost=Decimal(4))
    assert placed(bob).approval == ""
    cancel_rest(order_id=first.pk, by=by)
    assert used(orders_of(by)) == Used(lines=1, cost=Decimal(1))


def test_money_of_two_currencies_is_never_added(settings, bob):
    settings.MAX_COST_PER_DAY, settings.APPROVAL_COST = 10, 0
    price(9)
    price(9, "EUR", "in-euros")
    placed(bob)
    with pytest.raises(OverLimit, match="no price in USD for this order"):
        placed(bob, telephony_account_connection="in-euros")
    settings.LIMIT_CURRENCY = "EUR"
    assert [(row.used, row.currency) for row in limits(by=PERSON)][1:] == [(0, "EUR")]
    assert placed(bob, telephony_account_connection="in-euros").currency == "EUR"
    with pytest.raises(OverLimit, match=r"is EUR 10\.00 per day, EUR 9\.00 used"):
        placed(bob, telephony_account_connection="in-euros")


def test_what_has_no_price_in_the_currency_of_limits_needs_approval(settings, bob):
    settings.APPROVAL_COST = 100
    price(1, "EUR")
    assert placed(bob).question.why == "No price in USD is set for it"
    assert placed(bob, telephony_account_connection="unpriced").approval == "waiting"
    settings.LIMIT_CURRENCY = "EUR"
    assert placed(bob).approval == ""
