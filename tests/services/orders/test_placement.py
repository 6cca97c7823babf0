"""One form is one order; limits; calling off."""

from decimal import Decimal

import pytest

from numbers.models import Agent, Connection, Event, Line, Order, Price
from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.orders.approvals import digest_of
from numbers.services.orders.limits import OverLimit
from numbers.services.orders.placement import cancel_line, place_order
from numbers.services.orders.prices import Cost, estimate
from numbers.states import LineState
from tests.support.books import PERSON, bare_line, moves_of, order, time_passes
from tests.support.people import person

pytestmark = pytest.mark.django_db
S = LineState
WANT = {
    "telephony_provider": "twilio",
    "telephony_account_connection": "connection-1",
    "area_code": "415",
    "inbound_agent": "agent-1",
}


def test_an_order_is_written_with_lines_that_are_due_and_an_event(bob):
    by = Actor.person(bob, request_id="request-1")
    placed, created = place_order(by=by, form_token="token", quantity=3, **WANT)
    assert created is True
    assert (placed.requested_by, placed.requested_by_name, placed.quantity) == (bob, "bob", 3)
    lines = placed.lines.order_by("position")
    assert [(line.position, line.state, line.area_code) for line in lines] == [
        (1, S.PLANNED, "415"),
        (2, S.PLANNED, "415"),
        (3, S.PLANNED, "415"),
    ]
    assert {(line.connection.api_id, line.agent.api_id) for line in lines} == {("connection-1", "agent-1")}
    event = Event.objects.get()
    assert (event.action, event.actor, event.actor_name, event.request_id) == (
        "order.placed",
        bob,
        "bob",
        "request-1",
    )
    assert event.after == {
        "telephony_provider": "twilio",
        "area_code": "415",
        "wanted_number": "",
        "connection": "connection-1",
        "agent": "agent-1",
        "quantity": 3,
        "approval": "",
        "at": placed.created_at.isoformat(),
        "digest": digest_of(placed, lines, as_asked=True),
    }
    assert list(Line.objects.due().order_by("pk")) == list(lines)


def test_the_same_form_twice_is_one_order_and_the_first_one_stays_as_it_was():
    first, created = place_order(by=PERSON, form_token="token", **WANT)
    second, again = place_order(by=PERSON, form_token="token", **(WANT | {"area_code": "212"}), quantity=9)
    assert (created, again, second) == (True, False, first)
    assert (Order.objects.count(), Line.objects.count(), Event.objects.count()) == (1, 1, 1)
    assert Line.objects.get().area_code == "415"


def test_the_same_form_is_the_same_order_even_when_the_limit_is_used_up(settings):
    settings.MAX_LINES_PER_DAY = 1
    first, _ = place_order(by=PERSON, form_token="token", **WANT)
    assert place_order(by=PERSON, form_token="token", **WANT) == (first, False)


def test_a_form_that_another_process_placed_meanwhile_is_that_order(monkeypatch):
    """Both saw no order; the unique token decides."""
    first, _ = place_order(by=PERSON, form_token="token", **WANT)
    real, blind = Order.objects.filter, [True]

    def filter_once_blind(**kwargs):
        if kwargs == {"form_token": "token"} and blind:
            blind.pop()
            return Order.objects.none()
        return real(**kwargs)

    monkeypatch.setattr(Order.objects, "filter", filter_once_blind)
    assert place_order(by=PERSON, form_token="token", **WANT) == (first, False)
    monkeypatch.undo()
    assert (Order.objects.count(), Line.objects.count()) == (1, 1)


def test_a_line_wants_the_known_agent_and_connection():
    connection = Connection.objects.create(api_id="connection-1", label="Main")
    agent = Agent.objects.create(api_id="agent-1", name="Reception")
    line = order(**WANT).lines.get()
    assert (line.connection, line.agent) == (connection, agent)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("MAX_LINES_PER_ORDER", "The limit is 2 lines per order. This order needs 3 lines."),
        ("MAX_LINES_PER_DAY", "The limit is 2 lines per day. This order needs 3 lines."),
        ("MAX_LINES_PER_USER_DAY", "The limit is 2 lines per person per day. This order needs 3 lines."),
    ],
)
def test_an_order_over_a_limit_is_refused_and_nothing_is_written(settings, setting, message):
    setattr(settings, setting, 2)
    with pytest.raises(OverLimit) as refused:
        order(quantity=3)
    assert str(refused.value) == message
    assert (Order.objects.count(), Line.objects.count()) == (0, 0)
    told = Event.objects.get()
    assert (told.action, told.actor_name, told.reason) == ("order.refused", PERSON.name, message)
    assert told.after["quantity"] == 3
    assert order(quantity=2).lines.count() == 2


