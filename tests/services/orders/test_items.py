"""Orders of many wants: one transaction, in words, and what is missing of them."""

import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.db.clock import db_now
from numbers.models import Agent, Connection, Draft, Event, Line, Number, Order, Price
from numbers.services.orders.items import (
    Want,
    draft_of,
    in_words,
    keep_draft,
    missing_of,
    obstacles,
    wants_of,
)
from numbers.services.orders.limits import NotPlaced, limits
from numbers.services.orders.placement import PriceChanged, TriedAgain, cancel_rest, place_order
from numbers.services.orders.prices import Cost
from numbers.states import LineState
from tests.support.books import PERSON, time_passes

pytestmark = pytest.mark.django_db
S = LineState
ACCOUNT = {"telephony_provider": "twilio", "telephony_account_connection": "connection-1"}
BASKET = [
    Want(area_code="415", quantity=3, inbound_agent="agent-1", label="Desk", tags=["west", "a"]),
    Want(area_code="617", quantity=2, inbound_agent="agent-2"),
    Want(phone_number="+12122730123"),
]


def place(wants=BASKET, key: str = "token", **more) -> Order:
    return place_order(by=PERSON, form_token=key, **ACCOUNT, wants=wants, **more)[0]


def test_a_basket_is_one_order_with_a_line_for_each_number_in_the_order_of_its_rows():
    order = place()
    lines = order.lines.order_by("position").select_related("agent")
    found = [(n.position, n.area_code or n.wanted_number, n.agent and n.agent.api_id) for n in lines]
    assert found == [
        (1, "415", "agent-1"),
        (2, "415", "agent-1"),
        (3, "415", "agent-1"),
        (4, "617", "agent-2"),
        (5, "617", "agent-2"),
        (6, "+12122730123", None),
    ]
    assert (lines[0].label, lines[0].tags, lines[5].label, lines[5].tags) == ("Desk", ["a", "west"], "", [])
    event = Event.objects.get(action="order.placed")
    assert event.after["what"] == "3 in 415, 2 in 617, 1 exact number"
    assert (event.after["quantity"], order.quantity) == (6, 6)


def test_a_thousand_wants_are_placed_in_a_few_queries_and_soon():
    wants = [Want(area_code="415", inbound_agent=f"agent-{n % 7}", label=f"Desk {n}") for n in range(1000)]
    began = time.monotonic()
    with CaptureQueriesContext(connection) as queries:
        order = place(wants)
    assert time.monotonic() - began < 5
    assert order.lines.count() == 1000
    assert len(queries) < 60  # of which the portions of the insert depend on the database


def test_a_basket_in_words_names_a_few_areas_and_counts_the_rest():
    assert in_words([("415", 10), ("617", 5), ("212", 5)]) == "10 in 415, 5 in 617, 5 in 212"
    assert in_words([("415", 10), ("", 2), ("415", 5)]) == "15 in 415, 2 exact numbers"
    many = [(str(code), 2) for code in (201, 202, 203, 205, 206, 207)]
    assert in_words(many) == "2 in 201, 2 in 202, 2 in 203, 6 in 3 other areas"


def test_another_price_than_the_one_that_was_shown_places_nothing():
    Price.objects.create(telephony_provider="twilio", once=1, monthly=2)
    shown = Cost(once=Decimal(6), monthly=Decimal(12))
    Price.objects.update(monthly=3)
    with pytest.raises(PriceChanged):
        place(shown=shown)
    with pytest.raises(PriceChanged):
        place(shown=Cost())
    assert Order.objects.count() == 0
    assert Event.objects.filter(action="order.refused", reason__contains="price table").count() == 2
    assert place(shown=Cost(once=Decimal(6), monthly=Decimal(18))).cost_monthly == 18


def test_a_draft_is_its_owners_and_lasts_a_day(bob, django_user_model):
    draft = keep_draft(owner=bob, form_token="t", **ACCOUNT, wants=BASKET)
    assert wants_of(draft_of(bob, str(draft.pk))) == [
        Want(**want.as_json()) for want in BASKET
    ]  # tags sorted
    ada = django_user_model.objects.create_user("ada")
    assert draft_of(ada, str(draft.pk)) is None
    assert draft_of(bob, "nonsense") is None
    Draft.objects.update(created_at=db_now() - timedelta(days=1, seconds=1))
    keep_draft(owner=ada, form_token="u", **ACCOUNT, wants=BASKET)
    assert draft_of(bob, str(draft.pk)) is None


def test_what_has_changed_since_is_told(bob):
    now = db_now()
    Connection.objects.create(api_id="connection-1", label="Main", gone_at=now)
    Agent.objects.create(api_id="agent-1", name="Reception", gone_at=now)
    Number.objects.create(e164="+12122730123")
    draft = keep_draft(owner=bob, form_token="t", **ACCOUNT, wants=BASKET)
    assert obstacles(draft) == [
        "The connection Main was deleted in Fluents. Choose another one.",
        "The agent Reception was deleted in Fluents. Choose another agent.",
        "+1 212 273 0123 is already ours. Remove it from the order.",
    ]


def test_what_is_missing_are_the_failed_lines_alike_ones_as_one_row():
    order = place()
    failed = Line.objects.filter(order=order, position__in=[2, 3, 6])
    failed.update(state=S.FAILED)
    Line.objects.filter(order=order, position=4).update(state=S.CANCELLED)
    assert missing_of(order) == [
        Want(area_code="415", quantity=2, inbound_agent="agent-1", label="Desk", tags=("a", "west")),
        Want(phone_number="+12122730123"),
    ]


def test_what_is_missing_is_ordered_again_once_only():
    order = place()
    again = place([BASKET[1]], key="again", again_of=order)
    assert (again.again_of, order.tried_again.get()) == (order, again)
    with pytest.raises(TriedAgain, match=f"already reordered in Order {again.pk}"):
        place([BASKET[1]], key="and again", again_of=order)
    assert Order.objects.count() == 2


def test_all_that_was_not_sent_is_called_off_and_nothing_else():
    order = place()
    Line.objects.filter(order=order, position=1).update(state=S.SENDING)
    Line.objects.filter(order=order, position=2).update(state=S.RESERVED, phone_number="+14155550100")
    other = place([BASKET[1]], key="other")
    assert cancel_rest(order_id=order.pk, by=PERSON) == 5
    assert (
        list(order.lines.order_by("position").values_list("state", flat=True))
        == [S.SENDING] + [S.CANCELLED] * 5
    )
    assert set(other.lines.values_list("state", flat=True)) == {S.PLANNED}
    assert cancel_rest(order_id=order.pk, by=PERSON) == 0


def test_limits_tell_what_is_left_of_them(settings):
    settings.MAX_LINES_PER_DAY, settings.MAX_COST_PER_DAY = 10, 20.5
    Price.objects.create(telephony_provider="twilio", monthly=2)
    place()
    left = {(limit.of, limit.what): limit.left for limit in limits(by=PERSON)}
    assert left == {
        ("per order", "lines"): 1000,
        ("per day", "lines"): 4,
        ("per day", "estimated cost"): Decimal("8.5"),
    }
    time_passes(86_401)
    assert [limit.used for limit in limits(by=PERSON)] == [0, 0, 0]
    with pytest.raises(NotPlaced):
        place([Want(area_code="415", quantity=11)], key="more")
