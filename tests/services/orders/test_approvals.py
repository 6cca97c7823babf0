"""A second person: what waits, who may let it through, and that it is exactly what was asked for."""

import io
import os
import pwd
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from numbers.db.clock import db_now
from numbers.db.leases import LeaseLost
from numbers.models import Agent, Approval, Connection, Event, Line, Notice, Order, Price
from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.audit.rights import Refused
from numbers.services.monitoring import health as observing
from numbers.services.notifications.notices import tell_ends
from numbers.services.orders.approvals import NotDecided, approve, digest_of, lines_of, refuse
from numbers.services.orders.evidence import faults
from numbers.services.orders.items import Want
from numbers.services.orders.limits import OverLimit
from numbers.services.orders.placement import cancel_line, cancel_rest, place_order
from numbers.services.purchasing.transitions import move
from numbers.services.purchasing.worker import claim, drive
from numbers.services.spending import gate
from numbers.states import PUT_OFF, LineState
from tests.support.books import bare_line, forget, order, posts
from tests.support.people import person
from tests.support.queries import count as count_of

pytestmark = pytest.mark.django_db
S = LineState


@pytest.fixture(autouse=True)
def threshold(settings):
    settings.APPROVAL_LINES = 2


@pytest.fixture
def ada():
    return approver("ada")


def approver(name: str) -> Actor:
    return Actor.person(person(name, Role.APPROVER), request_id=f"request of {name}")


def asked(by, quantity: int = 3, sandbox=None, **want) -> Order:
    return order(sandbox, by=Actor.person(by), quantity=quantity, **want)


def shown(placed: Order) -> str:
    """The digest that the approver's page carries."""
    placed = Order.objects.get(pk=placed.pk)
    return digest_of(placed, lines_of(placed))


def yes(placed: Order, by: Actor, digest: str = "") -> Order:
    return approve(order_id=placed.pk, digest=digest or shown(placed), by=by)


def states(placed: Order) -> list[str]:
    return list(placed.lines.order_by("position").values_list("state", flat=True))


def actions(placed: Order) -> list[str]:
    return list(placed.events.filter(line=None).order_by("pk").values_list("action", flat=True))


@pytest.mark.parametrize(
    ("lines", "cost", "price", "waits"),
    [
        (0, 0, True, ""),
        (3, 0, True, ""),  # as many are still fine
        (2, 0, True, "Over 2 lines"),
        (0, 9, True, ""),
        (0, 8.99, True, "Over an estimated $8.99 for the first month"),
        (0, 100, False, "No price in USD is set for it"),
    ],
)
def test_what_waits_for_another_person(settings, bob, lines, cost, price, waits):
    settings.APPROVAL_LINES, settings.APPROVAL_COST = lines, cost
    if price:
        Price.objects.create(telephony_provider="twilio", once=1, monthly=2)
    placed = asked(bob)
    assert placed.approval == ("waiting" if waits else "")
    assert list(Approval.objects.values_list("why", flat=True)) == ([waits] if waits else [])


def test_a_waiting_order_is_whole_counts_for_limits_and_rings_nobody(settings, bob, ada):
    settings.MAX_LINES_PER_DAY = 4
    placed = asked(bob)
    rows = set(placed.lines.values_list("state", "due_at", "reason"))
    assert rows == {("planned", PUT_OFF, "Waiting for approval.")}
    assert not Line.objects.due().exists()
    assert actions(placed) == ["order.placed", "order.approval_asked"]
    question = placed.question
    assert (question.asked_by, question.asked_by_name, question.decision) == (bob, "bob", "")
    assert question.digest == shown(placed)
    with pytest.raises(OverLimit):
        order(quantity=2)
    assert (claim(limit=9), observing.vitals().oldest_due, tell_ends()) == ([], None, 0)


def test_opening_the_gate_lets_nothing_through_that_waits_for_approval(bob, ada):
    placed, other = asked(bob), bare_line(due_at=db_now() + timedelta(hours=1))
    gate.open_gate(by=ada, reason="Go on")
    assert set(placed.lines.values_list("due_at", flat=True)) == {PUT_OFF}
    assert Line.objects.get(due_at__lt=PUT_OFF) == other


