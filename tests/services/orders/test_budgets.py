"""A budget a month: from 80 per cent on people are warned, and what would pass it waits."""

import io
import json
from decimal import Decimal

import pytest
from django.core.management import call_command

from numbers.models import Budget, Connection, Event, Line, Number, Order, Price, Tag
from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.orders.approvals import approve, digest_of, lines_of, refuse
from numbers.services.orders.budgets import Standing, WrongBudget, set_budget, standings
from numbers.services.orders.items import Want
from numbers.services.orders.placement import cancel_rest, rehearse
from numbers.states import LineState, NumberStatus
from tests.support.books import PERSON, order, time_passes
from tests.support.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def ten(settings):
    """Ten dollars a month; a line costs two, and one once."""
    settings.BUDGET_MONTH = 10
    Connection.objects.create(api_id="connection-1", telephony_provider="twilio")
    Price.objects.create(telephony_provider="twilio", monthly=2)


@pytest.fixture
def oleg():
    return Actor.person(person("oleg", Role.APPROVER))


def own(count: int, start: int = 1, **fields) -> list[Number]:
    connection = Connection.objects.get(api_id="connection-1")
    about = {"telephony_provider": "twilio", "connection": connection} | fields
    return [Number.objects.create(e164=f"+1415555{n:04}", **about) for n in range(start, start + count)]


def used(tag: str = "") -> Decimal:
    return next(row.used for row in standings() if row.tag == tag)


def yes(placed: Order, by: Actor) -> None:
    placed = Order.objects.get(pk=placed.pk)
    approve(order_id=placed.pk, digest=digest_of(placed, lines_of(placed)), by=by)


def test_an_order_that_would_pass_the_budget_waits():
    own(3)
    assert order(quantity=2).approval == ""  # exactly all of it
    held = order()
    assert held.approval == "waiting"
    assert held.question.why == "Over the monthly budget of $10.00: $10.00 used, $2.00 more"
    assert held.lines.get().reason == "Waiting for approval."


def test_what_waits_or_was_called_off_is_not_used_and_what_was_approved_is(oleg):
    first = order(quantity=6)
    assert (first.approval, used()) == ("waiting", 0)
    assert order(quantity=5).approval == ""
    yes(first, oleg)
    assert used() == 22
    cancel_rest(order_id=first.pk, by=PERSON)
    assert used() == 10
    second = order(quantity=6)
    refuse(order_id=second.pk, digest=digest_of(second, lines_of(second)), by=oleg, reason="Too much")
    assert used() == 10


def test_a_line_counts_once_whether_it_is_being_bought_or_ours():
    line = order().lines.get()
    for state in (LineState.SENDING, LineState.UNKNOWN, LineState.REVIEW):
        Line.objects.filter(pk=line.pk).update(state=state, phone_number="+14155550009")
        assert used() == 2
    (number,) = own(1)
    Line.objects.filter(pk=line.pk).update(state=LineState.BOUGHT, number=number)
    assert used() == 2
    Number.objects.update(status=NumberStatus.RELEASED)
    assert used() == 0


def test_setup_fees_count_in_the_month_of_their_order():
    Price.objects.update(once=3)
    assert order(quantity=2).approval == ""  # 4 a month, and 6 once
    assert (used(), order().approval) == (10, "waiting")
    time_passes(40 * 24 * 3600)
    assert used() == 4


def test_a_tag_has_a_budget_of_its_own_and_a_line_with_two_tags_counts_for_both():
    for name, amount in (("west", 4), ("clinic", 100)):
        set_budget(by=PERSON, tag=Tag.objects.create(name=name).name, amount=Decimal(amount))
    own(1)[0].tags.set(Tag.objects.all())
    assert order(tags=["west", "clinic"]).approval == ""
    assert (used("west"), used("clinic"), used()) == (4, 4, 4)
    held = order(tags=["west"])
    assert held.question.why == "Over the monthly budget for “west” of $4.00: $4.00 used, $2.00 more"
    assert order(tags=["clinic"]).approval == ""
    two = [Want(area_code="415", tags=["west"]), Want(area_code="415", tags=["other"])]
    assert "“west”" in order(wants=two).question.why


def test_money_of_another_currency_is_never_added_and_without_a_price_a_person_decides(settings):
    euro = Connection.objects.create(api_id="euro", telephony_provider="twilio")
    Price.objects.create(telephony_provider="twilio", connection=euro, monthly=50, currency="EUR")
    own(1, connection=euro)
    assert used() == 0
    held = order(telephony_account_connection="euro")
    assert held.question.why == "No price in USD is set for it, and there's a monthly budget"
    settings.BUDGET_MONTH = 0
    assert order(telephony_account_connection="euro").approval == ""


