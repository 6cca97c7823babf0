"""What goes on without anybody asking."""

from datetime import timedelta

import pytest
from django_tasks_db.models import DBTaskResult

from numbers.models import Attempt, Gate, Line
from numbers.services.history import db_now
from numbers.services.moves import claim, take_place
from numbers.services.sweeping import BATCH, expire_leases, ring_due, succeed, sweep, tidy_tasks
from numbers.states import LineState, Outcome
from numbers.tasks import drive_line
from tests.books import bare_line, line_of, moves_of, posts, rest, time_passes

pytestmark = pytest.mark.django_db
S = LineState


def rung() -> list[int]:
    return sorted(task.args_kwargs["kwargs"]["line_id"] for task in DBTaskResult.objects.all())


def test_a_line_whose_worker_died_while_sending_becomes_unknown():
    line = bare_line(S.SENDING, phone_number="+14155550100", lease_until=db_now() - timedelta(seconds=1))
    attempt = Attempt.objects.create(line=line, n=1, generation=line.generation)
    assert expire_leases() == 1
    line.refresh_from_db()
    attempt.refresh_from_db()
    assert (line.state, line.generation, line.lease_until) == (S.UNKNOWN, 1, None)
    assert (line.phone_number, moves_of(line)) == ("+14155550100", ["line.unknown"])
    assert (attempt.outcome, attempt.finished_at is not None) == (Outcome.UNKNOWN, True)


@pytest.fixture
def place():
    """Leases of this process carry it."""
    take_place("here")
    yield "here"
    take_place("")


def test_a_successor_frees_what_the_dead_process_of_its_place_held_before_any_lease_is_over(place):
    later = db_now() + timedelta(seconds=60)
    held = {"lease_by": place, "lease_until": later}
    sent = bare_line(S.SENDING, phone_number="+14155550100", **held)
    attempt = Attempt.objects.create(line=sent, n=1, generation=0)
    chosen = bare_line(S.RESERVED, phone_number="+14155550101", **held)
    claimed = claim(line_id=bare_line().pk)
    assert claimed.lease_by == place
    assert succeed(place) == 3
    for line, state in ((sent, S.UNKNOWN), (chosen, S.RESERVED), (claimed, S.PLANNED)):
        generation = line.generation
        line.refresh_from_db()
        assert (line.state, line.lease_until, line.generation) == (state, None, generation + 1)
    attempt.refresh_from_db()
    assert attempt.outcome == Outcome.UNKNOWN
    assert (sent.phone_number, chosen.phone_number) == ("+14155550100", "+14155550101")
    assert rung() == sorted([sent.pk, chosen.pk, claimed.pk])


def test_a_successor_leaves_alone_what_others_hold_and_what_is_at_rest(place):
    later = db_now() + timedelta(seconds=60)
    lines = [
        bare_line(S.SENDING, lease_by="there", lease_until=later),
        bare_line(S.RESERVED, lease_by="", lease_until=later),
        bare_line(S.UNKNOWN, lease_by=place, due_at=later),  # given back since
        bare_line(S.REVIEW, lease_by=place),
        bare_line(S.FAILED, lease_by=place),
    ]
    before = list(Line.objects.order_by("pk").values())
    assert (succeed(place), rung()) == (0, [])
    assert list(Line.objects.order_by("pk").values()) == before
    assert len(before) == len(lines)


def test_a_line_that_is_being_sent_is_left_alone():
    line = bare_line(S.SENDING, lease_until=db_now() + timedelta(seconds=1))
    assert expire_leases() == 0
    line.refresh_from_db()
    assert line.state == S.SENDING


def test_a_purchase_whose_worker_died_is_found_and_not_repeated(fluents, monkeypatch):
    from numbers.services import sending  # noqa: PLC0415 -- patched below

    monkeypatch.setattr(sending, "written", lambda *args, **kwargs: None)
    placed = line_of(fluents)
    from numbers.services.driving import drive  # noqa: PLC0415 -- beside its patch

    drive(line_id=placed.pk)
    monkeypatch.undo()
    assert Line.objects.get().state == S.SENDING
    time_passes(6)
    assert sweep() == 2  # expired, and rung
    line = rest(placed)
    assert (line.state, fluents.charged(), len(posts(fluents))) == (S.BOUGHT, [line.phone_number], 1)


