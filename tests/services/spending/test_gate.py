"""Who may send a purchase now, and what stops everybody."""

from datetime import timedelta

import pytest
from django.db.transaction import TransactionManagementError

from numbers.db.clock import db_now
from numbers.models import Attempt, Event, Gate, Line
from numbers.models.gate import Breaker
from numbers.services.purchasing.transitions import claim, hold
from numbers.services.spending import gate
from numbers.states import LineState, Outcome, Refusal
from tests.support.books import (
    PERSON,
    bare_line,
    go_on,
    line_of,
    posts,
    rest,
    run_worker_until_idle,
    time_passes,
)

pytestmark = pytest.mark.django_db
S = LineState
UNKNOWN, BOUGHT, REFUSED = Outcome.UNKNOWN, Outcome.BOUGHT, Outcome.REFUSED


def attempts(*outcomes: str) -> None:
    """Finished attempts, oldest first, and the gate told of the last one."""
    line = bare_line()
    start = db_now()
    for n, outcome in enumerate(outcomes):
        Attempt.objects.create(
            line=line, n=n, generation=1, outcome=outcome, finished_at=start + timedelta(milliseconds=n)
        )
    gate.note(outcome=outcomes[-1], status=None, now=db_now())


def breaker() -> str:
    return Gate.objects.get().breaker


def test_there_is_one_gate_and_it_is_open():
    only = Gate.objects.get()
    assert (only.pk, only.is_open, gate.stops(only, db_now())) == (1, True, None)


def test_the_rate_lets_one_line_through_a_turn(settings):
    settings.GATE_RATE = 2
    now = db_now()
    gate.admit(now=now)
    with pytest.raises(gate.Closed, match=r"Waiting for its turn\.") as closed:
        gate.admit(now=now)
    assert closed.value.until == now + timedelta(seconds=0.5)
    gate.admit(now=now + timedelta(seconds=0.5))


def test_a_turn_that_a_clock_gave_an_hour_ahead_holds_nobody_up(settings):
    settings.GATE_RATE = 1
    Gate.objects.update(next_send_at=db_now() + timedelta(hours=1))
    gate.admit()
    assert Gate.objects.get().next_send_at < db_now() + timedelta(seconds=2)


def test_no_more_lines_are_in_flight_than_allowed(settings):
    settings.GATE_IN_FLIGHT = 2
    for _ in range(2):
        gate.admit(now=db_now())
        bare_line(S.SENDING)
    with pytest.raises(gate.Closed, match=r"Other lines are being bought\."):
        gate.admit(now=db_now())


def test_a_pause_stops_every_line_until_a_person_opens_the_gate(fluents):
    gate.pause(reason="Audit.", by=PERSON)
    line = go_on(line_of(fluents))
    assert (line.state, line.reason, fluents.requests()) == (S.PLANNED, "Buying is paused: Audit.", [])
    run_worker_until_idle()
    assert fluents.requests() == []
    gate.open_gate(by=PERSON, reason="Audit is over.")
    assert rest(line).state == S.BOUGHT
    told = Event.objects.filter(action__startswith="gate.").order_by("pk")
    assert [(event.action, event.actor_name, event.reason) for event in told] == [
        ("gate.paused", "bob", "Audit."),
        ("gate.opened", "bob", "Audit is over."),
    ]


def test_a_line_that_is_told_to_wait_while_a_person_opens_the_gate_does_not_wait():
    Gate.objects.update(breaker=Breaker.OPEN, breaker_at=db_now(), breaker_reason="Too many unknowns.")
    late, early = claim(line_id=bare_line().pk), claim(line_id=bare_line().pk)
    closed = gate.stops(gate.current(), db_now())
    hold(early, closed, again=db_now())
    assert Line.objects.get(pk=early.pk).due_at == closed.until > db_now() + timedelta(seconds=50)
    gate.open_gate(by=PERSON, reason="Fluents is back.")
    hold(late, closed, again=db_now())  # it had read the gate before
    for line in Line.objects.all():
        assert line.due_at < db_now() + timedelta(seconds=1)
        assert line.lease_until is None