def test_limits_count_what_was_ordered_within_a_day(settings):
    settings.MAX_LINES_PER_DAY = 3
    order(quantity=2)
    with pytest.raises(OverLimit, match=r"is 3 lines per day, 2 lines used\. This order needs 2"):
        order(quantity=2)
    time_passes(86_401)
    assert order(quantity=2).quantity == 2


@pytest.mark.parametrize(("state", "counts"), [(S.CANCELLED, False), (S.FAILED, False), (S.REVIEW, True)])
def test_lines_that_will_not_be_bought_give_their_place_back(settings, state, counts):
    settings.MAX_LINES_PER_DAY = 1
    bare_line(state)
    if counts:
        with pytest.raises(OverLimit):
            order()
    else:
        assert order().quantity == 1


def test_the_limit_of_one_person_does_not_bind_another(settings, bob):
    settings.MAX_LINES_PER_USER_DAY = 1
    ada = person("ada", Role.BUYER)
    order(by=Actor.person(bob))
    with pytest.raises(OverLimit):
        order(by=Actor.person(bob))
    assert order(by=Actor.person(ada)).requested_by == ada


def costs(provider: str, connection: str) -> Cost:
    return estimate(telephony_provider=provider, telephony_account_connection=connection, quantity=2)


def test_an_estimate_comes_from_the_price_of_the_connection_before_that_of_the_provider():
    main = Connection.objects.create(api_id="connection-1")
    Price.objects.create(telephony_provider="twilio", once=1, monthly=2)
    own = {"once": "0.50", "monthly": "1.15", "currency": "EUR"}
    Price.objects.create(telephony_provider="twilio", connection=main, **own)
    assert costs("twilio", "connection-1") == Cost(
        once=Decimal("1.00"), monthly=Decimal("2.30"), currency="EUR"
    )
    assert costs("twilio", "connection-2") == Cost(once=Decimal(2), monthly=Decimal(4))
    assert costs("telnyx", "connection-1") == Cost()


def test_an_order_keeps_its_estimate():
    Price.objects.create(telephony_provider="twilio", once=1, monthly=2, currency="CAD")
    placed = order(quantity=3)
    assert (placed.cost_once, placed.cost_monthly, placed.currency) == (Decimal(3), Decimal(6), "CAD")
    assert (order(telephony_provider="telnyx").cost_once) is None


@pytest.mark.parametrize(
    ("setting", "of"), [("MAX_COST_PER_ORDER", "per order"), ("MAX_COST_PER_DAY", "per day")]
)
def test_a_limit_on_cost_binds(settings, setting, of):
    setattr(settings, setting, 5)
    with pytest.raises(OverLimit, match="no price in USD for this order"):
        order()
    Price.objects.create(telephony_provider="twilio", once=0, monthly=2)
    with pytest.raises(OverLimit, match=rf"The limit is \$5\.00 {of}"):
        order(quantity=3)
    assert order(quantity=2).quantity == 2


def test_the_cost_of_a_day_adds_up(settings):
    settings.MAX_COST_PER_DAY = 5
    Price.objects.create(telephony_provider="twilio", once=1, monthly=2)
    order()
    with pytest.raises(OverLimit, match=r"is \$5\.00 per day, \$3\.00 used"):
        order()


@pytest.mark.parametrize("state", [S.PLANNED, S.RESERVED])
def test_a_line_is_called_off_before_anything_is_sent(state):
    line = bare_line(state, generation=4, phone_number="+14155550100" if state == S.RESERVED else "")
    assert cancel_line(line_id=line.pk, by=PERSON) is True
    line.refresh_from_db()
    assert (line.state, line.generation, moves_of(line)) == (S.CANCELLED, 5, ["line.cancelled"])
    assert line.events.get().actor_name == "bob"


@pytest.mark.parametrize("state", [S.SENDING, S.UNKNOWN, S.REVIEW, S.FAILED, S.CANCELLED])
def test_a_line_that_has_moved_on_cannot_be_called_off(state):
    line = bare_line(state)
    assert cancel_line(line_id=line.pk, by=PERSON) is False
    line.refresh_from_db()
    assert (line.state, moves_of(line)) == (state, [])