def test_a_due_line_is_rung_once():
    line = bare_line(due_at=db_now() - timedelta(seconds=1))
    assert [ring_due(), ring_due()] == [1, 0]
    assert rung() == [line.pk]


def test_a_bell_that_nobody_heard_is_rung_again_after_half_a_minute():
    line = bare_line(due_at=db_now() - timedelta(seconds=1))
    ring_due()
    time_passes(31)
    assert ring_due() == 1
    assert rung() == [line.pk, line.pk]


def test_what_may_have_been_bought_is_rung_for_before_what_is_still_to_be_bought():
    past = db_now() - timedelta(seconds=1)
    bare_line(due_at=past - timedelta(seconds=9))
    unknown = bare_line(S.UNKNOWN, due_at=past)
    assert ring_due() == 2
    first = DBTaskResult.objects.ready().first()
    assert first.args_kwargs["kwargs"] == {"line_id": unknown.pk}


def test_while_many_tasks_wait_only_lines_that_are_looked_up_are_rung():
    past = db_now() - timedelta(seconds=1)
    bare_line(due_at=past)
    unknown = bare_line(S.UNKNOWN, due_at=past)
    waiting = [drive_line.enqueue(line_id=0) for _ in range(BATCH)]
    assert ring_due() == 1
    assert rung() == [0] * BATCH + [unknown.pk]
    DBTaskResult.objects.filter(pk=waiting[0].id).delete()
    DBTaskResult.objects.filter(pk=waiting[1].id).delete()
    assert ring_due() == 1


def test_a_line_that_is_due_later_or_held_or_at_rest_is_not_rung():
    later, past = db_now() + timedelta(seconds=9), db_now() - timedelta(seconds=9)
    bare_line(due_at=later)
    bare_line(due_at=past, lease_until=later)
    for state in (S.SENDING, S.REVIEW, S.FAILED, S.CANCELLED):
        bare_line(state, due_at=past)
    assert (ring_due(), rung()) == (0, [])


def test_a_line_whose_holder_died_before_sending_is_rung():
    line = bare_line(S.RESERVED, due_at=db_now() - timedelta(9), lease_until=db_now() - timedelta(seconds=1))
    assert ring_due() == 1
    assert rung() == [line.pk]


@pytest.mark.parametrize(
    "closed",
    [
        {"paused": True},
        {"breaker": "open", "needs_person": True},
        {"breaker": "open", "breaker_at": "now"},
        {"not_before": "later"},
    ],
)
def test_a_closed_gate_rings_only_lines_that_are_looked_up(closed):
    moments = {"now": db_now(), "later": db_now() + timedelta(seconds=60)}
    Gate.objects.update(**{name: moments.get(value, value) for name, value in closed.items()})
    past = db_now() - timedelta(seconds=1)
    bare_line(due_at=past)
    bare_line(S.RESERVED, due_at=past)
    unknown = bare_line(S.UNKNOWN, due_at=past)
    assert ring_due() == 1
    assert rung() == [unknown.pk]


def test_a_task_whose_worker_died_is_closed_and_others_are_not(settings):
    for _ in range(3):
        drive_line.enqueue(line_id=1)
    dead, running, ready = DBTaskResult.objects.all()
    long_ago = db_now() - timedelta(seconds=2 * settings.LEASE_SECONDS + 1)
    DBTaskResult.objects.filter(pk=dead.pk).update(status="RUNNING", started_at=long_ago)
    DBTaskResult.objects.filter(pk=running.pk).update(status="RUNNING", started_at=db_now())
    tidy_tasks()
    states = dict(DBTaskResult.objects.values_list("pk", "status"))
    assert states == {dead.pk: "FAILED", running.pk: "RUNNING", ready.pk: "READY"}
    assert DBTaskResult.objects.get(pk=dead.pk).finished_at is not None


def test_tasks_of_yesterday_are_forgotten():
    drive_line.enqueue(line_id=1)
    drive_line.enqueue(line_id=2)
    old = DBTaskResult.objects.first()
    DBTaskResult.objects.update(status="SUCCESSFUL", finished_at=db_now())
    DBTaskResult.objects.filter(pk=old.pk).update(finished_at=db_now() - timedelta(days=1, seconds=1))
    tidy_tasks()
    assert DBTaskResult.objects.count() == 1
