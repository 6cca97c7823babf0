"""One form is one order; limits; calling off."""

import itertools
from datetime import timedelta
from decimal import Decimal

import pytest
from django_tasks_db.models import DBTaskResult

from numbers.models import Agent, Connection, Event, Gate, Line, Order, Price
from numbers.services.history import By, db_now
from numbers.services.placing import Cost, OverLimit, cancel_line, estimate, place_order
from numbers.states import LineState
from tests.books import PERSON, bare_line, moves_of, order, time_passes

pytestmark = pytest.mark.django_db
S = LineState
WANT = {
    "telephony_provider": "twilio",
    "telephony_account_connection": "connection-1",
    "area_code": "415",
    "inbound_agent": "agent-1",
}


def test_an_order_is_written_with_lines_event_and_doorbells(bob):
    by = By.person(bob, request_id="request-1")
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
    }
    rung = [task.args_kwargs["kwargs"] for task in DBTaskResult.objects.order_by("enqueued_at")]
    assert sorted(task["line_id"] for task in rung) == [line.pk for line in lines]


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
        ("MAX_LINES_PER_ORDER", "The limit of lines for an order is 2. This order asks for 3."),
        ("MAX_LINES_PER_DAY", "The limit of lines for a day is 2. This order asks for 3."),
        ("MAX_LINES_PER_USER_DAY", "The limit of lines for a person and day is 2. This order asks for 3."),
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
    with pytest.raises(OverLimit, match=r"is 3, 2 are used\. This order asks for 2"):
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


def test_the_limit_of_one_person_does_not_bind_another(settings, bob, django_user_model):
    settings.MAX_LINES_PER_USER_DAY = 1
    ada = django_user_model.objects.create_user("ada")
    order(by=By.person(bob))
    with pytest.raises(OverLimit):
        order(by=By.person(bob))
    assert order(by=By.person(ada)).requested_by == ada


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
    ("setting", "of"), [("MAX_COST_PER_ORDER", "an order"), ("MAX_COST_PER_DAY", "a day")]
)
def test_a_limit_on_cost_binds(settings, setting, of):
    setattr(settings, setting, 5)
    with pytest.raises(OverLimit, match="no price for this order"):
        order()
    Price.objects.create(telephony_provider="twilio", once=0, monthly=2)
    with pytest.raises(OverLimit, match=f"estimated cost for {of} is 5"):
        order(quantity=3)
    assert order(quantity=2).quantity == 2


def test_the_cost_of_a_day_adds_up(settings):
    settings.MAX_COST_PER_DAY = 5
    Price.objects.create(telephony_provider="twilio", once=1, monthly=2)
    order()
    with pytest.raises(OverLimit, match="5, 3"):
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


def test_lines_of_a_long_order_get_their_turns_one_after_the_other(settings):
    settings.GATE_RATE = 2
    lines = list(order(quantity=4).lines.order_by("position"))
    gaps = {(after.due_at - before.due_at).total_seconds() for before, after in itertools.pairwise(lines)}
    assert gaps == {0.5}
    assert DBTaskResult.objects.count() == 1  # the others are rung when their turn comes
    later = order().lines.get()
    assert later.due_at == lines[-1].due_at + timedelta(seconds=0.5)
    assert Gate.objects.get().next_send_at < db_now()
