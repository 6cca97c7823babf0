"""An idle worker asks whether there is anything to do: it must never overlook what a round would find."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django_tasks_db.models import DBTaskResult

from numbers.models import Delivery, Event, Notice, Order, Plan
from numbers.services.history import db_now
from numbers.services.idling import anything_to_run, anything_to_sweep
from numbers.services.sealing import seal
from numbers.services.sweeping import sweep
from numbers.states import Act, LineState, PlanState
from numbers.tasks import drive_line
from tests.books import bare_line

pytestmark = pytest.mark.django_db
S = LineState


def at(seconds: int):
    return db_now() + timedelta(seconds=seconds)


def plan(state: PlanState, **fields) -> Plan:
    return Plan.objects.create(title="A change", act=Act.CHANGE, state=state, **fields)


def delivery(due_at) -> Delivery:
    key = f"order:{Delivery.objects.count()}"
    user, _ = User.objects.get_or_create(username="bob")
    notice = Notice.objects.create(kind=Notice.Kind.ORDER, occasion=key, user=user, text="It has ended.")
    return Delivery.objects.create(notice=notice, channel=Delivery.Channel.WEBHOOK, due_at=due_at)


@pytest.fixture
def at_rest():
    """Books in which there is some of everything, and nothing to do yet."""
    bare_line(S.SENDING, phone_number="+14155550100", lease_until=at(60))
    bare_line(S.RESERVED, phone_number="+14155550101", due_at=at(-60), lease_until=at(60))
    bare_line(S.UNKNOWN, phone_number="+14155550102", due_at=at(60))
    bare_line(S.REVIEW, phone_number="+14155550103", due_at=at(-60))
    Order.objects.update(told_at=db_now())
    plan(PlanState.DRAFT, due_at=at(-60))
    plan(PlanState.APPLYING, due_at=at(60))
    plan(PlanState.APPLYING, due_at=at(-60), lease_until=at(60))
    delivery(at(60))
    delivery(None)
    Event.objects.create(action="number.found")
    seal()


DUE = {
    "a worker that died while sending": lambda: bare_line(
        S.SENDING, phone_number="+14155550110", lease_until=at(-5)
    ),
    "a line to buy": lambda: bare_line(due_at=at(-5)),
    "a line to look up": lambda: bare_line(S.UNKNOWN, phone_number="+14155550111", due_at=at(-5)),
    "a line of a worker that died": lambda: bare_line(due_at=at(-9), lease_until=at(-5)),
    "a plan": lambda: plan(PlanState.APPLYING, due_at=at(-5)),
    "a plan to work out": lambda: plan(PlanState.WORKING, due_at=at(-5)),
    "a plan of a worker that died": lambda: plan(PlanState.APPLYING, due_at=at(-9), lease_until=at(-5)),
    "an order that has ended": lambda: bare_line(S.FAILED),
    "a message": lambda: delivery(at(-5)),
    "an event": lambda: Event.objects.create(action="number.gone"),
}


@pytest.mark.parametrize("what", DUE)
def test_whatever_a_round_would_find_is_seen(at_rest, what):
    assert (anything_to_sweep(), sweep() + seal()) == (False, 0)
    DUE[what]()
    assert anything_to_sweep()
    assert sweep() + seal() > 0


def test_books_without_anything_are_at_rest():
    assert not anything_to_sweep()


def test_a_task_that_waits_is_seen_until_it_has_run():
    assert not anything_to_run()
    drive_line.enqueue(line_id=0)
    assert anything_to_run()
    for status in ("RUNNING", "SUCCESSFUL", "FAILED"):
        DBTaskResult.objects.update(status=status)
        assert not anything_to_run()
