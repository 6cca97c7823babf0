"""The one door of a line's state."""

import itertools
from datetime import timedelta

import pytest

from numbers.db.clock import db_now
from numbers.db.leases import LeaseLost
from numbers.models import Line, Number
from numbers.services.audit.events import Actor
from numbers.services.purchasing.transitions import IllegalMove, claim, move, wait
from numbers.states import CANCELLABLE, DRIVEN, FINAL, HOLDING, MOVES, OPEN, LineState
from tests.support.books import bare_line, moves_of

pytestmark = pytest.mark.django_db
S = LineState
ILLEGAL = sorted(set(itertools.product(S, S)) - MOVES)


def with_number(state: str) -> Line:
    line = bare_line(state, number=Number.objects.create(e164="+14155550100"))
    line.refresh_from_db()
    return line


def test_the_table_of_moves_is_the_designed_one():
    assert {
        ("planned", "reserved"),
        ("planned", "failed"),
        ("planned", "cancelled"),
        ("planned", "review"),
        ("reserved", "sending"),
        ("reserved", "planned"),
        ("reserved", "cancelled"),
        ("reserved", "review"),
        ("sending", "bought"),
        ("sending", "planned"),
        ("sending", "failed"),
        ("sending", "unknown"),
        ("unknown", "bought"),
        ("unknown", "sending"),
        ("unknown", "planned"),
        ("unknown", "failed"),
        ("unknown", "review"),
        ("review", "bought"),
        ("review", "failed"),
        ("review", "planned"),
    } == MOVES


def test_the_sets_of_states_fit_together():
    assert set(S) == FINAL | OPEN
    assert DRIVEN | FINAL | {S.REVIEW} == set(S)
    assert {before for before, after in MOVES if after == S.CANCELLED} == CANCELLABLE
    assert not HOLDING & FINAL


@pytest.mark.parametrize(("before", "after"), sorted(MOVES))
def test_every_legal_move_writes_the_line_and_one_event(before, after):
    line = with_number(before)
    by = Actor(name="ada", request_id="request-1")
    moved = move(line, after, reason="Because.", by=by, about={"phone_number": "+14155550100"})
    line.refresh_from_db()
    assert (moved.state, line.state, line.reason) == (after, after, "Because.")
    assert (line.settled_at is not None) == (after in FINAL)
    assert (line.lease_until is None) == (after in FINAL | {S.REVIEW})
    event = line.events.get()
    assert (event.action, event.line, event.order) == (f"line.{after}", line, line.order)
    assert (event.actor_name, event.request_id, event.reason) == ("ada", "request-1", "Because.")
    assert event.before == {"state": before}
    assert event.after == {"state": after, "phone_number": "+14155550100"}


@pytest.mark.parametrize(("before", "after"), ILLEGAL)
def test_every_other_move_raises_and_writes_nothing(before, after):
    line = with_number(before)
    with pytest.raises(IllegalMove, match=f"{before} to {after}"):
        move(line, after, reason="Because.")
    line.refresh_from_db()
    assert (line.state, moves_of(line)) == (before, [])


@pytest.mark.parametrize("change", [{"generation": 1}, {"state": S.RESERVED, "phone_number": "+14155550100"}])
def test_a_stale_worker_loses_the_line_and_writes_nothing(change):
    stale = bare_line()
    stale.refresh_from_db()
    Line.objects.filter(pk=stale.pk).update(**change)
    with pytest.raises(LeaseLost):
        move(stale, S.FAILED, reason="Stale.")
    with pytest.raises(LeaseLost):
        wait(stale, until=db_now())
    stale.refresh_from_db()
    assert (stale.reason, moves_of(stale)) == ("", [])


def test_one_worker_claims_a_line_and_the_next_one_gets_nothing():
    line = bare_line()
    claimed = claim(line_id=line.pk)
    assert claimed.generation == line.generation + 1
    assert claimed.lease_until > db_now() + timedelta(seconds=4)
    assert claim(line_id=line.pk) is None


def test_a_claim_makes_the_former_holder_stale():
    line = bare_line()
    former = claim(line_id=line.pk)
    Line.objects.update(lease_until=db_now() - timedelta(seconds=1))
    assert claim(line_id=line.pk).generation == former.generation + 1
    with pytest.raises(LeaseLost):
        move(former, S.FAILED, reason="I slept.")


@pytest.mark.parametrize("state", sorted(FINAL | {S.SENDING}))
def test_only_lines_that_a_worker_may_drive_are_claimed(state):
    assert claim(line_id=with_number(state).pk) is None


def test_a_line_is_not_claimed_before_its_time():
    line = bare_line(due_at=db_now() + timedelta(seconds=30))
    assert claim(line_id=line.pk) is None


def test_waiting_gives_the_line_back_for_later():
    line, later = claim(line_id=bare_line().pk), db_now() + timedelta(seconds=30)
    wait(line, until=later, reason="Later.", retries=2)
    line.refresh_from_db()
    assert (line.lease_until, line.due_at, line.reason, line.retries) == (None, later, "Later.", 2)


def test_a_long_reason_is_cut_instead_of_lost():
    line = bare_line()
    move(line, S.FAILED, reason="x" * 600)
    line.refresh_from_db()
    assert line.reason == "x" * 500
