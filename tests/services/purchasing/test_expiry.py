"""Lines whose worker is gone."""

from datetime import timedelta

import pytest

from numbers.db.clock import db_now
from numbers.models import Attempt, Gate, Line
from numbers.services.purchasing import purchase
from numbers.services.purchasing.expiry import expire_leases, mend_times, succeed
from numbers.services.purchasing.transitions import claim, take_place
from numbers.services.purchasing.worker import drive
from numbers.states import PUT_OFF, LineState, Outcome
from tests.support.books import bare_line, line_of, moves_of, posts, rest, run_worker_until_idle, time_passes

pytestmark = pytest.mark.django_db
S = LineState


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
    assert succeed(place) == 0
    assert list(Line.objects.order_by("pk").values()) == before
    assert len(before) == len(lines)


def test_a_line_that_is_being_sent_is_left_alone():
    line = bare_line(S.SENDING, lease_until=db_now() + timedelta(seconds=1))
    assert expire_leases() == 0
    line.refresh_from_db()
    assert line.state == S.SENDING


def test_a_purchase_whose_worker_died_is_found_and_not_repeated(fluents, monkeypatch):
    monkeypatch.setattr(purchase, "written", lambda *args, **kwargs: None)
    placed = line_of(fluents)
    drive(line_id=placed.pk)
    monkeypatch.undo()
    assert Line.objects.get().state == S.SENDING
    time_passes(6)
    assert expire_leases() == 1
    line = rest(placed)
    assert (line.state, fluents.charged(), len(posts(fluents))) == (S.BOUGHT, [line.phone_number], 1)


def test_a_line_whose_holder_died_before_sending_is_taken_by_another_worker(fluents):
    line = line_of(fluents)
    Line.objects.update(lease_until=db_now() - timedelta(seconds=1))
    run_worker_until_idle()
    line.refresh_from_db()
    assert line.state == S.BOUGHT


def test_a_clock_that_jumps_an_hour_ahead_and_back_stops_no_line(fluents):
    """What was written in between is an hour off: due times, leases, the send, and the gate's next one."""
    hour = timedelta(hours=1)
    waiting, held = line_of(fluents), line_of(fluents)
    sent = bare_line(S.UNKNOWN, phone_number="+14155550100", sent_at=db_now() + hour)
    Line.objects.update(due_at=db_now() + hour, changed_at=db_now() + hour)
    Line.objects.filter(pk=held.pk).update(lease_until=db_now() + hour)
    put_off = bare_line(due_at=PUT_OFF)
    Gate.objects.update(next_send_at=db_now() + hour)
    assert mend_times() > 0
    sent.refresh_from_db()
    assert sent.sent_at <= db_now()
    assert set(Line.objects.due()) == {waiting, sent}
    time_passes(6)
    assert set(Line.objects.due()) == {waiting, held, sent}
    assert rest(waiting).state == S.BOUGHT
    put_off.refresh_from_db()
    assert put_off.due_at > db_now() + hour
    assert mend_times() == 0