def test_the_reason_of_the_first_pause_stays():
    gate.pause(reason="First.", by=PERSON)
    gate.pause(reason="Second.")
    paused = Gate.objects.get()
    assert (paused.pause_reason, paused.paused_by) == ("First.", "bob")
    assert Event.objects.count() == 1


def test_a_line_that_was_reserved_when_the_pause_came_is_not_sent(fluents, settings):
    settings.GATE_RATE = 1 / 100
    Gate.objects.update(next_send_at=db_now() + timedelta(seconds=60))
    line = go_on(line_of(fluents))
    assert line.state == S.RESERVED
    gate.pause(reason="Stop.", by=PERSON)
    line = go_on(line)
    assert (line.state, line.reason, posts(fluents)) == (S.RESERVED, "Buying is paused: Stop.", [])


@pytest.mark.parametrize(
    ("outcomes", "opens"),
    [
        ([UNKNOWN, UNKNOWN, UNKNOWN], True),
        ([BOUGHT, UNKNOWN, UNKNOWN, UNKNOWN], True),
        ([UNKNOWN, UNKNOWN, BOUGHT, UNKNOWN], False),
        ([UNKNOWN, UNKNOWN], False),
        ([UNKNOWN, UNKNOWN, REFUSED, UNKNOWN, UNKNOWN], False),
    ],
)
def test_unknown_answers_in_a_row_open_the_breaker(settings, outcomes, opens):
    settings.BREAKER_UNKNOWNS = 3
    attempts(*outcomes)
    assert breaker() == (Breaker.OPEN if opens else Breaker.CLOSED)
    assert Gate.objects.get().breaker_reason == ("3 purchases in a row got no clear answer." if opens else "")


@pytest.mark.parametrize(("unknown", "opens"), [(4, False), (5, True)])
def test_a_share_of_unknown_answers_opens_the_breaker(settings, unknown, opens):
    settings.BREAKER_SHARE = 20
    attempts(*[BOUGHT] * (20 - unknown), *[UNKNOWN] * unknown)
    assert breaker() == (Breaker.OPEN if opens else Breaker.CLOSED)


def test_a_share_is_not_taken_of_fewer_than_twenty(settings):
    settings.BREAKER_SHARE = 20
    attempts(*[UNKNOWN] * 19)
    assert breaker() == Breaker.CLOSED


def test_both_breakers_can_be_switched_off():
    attempts(*[UNKNOWN] * 30)
    assert breaker() == Breaker.CLOSED


def test_an_open_breaker_lets_one_line_through_after_its_cool_down(settings):
    settings.BREAKER_UNKNOWNS = 3
    attempts(*[UNKNOWN] * 3)
    with pytest.raises(gate.Closed, match="3 purchases in a row") as closed:
        gate.admit(now=db_now())
    assert closed.value.until == Gate.objects.get().breaker_at + timedelta(seconds=60)
    time_passes(61)
    gate.admit(now=db_now())
    assert breaker() == Breaker.HALF_OPEN
    bare_line(S.SENDING)
    with pytest.raises(gate.Closed, match="Other lines are being bought"):
        gate.admit(now=db_now())


@pytest.mark.parametrize(
    ("outcome", "then"),
    [
        (BOUGHT, Breaker.CLOSED),
        (REFUSED, Breaker.CLOSED),
        (Outcome.UNAVAILABLE, Breaker.CLOSED),
        (UNKNOWN, Breaker.OPEN),
        (Outcome.NOT_SENT, Breaker.HALF_OPEN),  # nobody answered, so nothing was learnt
        (Outcome.RATE_LIMITED, Breaker.HALF_OPEN),
    ],
)
def test_the_trial_decides_how_it_goes_on(outcome, then):
    Gate.objects.update(breaker=Breaker.HALF_OPEN, breaker_at=db_now())
    gate.note(outcome=outcome, status=None, now=db_now())
    assert breaker() == then


def test_after_a_good_trial_the_old_unknowns_are_forgiven(settings):
    settings.BREAKER_UNKNOWNS = 3
    attempts(*[UNKNOWN] * 3)
    Gate.objects.update(breaker=Breaker.HALF_OPEN)
    gate.note(outcome=BOUGHT, status=None, now=db_now() + timedelta(seconds=1))
    gate.note(outcome=UNKNOWN, status=None, now=db_now() + timedelta(seconds=1))
    assert breaker() == Breaker.CLOSED


