"""What orders came to is written down once, when no line moves any more."""

import pytest

from numbers.models import Line, Number, Order
from numbers.services.orders.endings import orders_over, record_endings
from numbers.services.scheduler import Scheduler
from numbers.states import Ending, LineState
from tests.support.books import bare_line

pytestmark = pytest.mark.django_db
S = LineState


def ordered(*states: str) -> Order:
    """An order with a line in each of STATES."""
    first = bare_line(states[0], **about(states[0]))
    for position, state in enumerate(states[1:], start=2):
        Line.objects.create(
            order=first.order, position=position, state=state, connection=first.connection, **about(state)
        )
    Order.objects.filter(pk=first.order_id).update(quantity=len(states))
    return first.order


def about(state: str) -> dict:
    if state != S.BOUGHT:
        return {"area_code": "415"}
    e164 = f"+1415555{Number.objects.count():04}"
    return {"area_code": "415", "phone_number": e164, "number": Number.objects.create(e164=e164)}


@pytest.mark.parametrize(
    ("states", "ending"),
    [
        ([S.BOUGHT, S.BOUGHT], Ending.WHOLE),
        ([S.BOUGHT, S.FAILED], Ending.PARTIAL),
        ([S.BOUGHT, S.CANCELLED], Ending.PARTIAL),
        ([S.FAILED, S.CANCELLED], Ending.NOTHING),
        ([S.BOUGHT, S.PLANNED], Ending.OPEN),
        ([S.BOUGHT, S.REVIEW], Ending.OPEN),
        ([S.UNKNOWN], Ending.OPEN),
    ],
)
def test_an_order_is_over_when_no_line_moves_or_waits(states, ending):
    order = ordered(*states)
    assert record_endings() == (ending != Ending.OPEN)
    order.refresh_from_db()
    assert order.ending == ending
    assert not orders_over().exists()


def test_a_round_of_the_scheduler_records_it():
    order = ordered(S.BOUGHT, S.FAILED)
    Scheduler(keeper=False).round()
    order.refresh_from_db()
    assert order.ending == Ending.PARTIAL
