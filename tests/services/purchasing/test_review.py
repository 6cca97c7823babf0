"""What a person decides where looking up could not."""

from datetime import timedelta

import pytest

from numbers.db.clock import db_now
from numbers.models import Attempt, Line, Number
from numbers.services.purchasing import review as reviewing
from numbers.services.purchasing.review import CannotDecide, was_bought, was_not_bought
from numbers.states import LineState
from tests.support.books import (
    PERSON,
    bare_line,
    go_on,
    line_of,
    moves_of,
    posts,
    rest,
    run_worker_until_idle,
)

pytestmark = pytest.mark.django_db
S = LineState


@pytest.fixture
def line(fluents) -> Line:
    """Fluents answered with another number, and bought both."""
    fluents.control("faults", [{"fault": "wrong_number", "commit": "both"}])
    found = go_on(line_of(fluents))
    found = rest(found)
    assert found.state == S.REVIEW
    return found


def test_a_person_says_which_number_the_line_became(fluents, line):
    was_bought(line_id=line.pk, phone_number=line.phone_number, by=PERSON, reason="Seen in the console.")
    line.refresh_from_db()
    assert (line.state, line.number.e164, line.reason) == (
        S.BOUGHT,
        line.phone_number,
        "Seen in the console.",
    )
    assert line.events.first().actor_name == "bob"
    assert len(posts(fluents)) == 1


def test_the_other_number_may_be_the_lines_too(fluents, line):
    other = line.attempts.get().answer["number"]
    was_bought(line_id=line.pk, phone_number=other, by=PERSON, reason="It got this one.")
    line.refresh_from_db()
    assert (line.phone_number, line.number.e164) == (other, other)


def test_a_number_that_fluents_does_not_list_is_not_believed(fluents, line):
    with pytest.raises(CannotDecide, match=r"Fluents says we don't own \+1 212 555 0100"):
        was_bought(line_id=line.pk, phone_number="+12125550100", by=PERSON, reason="I think so.")
    line.refresh_from_db()
    assert line.state == S.REVIEW


def test_a_number_of_another_line_is_not_given_twice(fluents, line):
    owner = rest(line_of(fluents))
    with pytest.raises(CannotDecide, match=f"belongs to line 1 of order {owner.order_id}"):
        was_bought(line_id=line.pk, phone_number=owner.phone_number, by=PERSON, reason="Mine.")


def test_a_line_that_was_not_bought_begins_again_with_another_number(fluents, line):
    was_not_bought(line_id=line.pk, by=PERSON, reason="Not on the invoice.")
    line.refresh_from_db()
    assert (line.state, line.phone_number, line.sends, line.lease_until) == (S.PLANNED, "", 0, None)
    assert rest(line).state == S.BOUGHT


def test_a_line_is_closed_without_a_number(line):
    reviewing.close(line_id=line.pk, by=PERSON, reason="Not needed any more.")
    line.refresh_from_db()
    assert (line.state, moves_of(line)[-1]) == (S.FAILED, "line.failed")


@pytest.mark.parametrize("state", sorted(set(S) - {S.REVIEW}))
def test_only_a_line_under_review_can_be_decided(state):
    number = Number.objects.create(e164="+14155550100")
    line = bare_line(state, number=number)
    for act in (was_not_bought, reviewing.close):
        with pytest.raises(CannotDecide, match="no longer needs a decision"):
            act(line_id=line.pk, by=PERSON, reason="Because.")
    assert moves_of(line) == []


def test_of_two_people_who_decide_at_once_one_wins(line, monkeypatch):
    stale = reviewing.under_review(line.pk)
    reviewing.close(line_id=line.pk, by=PERSON, reason="First.")
    monkeypatch.setattr(reviewing, "under_review", lambda line_id: stale)
    with pytest.raises(CannotDecide, match="Someone else already decided"):
        was_not_bought(line_id=line.pk, by=PERSON, reason="Second.")
    line.refresh_from_db()
    assert (line.state, line.reason) == (S.FAILED, "First.")


def test_looking_again_adds_evidence_and_decides_nothing(fluents, line):
    before = line.look_ups.count()
    reviewing.ask_to_look(line)
    run_worker_until_idle()
    line.refresh_from_db()
    look = line.look_ups.last()
    assert (line.state, line.look_ups.count(), look.found) == (S.REVIEW, before + 1, True)


def test_numbers_that_came_since_and_belong_to_nobody_are_candidates():
    line = bare_line(S.REVIEW)
    Number.objects.create(e164="+14155550100")
    Number.objects.update(created_at=db_now() - timedelta(hours=1))
    Attempt.objects.create(line=line, n=1, generation=1, sent_at=db_now() - timedelta(minutes=1))
    fresh = Number.objects.create(e164="+14155550101")
    Number.objects.create(e164="+12125550102")
    bare_line(S.BOUGHT, number=Number.objects.create(e164="+14155550103"))
    assert reviewing.candidates(line) == [fresh]
