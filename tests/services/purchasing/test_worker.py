"""Lines as work: which are claimed, in whose turn, and what comes of our own mistakes."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from numbers.db.clock import db_now
from numbers.db.memory import Remembered
from numbers.models import Gate, Line, Order
from numbers.services.purchasing import unknowns
from numbers.services.purchasing import worker as lines
from numbers.services.purchasing.selection import searches, wanted_of
from numbers.services.spending import gate
from numbers.services.turns import Turns
from numbers.states import PUT_OFF, LineState
from tests.support.books import bare_line, line_of, moves_of, order, posts, run_worker_until_idle

pytestmark = pytest.mark.django_db
S = LineState
LINES, COUNT = 30, 14


@pytest.fixture(autouse=True)
def nobody_was_served_yet(monkeypatch):
    monkeypatch.setattr(lines, "_turns", Turns())


def asked_searches(fluents) -> int:
    return len(fluents.requests(path="/v1/numbers/available"))


def lines_of(person: str, count: int) -> list[int]:
    keys = [bare_line().pk for _ in range(count)]
    Order.objects.filter(lines__in=keys).update(requested_by_name=person)
    return keys


def claimed(limit: int = 100) -> list[int]:
    return [line.pk for line in lines.claim(limit=limit)]


def to_look_up(limit: int = 100) -> list[int]:
    return [line.pk for line in unknowns.claim(limit=limit)]


def test_lines_of_one_area_that_are_under_way_together_share_a_search(fluents):
    placed = [line_of(fluents) for _ in range(4)]
    with searches.shared(wanted_of(placed[0])):
        run_worker_until_idle()
    rows = Line.objects.filter(pk__in=[line.pk for line in placed])
    assert {row.state for row in rows} == {S.BOUGHT}
    numbers = {row.phone_number for row in rows}
    assert len(numbers) == 4
    assert asked_searches(fluents) == 1
    looked_up = {request["query"]["phone_number"] for request in fluents.requests(path="/v1/numbers")}
    assert looked_up == numbers
    assert len(posts(fluents)) == 4


def test_a_shared_search_that_is_used_up_is_made_again(fluents):
    fluents.control("config", {"stock_per_area_code": {"415": 2}})
    placed = [line_of(fluents) for _ in range(3)]
    with searches.shared(wanted_of(placed[0])):
        run_worker_until_idle()
    states = [Line.objects.get(pk=line.pk).state for line in placed]
    assert sorted(states) == [S.BOUGHT, S.BOUGHT, S.PLANNED]
    assert asked_searches(fluents) == 2


def test_a_search_is_forgotten_with_the_last_of_its_lines(fluents):
    for _ in range(2):
        line_of(fluents)
        run_worker_until_idle()
    assert asked_searches(fluents) == 2


def test_what_may_have_been_bought_is_work_of_its_own_that_begins_with_what_has_waited_longest():
    past = db_now() - timedelta(seconds=1)
    planned, late = bare_line(due_at=past), bare_line(S.REVIEW, due_at=past)
    early = bare_line(S.UNKNOWN, due_at=past - timedelta(seconds=9))
    bare_line(S.UNKNOWN, due_at=past + timedelta(hours=1))
    assert to_look_up(1) == [early.pk]
    assert claimed() == [planned.pk]
    assert to_look_up() == [late.pk]


def test_people_take_turns_whoever_came_first_and_however_much_they_want():
    ada, bob = lines_of("ada", 4), lines_of("bob", 2)
    assert claimed(2) == [ada[0], bob[0]]
    assert claimed(1) == [ada[1]]
    assert claimed() == [bob[1], ada[2], ada[3]]


def test_a_line_with_a_number_goes_before_others_of_the_same_person():
    planned, reserved = bare_line(), bare_line(S.RESERVED, phone_number="+14155550100")
    assert claimed() == [reserved.pk, planned.pk]


def test_no_more_lines_get_ready_than_may_be_sent_while_the_gate_spaces_them(settings):
    settings.GATE_RATE, settings.GATE_IN_FLIGHT = 1, 4
    keys = [bare_line().pk for _ in range(9)]
    assert claimed() == keys[:4]
    assert claimed() == []
    Line.objects.filter(pk=keys[0]).update(state=S.SENDING)
    assert claimed() == keys[4:5]


def test_a_line_that_is_due_later_or_held_or_at_rest_is_not_claimed():
    later, past = db_now() + timedelta(seconds=9), db_now() - timedelta(seconds=9)
    bare_line(due_at=later)
    bare_line(due_at=past, lease_until=later)
    bare_line(S.REVIEW, due_at=later)
    for state in (S.SENDING, S.FAILED, S.CANCELLED):
        bare_line(state, due_at=past)
    assert claimed() == []


@pytest.mark.parametrize(
    "closed",
    [
        {"paused": True},
        {"breaker": "open", "needs_person": True},
        {"breaker": "open", "breaker_at": "now"},
        {"not_before": "later"},
    ],
)
def test_a_closed_gate_lets_only_lines_be_claimed_that_are_looked_up(closed):
    moments = {"now": db_now(), "later": db_now() + timedelta(seconds=60)}
    Gate.objects.update(**{name: moments.get(value, value) for name, value in closed.items()})
    past = db_now() - timedelta(seconds=1)
    bare_line(due_at=past)
    bare_line(S.RESERVED, due_at=past)
    unknown = bare_line(S.UNKNOWN, due_at=past)
    assert (claimed(), to_look_up()) == ([], [unknown.pk])
    stop = gate.stops(gate.current(), db_now())
    waiting = Line.objects.exclude(pk=unknown.pk).order_by()
    assert list(waiting.values_list("reason", "lease_until").distinct()) == [(str(stop), None)]


def test_the_next_look_comes_when_a_line_is_due_or_a_lease_or_a_pause_is_over():
    now = db_now()
    assert lines.next_due(now) is None
    bare_line(due_at=now + timedelta(seconds=30))
    bare_line(due_at=now - timedelta(seconds=30))
    assert lines.next_due(now) == now + timedelta(seconds=30)
    bare_line(due_at=now, lease_until=now + timedelta(seconds=20))
    assert lines.next_due(now) == now + timedelta(seconds=20)
    Gate.objects.update(not_before=now + timedelta(seconds=10))
    assert lines.next_due(now) == now + timedelta(seconds=10)
    assert unknowns.next_due(now) is None
    bare_line(S.UNKNOWN, due_at=now + timedelta(seconds=5))
    assert unknowns.next_due(now) == now + timedelta(seconds=5)
    assert lines.next_due(now) == now + timedelta(seconds=10)


def test_what_became_due_while_lines_were_claimed_is_due_at_once():
    began = db_now() - timedelta(seconds=1)
    line = bare_line(due_at=began + timedelta(milliseconds=500))
    assert lines.next_due(began) == line.due_at


def broken(*args: object) -> None:
    raise ZeroDivisionError("a mistake of ours")


@pytest.mark.parametrize("state", [S.PLANNED, S.RESERVED, S.UNKNOWN])
def test_a_line_whose_step_raises_ten_times_in_a_row_goes_to_review_with_what_was_raised(monkeypatch, state):
    monkeypatch.setitem(lines.STEPS, state, broken)
    line = bare_line(state, phone_number="" if state == S.PLANNED else "+14155550100")
    for times in range(1, 11):
        Line.objects.update(due_at=db_now() - timedelta(seconds=1))
        run_worker_until_idle()
        line.refresh_from_db()
        assert (line.state, line.lease_until) == (S.REVIEW if times == 10 else state, None)
    assert line.reason == "An error of ours stopped this line 10 times. The log has it: ZeroDivisionError."
    assert (line.due_at, moves_of(line)) == (PUT_OFF, ["line.review"])


def test_a_step_that_goes_well_in_between_begins_the_count_anew(fluents, monkeypatch):
    line = line_of(fluents, area_code="907")  # nothing is for sale there
    with monkeypatch.context() as patched:
        patched.setitem(lines.STEPS, S.PLANNED, broken)
        run_worker_until_idle()
    line.refresh_from_db()
    assert line.raised == 1
    Line.objects.update(due_at=db_now() - timedelta(seconds=1))
    run_worker_until_idle()
    line.refresh_from_db()
    assert (line.state, line.raised) == (S.PLANNED, 0)


def test_trouble_of_the_database_says_nothing_about_a_line(monkeypatch):
    def away(line: Line) -> None:
        raise OperationalError("the server is away")

    monkeypatch.setitem(lines.STEPS, S.PLANNED, away)
    line = bare_line()
    run_worker_until_idle()
    line.refresh_from_db()
    assert (line.state, line.raised, line.lease_until is None) == (S.PLANNED, 0, False)


def test_our_own_mistake_while_sending_leaves_the_outcome_unknown(fluents, monkeypatch):
    from numbers.services.purchasing import purchase  # noqa: PLC0415 -- patched here

    monkeypatch.setattr(purchase, "answered", broken)
    line = claim_one(line_of(fluents))
    with pytest.raises(ZeroDivisionError) as raised:
        lines.run(line)
    lines.defer(line, raised.value)
    line.refresh_from_db()
    assert (line.state, len(fluents.charged())) == (S.UNKNOWN, 1)


def claim_one(line: Line) -> Line:
    (claimed,) = lines.claim(limit=1)
    assert claimed == line
    return claimed


def waits_for_the_disk(queries: list[dict]) -> int:
    """Transactions that end, and changes outside of one, while the disk is waited for."""
    count, inside, forgotten = 0, False, False
    for query in queries:
        words = query["sql"].upper()
        if words.startswith("BEGIN"):
            inside = True
        elif words.startswith("PRAGMA SYNCHRONOUS") or "SYNCHRONOUS_COMMIT" in words:
            forgotten = "FULL" not in words
        elif words.startswith("COMMIT"):
            count += not forgotten
            inside = False
            forgotten = forgotten and connection.vendor == "sqlite"
        elif not inside and words.startswith(("INSERT", "UPDATE", "DELETE")):
            count += not forgotten
    return count


@pytest.mark.django_db(transaction=True)
def test_a_line_carries_at_most_14_statements_and_3_commits_that_wait_for_the_disk(
    fluents, settings, monkeypatch
):
    """From the claim to the number on the books, of lines that a worker claims together."""
    monkeypatch.setattr(Remembered, "on", True)
    settings.GATE_RATE, settings.LEASE_SECONDS, settings.FLUENTS_READ_TIMEOUT = 10_000, 60, 20
    settings.GATE_IN_FLIGHT = LINES
    line_of(fluents)
    run_worker_until_idle()  # what is asked once a process was asked
    placed = order(fluents, quantity=LINES)
    wanted = wanted_of(placed.lines.first())
    with CaptureQueriesContext(connection) as found, searches.shared(wanted):
        for line in lines.claim(limit=LINES):
            lines.run(line)
    assert set(placed.lines.values_list("state", flat=True)) == {S.BOUGHT}
    control = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "PRAGMA", "SET LOCAL", "SELECT CLOCK")
    said = [query for query in found.captured_queries if not query["sql"].upper().startswith(control)]
    assert len(said) <= COUNT * LINES, [query["sql"] for query in said][-COUNT - 4 :]
    assert waits_for_the_disk(found.captured_queries) <= 3 * LINES