def test_an_approved_order_gets_its_turns_and_is_bought_exactly_so(settings, fluents, bob, ada):
    settings.GATE_RATE = 100
    placed = asked(bob, sandbox=fluents)
    for line in placed.lines.all():
        drive(line_id=line.pk)
    assert (states(placed), posts(fluents)) == (["planned"] * 3, [])
    digest = shown(placed)
    yes(placed, ada)
    placed.refresh_from_db()
    assert (placed.approval, placed.question.decision) == ("approved", "approved")
    assert (placed.question.decided_by, placed.question.decided_by_name) == (ada.user, "ada")
    assert Line.objects.due().count() == 3
    assert set(placed.lines.values_list("reason", flat=True)) == {"Approved by ada."}
    event = placed.events.get(action="order.approved")
    assert (event.actor, event.request_id, event.before) == (
        ada.user,
        "request of ada",
        {"approval": "waiting"},
    )
    assert event.after == {"approval": "approved", "digest": digest, "lines": 3}
    Line.objects.update(due_at=placed.created_at)
    for line in placed.lines.all():
        drive(line_id=line.pk)
    assert states(placed) == ["bought"] * 3
    assert len(fluents.charges()) == 3


def test_a_refused_order_is_called_off_for_good_and_told_once(bob, ada, settings):
    placed = asked(bob)
    refuse(order_id=placed.pk, digest=shown(placed), by=ada, reason="Too many for one month")
    placed.refresh_from_db()
    assert (placed.approval, placed.question.reason) == ("refused", "Too many for one month.")
    rows = set(placed.lines.values_list("state", "reason"))
    assert rows == {("cancelled", "Refused by ada: Too many for one month.")}
    assert actions(placed)[-1] == "order.approval_refused"
    assert tell_ends() == 0
    told = Notice.objects.get(user=bob)
    assert told.text == f"ada refused order {placed.pk}: Too many for one month. Nothing was bought."
    with pytest.raises(NotDecided, match="ada already refused this order"):
        yes(placed, ada)


def test_nobody_approves_their_own_whatever_they_are_called(bob, ada):
    placed = asked(bob)
    bob.username = "robert"
    bob.save()
    for act in (yes, no):
        with pytest.raises(NotDecided, match="another person must decide"):
            act(placed, Actor.person(bob))
    assert states(placed) == ["planned"] * 3
    event = Event.objects.filter(action="order.approval_denied").latest("pk")
    assert (event.order, event.actor_name, event.after) == (placed, "robert", {"tried_to": "refuse"})
    # Somebody else by his old name is somebody else.
    assert yes(placed, approver("bob")).approval == "approved"


def no(placed: Order, by: Actor) -> Order:
    return refuse(order_id=placed.pk, digest=shown(placed), by=by, reason="No.")


@pytest.mark.parametrize("when", ["before", "before, and called otherwise since", "since"])
def test_the_order_of_a_command_is_not_approved_by_the_account_of_its_shells_user(when):
    """Somebody gets round a second person with a command neither by a name nor by changing it."""
    ada = approver("zoe" if when == "since" else "Ada")
    placed = order(by=Actor(name="ada (command line)", system_user="ada"), quantity=3)
    if when != "before":
        ada.user.username = "ADA" if when == "since" else "zoe"
        ada.user.save()
    for act in (yes, no):
        with pytest.raises(NotDecided, match="You requested this order"):
            act(placed, ada)
    assert yes(placed, approver("eve")).approval == "approved"


def test_an_account_is_not_somebody_else_because_it_is_called_as_a_command_is(bob):
    placed = order(by=Actor.person(bob), quantity=3)
    assert yes(placed, approver("bob (command line)")).approval == "approved"
    bob.username = "ada (command line)"
    bob.save()
    placed = order(by=Actor(name="ada (command line)", system_user="ada"), quantity=3)
    assert yes(placed, Actor.person(bob)).approval == "approved"


def test_a_command_is_the_systems_users_whatever_its_environment_says(monkeypatch):
    monkeypatch.setenv("LOGNAME", "mallory")
    monkeypatch.setenv("USER", "mallory")
    by = Actor.command()
    assert (by.system_user, by.name) == (
        pwd.getpwuid(os.getuid()).pw_name,
        f"{by.system_user} (command line)",
    )


def test_with_asked_by_emptied_nobody_approves_their_own(bob):
    """What counts is who asked by the history."""
    placed = asked(bob)
    Approval.objects.update(asked_by=None, asked_by_name="")
    Order.objects.update(requested_by=None, requested_by_name="")
    for act in (yes, no):
        with pytest.raises(NotDecided, match="You requested this order"):
            act(placed, Actor.person(bob))
    event = Event.objects.get(action="order.placed")
    assert set(faults()) == {
        f"{placed} has a different person or time than event {event.pk} sealed.",
        f"The approval of {placed} doesn't match what the history sealed.",
    }