def test_without_a_budget_nothing_is_asked(settings, django_assert_num_queries):
    settings.BUDGET_MONTH = 0
    own(9)
    with django_assert_num_queries(1):  # whether a tag has one
        assert standings(wants=[Want(area_code="415")]) == []
    assert order(quantity=50).approval == ""


def test_the_reason_joins_that_of_another_limit(settings):
    settings.APPROVAL_LINES = 3
    assert order(quantity=6).question.why == (
        "Over 3 lines. Over the monthly budget of $10.00: $0.00 used, $12.00 more"
    )


@pytest.mark.parametrize(
    ("used", "added", "percent", "near", "over"),
    [
        (0, 0, 0, False, False),
        (79, "0.99", 79, False, False),
        (80, 0, 80, True, False),
        ("99.99", 0, 99, True, False),
        (90, 10, 100, True, False),
        (90, "10.01", 100, True, True),
    ],
)
def test_where_warning_begins_and_where_orders_are_held(used, added, percent, near, over):
    row = Standing(tag="", most=Decimal(100), used=Decimal(used), added=Decimal(added))
    assert (row.percent, row.is_near, row.is_over) == (percent, near, over)


ACCOUNT = ("--telephony-provider", "twilio", "--telephony-account-connection", "connection-1")


def run(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_commands_say_why(settings):
    own(3)
    code, out, err = run("buy", *ACCOUNT, "--area-code", "415", "--check")
    assert (code, err) == (0, "With this order: 80% of the monthly budget: $8.00 of $10.00.\n")
    code, out, _ = run("buy", *ACCOUNT, "--area-code", "415", "--quantity", "3", "--check")
    why = "Over the monthly budget of $10.00: $6.00 used, $6.00 more."
    assert (code, why in out) == (0, True)
    assert rehearse(by=PERSON, telephony_provider="twilio", telephony_account_connection="connection-1",
                    wants=[Want(area_code="415", quantity=3)]) == why[:-1]  # fmt: skip
    code, _, err = run("buy", *ACCOUNT, "--area-code", "415", "--quantity", "3")
    assert (code, why in err) == (3, True)
    rows = [json.loads(row) for row in run("orders", "--json")[1].splitlines()]
    assert [row["error"] for row in rows] == [f"Waiting for approval. {why}"] * 3
    assert "All lines  60% of the monthly budget: $6.00 of $10.00" in run("budget")[1]


def test_pages_say_why(client, bob):
    client.force_login(bob)
    own(4)
    text = client.get("/costs/").text
    assert "$8.00 of $10.00" in text
    assert "Nearly used" in text
    held = order(by=Actor.person(bob), quantity=2)
    assert (
        "Over the monthly budget of $10.00: $8.00 used, $4.00 more." in client.get(f"/orders/{held.pk}/").text
    )


def test_the_budget_of_a_tag_is_set_changed_and_removed(client, settings):
    settings.REAUTH_SECONDS = 0
    client.force_login(person("ada", Role.ADMIN))
    Tag.objects.create(name="west")
    client.post("/costs/budgets/", {"tag": "west", "amount": "12.50"})
    assert Budget.objects.get().amount == Decimal("12.50")
    text = client.get("/costs/").text
    assert "Budget for “west” saved." in text
    assert "$0.00 of $12.50" in text
    for wrong in (
        {"tag": "west", "amount": "-1"},
        {"tag": "east", "amount": "1"},
        {"tag": "west", "amount": "x"},
    ):
        client.post("/costs/budgets/", wrong)
    assert Budget.objects.get().amount == Decimal("12.50")
    client.post("/costs/budgets/", {"tag": "west", "amount": ""})
    assert not Budget.objects.exists()
    events = Event.objects.filter(action="budget.changed").order_by("pk")
    assert [event.after["budget"] for event in events] == ["12.50", None]


def test_the_command_sets_it_too():
    Tag.objects.create(name="west")
    assert run("budget", "set", "--tag", "west", "--amount", "7")[0] == 0
    rows = [json.loads(row) for row in run("budget", "--json")[1].splitlines()]
    assert rows[1] == {"tag": "west", "budget": "7.00", "used": "0.00", "percent": 0, "currency": "USD"}
    assert run("budget", "set", "--tag", "west", "--amount", "1e3")[0] == 0
    assert run("budget", "set", "--tag", "west", "--amount", "x")[0] == 2
    assert run("budget", "set", "--tag", "east", "--amount", "7")[0] == 1
    assert run("budget", "remove", "--tag", "west")[0] == 0
    with pytest.raises(WrongBudget):
        set_budget(by=PERSON, tag="west", amount=Decimal(0))