@pytest.mark.parametrize(
    ("status", "about"), [(401, "token (FLUENTS_API_TOKEN)"), (402, "balance"), (403, "its plan")]
)
def test_token_and_balance_stop_everything_until_a_person_says_go(fluents, status, about):
    fluents.fault("status", status=status, message="Not with this plan")
    line, other = line_of(fluents), line_of(fluents)
    line = go_on(line)
    closed = Gate.objects.get()
    assert (line.state, line.refusal) == (S.UNKNOWN, Refusal.ACCOUNT)
    assert (closed.breaker, closed.needs_person) == (Breaker.OPEN, True)
    assert about in closed.breaker_reason
    assert closed.breaker_reason.endswith("Fluents says: Not with this plan.")
    assert ("token" in closed.breaker_reason + line.reason) == (status == 401)
    for _ in range(6):
        line = go_on(line)
    assert (line.state, line.reason) == (S.PLANNED, closed.breaker_reason)
    time_passes(100_000)
    other = go_on(other)
    assert (other.state, other.reason) == (S.PLANNED, closed.breaker_reason)
    assert len(posts(fluents)) == 1
    gate.open_gate(by=PERSON, reason="Mended.")
    assert {rest(line).state, rest(other).state} == {S.BOUGHT}
    assert len(fluents.charges()) == 2


def test_a_later_unknown_does_not_make_time_mend_what_needs_a_person(settings):
    settings.BREAKER_UNKNOWNS = 1
    gate.note(outcome=REFUSED, status=401, now=db_now())
    attempts(UNKNOWN)
    time_passes(1000)
    with pytest.raises(gate.Closed) as closed:
        gate.admit(now=db_now())
    assert closed.value.until is None


def test_closed_until_fluents_says_so_after_a_429():
    now = db_now()
    gate.note(outcome=Outcome.RATE_LIMITED, status=429, now=now, retry_after=10)
    with pytest.raises(gate.Closed, match=r"Fluents asked us to slow down\.") as closed:
        gate.admit(now=now + timedelta(seconds=10.9))
    assert closed.value.until == now + timedelta(seconds=11)
    gate.admit(now=now + timedelta(seconds=11))


def test_a_shorter_429_does_not_shorten_a_longer_one():
    now = db_now()
    gate.note(outcome=Outcome.RATE_LIMITED, status=429, now=now, retry_after=100)
    gate.note(outcome=Outcome.RATE_LIMITED, status=429, now=now, retry_after=1)
    assert Gate.objects.get().not_before == now + timedelta(seconds=110)


def test_opening_settles_the_journal_only_where_the_books_were_doubted():
    for by in (PERSON, gate.SYSTEM):
        gate.pause(reason="The disk is full.", by=by)
        gate.open_gate(by=PERSON, reason="Seen.")
        assert Gate.objects.get().reconciled_at is None
    gate.pause(reason="Journal.", books_doubted=True)
    gate.open_gate(by=PERSON, reason="Seen.")
    assert Gate.objects.get().reconciled_at is not None
    assert not Gate.objects.get().books_doubted


def test_a_doubt_about_the_books_is_added_to_a_pause_by_a_person():
    gate.pause(reason="Lunch.", by=PERSON)
    gate.pause(reason="Journal.", books_doubted=True)
    gate.pause(reason="Lunch again.", by=PERSON)
    now = Gate.objects.get()
    assert (now.pause_reason, now.books_doubted) == ("Journal.", True)


def test_a_stopped_gate_is_told_once_for_each_time():
    gate.note(outcome=REFUSED, status=401, now=db_now())
    event = Event.objects.get()
    assert (event.action, event.reason) == (
        "gate.stopped",
        "Fluents refused a purchase because of our token (FLUENTS_API_TOKEN) (401).",
    )
    assert Line.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_the_gate_is_not_locked_outside_of_a_transaction():
    with pytest.raises(TransactionManagementError):
        gate.locked()