def test_an_order_of_which_the_history_does_not_say_who_asked_is_approved_by_nobody(bob, ada):
    placed = asked(bob)
    forget(Event.objects.filter(action="order.approval_asked"))
    with pytest.raises(NotDecided, match="doesn't say who requested"):
        yes(placed, ada)


def test_who_has_not_the_right_decides_nothing(bob):
    placed, carol = asked(bob), Actor.person(person("carol", Role.BUYER))
    with pytest.raises(Refused, match="This requires the role approver or administrator"):
        yes(placed, carol)
    with pytest.raises(NotDecided, match="A person must"):
        yes(placed, Actor(name="eve"))
    denied = Event.objects.filter(action__in=["access.denied", "order.approval_denied"])
    assert list(denied.order_by("pk").values_list("actor_name", flat=True)) == ["carol", "eve"]
    assert Order.objects.get().approval == "waiting"


def test_the_database_itself_refuses_that_somebody_decides_about_their_own(bob):
    question = asked(bob).question
    question.decision, question.decided_at, question.decided_by = "approved", db_now(), bob
    with pytest.raises(IntegrityError), transaction.atomic():
        question.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        Approval.objects.update(decision="approved")  # by nobody, at no time


@pytest.mark.parametrize(
    "changes",
    [
        {"area_code": "212"},
        {"wanted_number": "+14155550199"},
        {"agent": "another"},
        {"connection": "another"},
        {"telephony_provider": "telnyx"},
        {"label": "Another"},
        {"tags": ["another"]},
        {"position": 9},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_not_what_was_asked_for_is_not_approved(bob, ada, changes):
    """Whoever changes the rows in the database, before the page was made or after it."""
    placed = asked(bob)
    before = shown(placed)
    others = {
        "agent": Agent.objects.create(api_id="another"),
        "connection": Connection.objects.create(api_id="another"),
    }
    changes = {name: others.get(name, value) for name, value in changes.items()}
    Line.objects.filter(order=placed, position=3).update(**changes)
    with pytest.raises(NotDecided, match="changed after you opened the page"):
        yes(placed, ada, digest=before)
    with pytest.raises(NotDecided, match="differ from what was requested"):
        yes(placed, ada)
    assert (Order.objects.get().approval, states(placed)) == ("waiting", ["planned"] * 3)
    assert no(placed, ada).approval == "refused"


@pytest.mark.parametrize("changes", [{"cost_monthly": Decimal(1)}, {"quantity": 1}, {"currency": "EUR"}])
def test_nor_is_another_estimate_or_quantity(bob, ada, changes):
    placed = asked(bob)
    Order.objects.update(**changes)
    with pytest.raises(NotDecided, match="differ from what was requested"):
        yes(placed, ada)


@pytest.mark.parametrize("approved", [True, False])
def test_the_audit_finds_what_was_changed_after_it_was_asked_for_or_approved(bob, ada, approved):
    placed = asked(bob)
    cancel_line(line_id=placed.lines.get(position=2).pk, by=Actor.person(bob))
    if approved:
        yes(placed, ada)
        cancel_line(line_id=placed.lines.get(position=3).pk, by=Actor.person(bob))
    assert list(faults()) == []
    Line.objects.filter(order=placed, position=1).update(area_code="212")
    Approval.objects.update(digest=digest_of(placed, lines_of(placed), as_asked=True))  # to cover it up
    actions = ["order.placed", "order.approval_asked", *["order.approved"][:approved]]
    assert [text.split(" (")[-1] for text in faults()] == [
        *(f"{action}) sealed." for action in actions),
        f"The approval of {placed} doesn't match what the history sealed.",
    ]
    out = io.StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("audit_verify", stdout=out, stderr=out)
    assert f"{placed} differs in our records from what event" in out.getvalue()


def test_a_line_that_is_slipped_in_is_not_approved(bob, ada):
    placed = asked(bob)
    extra = placed.lines.first()
    extra.pk, extra.position = None, 4
    extra.save()
    with pytest.raises(NotDecided, match="differ from what was requested"):
        yes(placed, ada)


def test_what_was_called_off_meanwhile_is_looked_at_again_and_the_rest_approved(bob, ada):
    placed = asked(bob)
    before = shown(placed)
    assert cancel_line(line_id=placed.lines.get(position=2).pk, by=Actor.person(bob))
    with pytest.raises(NotDecided, match="changed after you"):
        yes(placed, ada, digest=before)
    assert yes(placed, ada).approval == "approved"
    assert states(placed) == ["planned", "cancelled", "planned"]
    assert placed.lines.filter(due_at__lt=PUT_OFF).count() == 2


@pytest.mark.parametrize("one_by_one", [True, False])
def test_an_order_that_was_called_off_whole_waits_for_nobody(bob, ada, one_by_one):
    placed = asked(bob)
    digest = shown(placed)
    if one_by_one:
        assert all(cancel_line(line_id=line.pk, by=Actor.person(bob)) for line in placed.lines.all())
    else:
        assert cancel_rest(order_id=placed.pk, by=Actor.person(bob)) == 3
    assert (Order.objects.get().approval, actions(placed)[-1]) == ("withdrawn", "order.withdrawn")
    with pytest.raises(NotDecided, match=r"was cancelled\. Nothing is bought\."):
        yes(placed, ada, digest=digest)
    assert not Notice.objects.filter(kind="order.approval", seen_at=None).exists()


def test_what_was_refused_or_called_off_gives_its_cost_back(settings, bob, ada):
    settings.MAX_COST_PER_DAY = 10
    Price.objects.create(telephony_provider="twilio", monthly=3)
    no(asked(bob), ada)
    cancel_rest(order_id=asked(bob).pk, by=Actor.person(bob))
    assert asked(bob).approval == "waiting"
    with pytest.raises(OverLimit, match=r"is \$10\.00 per day, \$9\.00 used"):
        asked(bob)


@pytest.mark.parametrize("state", ["", "approved", "waiting", "refused", "withdrawn", "anything else"])
def test_a_worker_that_has_such_a_line_sends_nothing(fluents, bob, state):
    """Whatever made it due or reserved, and whatever the order says: nothing leaves without approval."""
    placed = asked(bob, sandbox=fluents)
    Order.objects.update(approval=state[:10])
    line, other = placed.lines.all()[:2]
    Line.objects.filter(pk=line.pk).update(due_at=placed.created_at)
    drive(line_id=line.pk)
    line.refresh_from_db()
    assert (line.state, line.due_at, line.lease_until) == ("planned", PUT_OFF, None)
    reserved = {"state": S.RESERVED, "phone_number": "+14155550100", "lease_until": PUT_OFF}
    Line.objects.filter(pk=other.pk).update(**reserved)
    other.refresh_from_db()
    with pytest.raises(LeaseLost):
        move(other, S.SENDING, reason="In spite of everything.")
    assert posts(fluents) == []


def test_approvers_hear_of_it_once_and_who_asked_hears_the_answer(settings, bob, ada):
    settings.NOTIFY_WEBHOOK_URL = "https://hook.example"
    eve = approver("eve")
    person("carol", Role.BUYER)
    placed = asked(bob)
    waiting = Notice.objects.filter(kind="order.approval")
    assert set(waiting.values_list("user__username", flat=True)) == {"ada", "eve"}
    assert {notice.text for notice in waiting} == {
        f"bob requests 3 lines. Order {placed.pk} is waiting for approval."
    }
    assert [notice.deliveries.count() for notice in waiting.order_by("pk")] == [1, 0]  # one for the webhook
    yes(placed, eve)
    assert not waiting.filter(seen_at=None).exists()
    told = Notice.objects.get(user=bob)
    assert (told.kind, told.about) == ("order.decided", {"decision": "approved"})
    assert told.text == f"eve approved order {placed.pk}. Its lines will be bought."


def test_every_want_of_a_basket_is_part_of_what_is_approved(bob, ada):
    wants = [
        Want(area_code="415", quantity=2, label="Front", tags=("west", "clinic")),
        Want(phone_number="+14155550100", inbound_agent="agent-1"),
    ]
    placed, _ = place_order(
        by=Actor.person(bob),
        form_token="basket",
        telephony_provider="twilio",
        telephony_account_connection="connection-1",
        wants=wants,
    )
    assert shown(placed) == placed.question.digest
    assert yes(placed, ada).approval == "approved"


def test_approving_costs_as_much_for_many_lines_as_for_a_few(bob, ada):
    counts = []
    for quantity in (20, 20, 60):  # the first one learns the approver's roles
        placed = asked(bob, quantity=quantity)
        digest = shown(placed)
        with CaptureQueriesContext(connection) as queries:
            approve(order_id=placed.pk, digest=digest, by=ada)
        counts.append(count_of(queries))
    assert counts[1] == counts[2] < 40
