"""unknown -> what it came to: every fault of an answer that one process can show."""

from datetime import timedelta

import pytest

from numbers.models import Attempt, Connection, Gate, Line, Look, Number
from numbers.services.history import db_now
from numbers.states import LineState, Outcome
from tests.books import go_on, line_of, moves_of, posts, rest
from tests.stack import wait_until

pytestmark = pytest.mark.django_db
S = LineState

COMMITTED = [
    "reset_after",
    {"fault": "hang_after", "seconds": 3},
    {"fault": "error_after", "status": 500},
    {"fault": "error_after", "status": 502, "body": "html"},
    {"fault": "error_after", "status": 504},
    "truncated",
    "empty",
    "wrong_type",
    "huge",
    {"fault": "slow_drip", "interval": 0.3},
]
NOT_COMMITTED = [
    "reset_before",
    {"fault": "hang_before", "seconds": 3},
    {"fault": "error_before", "status": 500},
    {"fault": "error_before", "status": 502, "body": "html"},
    {"fault": "error_before", "status": 503},
    "redirect",
    {"fault": "status", "status": 408, "message": "Request timeout"},
]


def name_of(fault) -> str:
    return fault if isinstance(fault, str) else "-".join(str(part) for part in fault.values())


def buy_under(sandbox, *faults, **want) -> Line:
    sandbox.control("faults", list(faults))
    return go_on(line_of(sandbox, **want))


@pytest.mark.parametrize("fault", COMMITTED, ids=name_of)
def test_a_purchase_that_was_made_without_a_good_answer_is_found_and_not_repeated(fluents, fault):
    line = buy_under(fluents, fault)
    assert (line.state, line.attempts.get().outcome) == (S.UNKNOWN, Outcome.UNKNOWN)
    line = rest(line)
    assert (line.state, fluents.charged()) == (S.BOUGHT, [line.phone_number])
    assert len(posts(fluents)) == 1
    assert moves_of(line) == ["line.reserved", "line.sending", "line.unknown", "line.bought"]


@pytest.mark.parametrize("fault", NOT_COMMITTED, ids=name_of)
def test_a_purchase_that_was_not_made_is_sent_again_for_the_same_number_after_the_window(fluents, fault):
    line = buy_under(fluents, fault)
    assert (line.state, line.attempts.get().outcome) == (S.UNKNOWN, Outcome.UNKNOWN)
    number, first_sent = line.phone_number, line.sent_at
    line = rest(line)
    assert (line.state, line.phone_number, fluents.charged()) == (S.BOUGHT, number, [number])
    assert [post["body"]["phone_number"] for post in posts(fluents)] == [number, number]
    assert line.sends == 2
    settling = Look.objects.filter(line=line, complete=True, found=False)
    assert settling.count() >= 3
    assert settling.last().at - first_sent < timedelta(seconds=5)  # time passed in the books alone


def test_absence_is_not_settled_before_the_window_has_passed(fluents, settings):
    settings.SETTLE_WINDOW = 60
    line = buy_under(fluents, "reset_before")
    for _ in range(6):
        Line.objects.update(due_at=db_now(), sent_at=db_now() - timedelta(seconds=30), absences=9)
        Gate.objects.update(next_send_at=db_now())
        line = go_on(line)
        Line.objects.update(sent_at=db_now())
    assert (line.state, len(posts(fluents))) == (S.UNKNOWN, 1)


def test_a_look_up_alone_does_not_count_before_both_endpoints_are_asked(fluents, settings):
    settings.SETTLE_WINDOW = 60
    line = buy_under(fluents, "reset_before")
    line = go_on(line)
    look = line.look_ups.get()
    assert (look.complete, look.found, line.absences, line.looks) == (False, False, 0, 1)


@pytest.mark.parametrize("answer", [{"answer": "reset"}, {"answer": "500"}, {"answer": "hang", "seconds": 3}])
def test_a_purchase_that_is_made_later_than_its_answer_was_lost_is_found(fluents, answer):
    line = buy_under(fluents, {"fault": "late_commit", "delay": 0.1, **answer})
    assert line.state == S.UNKNOWN
    wait_until(lambda: fluents.charges())
    line = rest(line)
    assert (line.state, fluents.charged(), len(posts(fluents))) == (S.BOUGHT, [line.phone_number], 1)


@pytest.mark.parametrize("rule", ["conflict", "ok"])
def test_a_purchase_made_after_its_absence_was_settled_is_still_charged_once(fluents, rule):
    fluents.control("config", {"repeat_buy": rule})
    line = buy_under(fluents, {"fault": "late_commit", "delay": 0.4, "answer": "reset"})
    number = line.phone_number
    for _ in range(30):  # the books' window passes before the purchase is made
        line = go_on(line)
        if line.sends == 2 or line.state != S.UNKNOWN:
            break
    wait_until(lambda: fluents.charges())
    line = rest(line) if line.state == S.UNKNOWN else line
    assert (line.state, fluents.charged()) == (S.BOUGHT, [number])


def test_a_number_that_somebody_else_has_is_given_up_after_its_absence_is_settled(fluents):
    line = buy_under(fluents, "taken")
    taken = line.phone_number
    assert (line.state, line.attempts.get().outcome) == (S.UNKNOWN, Outcome.UNAVAILABLE)
    line = rest(line)
    assert (line.state, fluents.charged()) == (S.BOUGHT, [line.phone_number])
    assert line.phone_number != taken
    assert len(posts(fluents)) == 2
    assert moves_of(line)[2:4] == ["line.unknown", "line.planned"]


def test_a_wanted_number_that_somebody_else_has_fails_without_a_charge(fluents):
    wanted = fluents.offered()[0]
    line = rest(buy_under(fluents, "taken", phone_number=wanted))
    assert (line.state, fluents.charges(), len(posts(fluents))) == (S.FAILED, [], 1)
    assert line.reason.endswith("is not for sale. It was not bought.")


def test_a_conflict_with_our_own_replayed_purchase_is_found_to_be_ours(fluents):
    line = buy_under(fluents, "replay")
    assert (line.state, line.attempts.get().outcome) == (S.UNKNOWN, Outcome.UNAVAILABLE)
    line = rest(line)
    assert (line.state, fluents.charged(), len(posts(fluents))) == (S.BOUGHT, [line.phone_number], 1)


@pytest.mark.parametrize("commit", ["asked", "other", "both", "none"])
def test_an_answer_with_another_number_goes_to_a_person_and_nothing_more_is_bought(fluents, commit):
    line = rest(buy_under(fluents, {"fault": "wrong_number", "commit": commit}))
    attempt = line.attempts.get()
    assert (line.state, attempt.outcome, len(posts(fluents))) == (S.REVIEW, Outcome.OTHER_NUMBER, 1)
    assert attempt.answer["number"] not in ("", line.phone_number)
    assert "instead of" in line.reason
    assert Number.objects.count() == 0


def test_a_number_that_will_be_active_later_is_bought(fluents):
    line = buy_under(fluents, {"fault": "pending", "seconds": 60})
    assert (line.state, line.number.status, len(fluents.charges())) == (S.BOUGHT, "inactive", 1)


@pytest.mark.parametrize("retry_after", ["7", "1e9", "-5", "soon", None])
def test_after_a_429_nothing_is_sent_before_its_time_and_then_the_same_number(fluents, retry_after):
    line = buy_under(fluents, {"fault": "rate_limited", "retry_after": retry_after})
    number, limited = line.phone_number, line.attempts.get()
    pause = {"7": 7, "1e9": 3600}.get(retry_after, 5) * 1.1
    not_before = Gate.objects.get().not_before
    assert (line.state, limited.outcome, limited.status) == (S.UNKNOWN, Outcome.RATE_LIMITED, 429)
    assert (not_before - limited.finished_at).total_seconds() == pytest.approx(pause)
    assert line.due_at == not_before
    line = rest(line)
    assert (line.state, line.phone_number, fluents.charged()) == (S.BOUGHT, number, [number])
    assert len(posts(fluents)) == 2
    assert line.look_ups.count() == 1


def test_a_429_in_front_of_a_purchase_that_was_made_is_found(fluents):
    line = buy_under(fluents, {"fault": "rate_limited"})
    fluents.control("numbers", {"number": line.phone_number})
    assert (rest(line).state, len(posts(fluents))) == (S.BOUGHT, 1)


def test_reads_that_lag_behind_do_not_prove_an_absence(fluents):
    fluents.control("config", {"lookup_lag": 0.6})
    line = buy_under(fluents, "reset_after")
    line = go_on(line)
    assert line.state == S.UNKNOWN
    fluents.control("config", {"lookup_lag": 0})
    line = rest(line)
    assert (line.state, len(fluents.charges()), len(posts(fluents))) == (S.BOUGHT, 1, 1)


def test_a_look_up_that_ignores_its_filter_is_not_taken_for_the_number(fluents):
    other = fluents.control("numbers", {"area_code": "206"})["number"]
    line = buy_under(
        fluents, "reset_after", {"fault": "ignore_filter", "path": "/v1/numbers", "times": 100, "skip": 1}
    )
    line = rest(line)
    assert (line.state, fluents.charged(), len(posts(fluents))) == (S.BOUGHT, [line.phone_number], 1)
    assert line.phone_number != other


def test_lists_that_shift_between_pages_do_not_hide_a_purchase(fluents):
    fluents.control("reset", {"numbers": 230}, method="POST")
    fluents.fault("page_drift", path="/v1/numbers/list", times=1000)
    line = buy_under(fluents, "reset_after")
    line = rest(line)
    assert (line.state, fluents.charged(), len(posts(fluents))) == (S.BOUGHT, [line.phone_number], 1)


@pytest.mark.parametrize("status", [403, 404])  # these are not tried again at once, as a 500 is
def test_look_ups_that_never_work_end_with_a_person_after_a_day_and_not_in_a_purchase(
    fluents, settings, status
):
    line = buy_under(fluents, "reset_after")
    path = {"path": "/v1/numbers/list", "times": 10_000}
    fluents.control("faults", [{"fault": "error_before", "status": status, **path}])
    fluents.fault("error_before", status=status, path="/v1/numbers", times=10_000)
    for _ in range(3):
        line = go_on(line)
        assert (line.state, line.absences) == (S.UNKNOWN, 0)
    Line.objects.update(sent_at=db_now() - timedelta(seconds=97 * settings.SETTLE_WINDOW))
    line = go_on(line)
    assert (line.state, line.reason) == (S.REVIEW, "Fluents could not be asked for too long.")
    assert (len(posts(fluents)), len(fluents.charges())) == (1, 1)


def test_a_purchase_that_gets_no_answer_three_times_goes_to_a_person(fluents):
    line = rest(buy_under(fluents, {"fault": "reset_before", "times": 9}))
    assert (line.state, line.sends, len(posts(fluents))) == (S.REVIEW, 3, 3)
    assert line.reason == "Sent 3 times without a clear answer, and it is not there."
    assert len({post["body"]["phone_number"] for post in posts(fluents)}) == 1


def test_balance_is_out_nothing_is_lost_and_the_same_number_is_bought_once_paid(fluents):
    line = buy_under(fluents, {"fault": "status", "status": 402, "message": "Balance too low"})
    number = line.phone_number
    assert (line.state, Gate.objects.get().needs_person) == (S.UNKNOWN, True)
    for _ in range(12):
        line = go_on(line)
    assert (line.state, len(posts(fluents))) == (S.UNKNOWN, 1)
    Gate.objects.update(breaker="closed", needs_person=False)
    assert (rest(line).state, fluents.charged()) == (S.BOUGHT, [number])


def test_a_settled_line_does_not_hammer_fluents_while_the_gate_is_closed(fluents, settings):
    settings.SETTLE_WINDOW = 900
    line = buy_under(fluents, {"fault": "status", "status": 402, "message": "Balance too low"})
    for _ in range(12):
        line = go_on(line)
    assert line.look_ups.filter(complete=True, found=False).count() >= 3
    for _ in range(3):
        line = go_on(line)
        assert (line.state, len(posts(fluents))) == (S.UNKNOWN, 1)
        assert line.due_at > db_now() + timedelta(seconds=60)


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused_at_a_second_send_does_not_free_the_number(fluents, status):
    """The first send may still land, so the number stays the line's only one."""
    line = buy_under(
        fluents,
        "reset_before",
        {"fault": "status", "status": status, "message": "Unauthorized"},
    )
    number = line.phone_number
    for _ in range(30):
        line = go_on(line)
        if line.sends == 2:
            break
    assert (line.state, line.phone_number, line.attempts.count()) == (S.UNKNOWN, number, 2)
    Gate.objects.update(breaker="closed", needs_person=False)
    assert (rest(line).state, fluents.charged()) == (S.BOUGHT, [number])


def test_an_api_that_goes_away_at_a_second_send_leaves_the_line_unknown(fluents, settings):
    line = buy_under(fluents, "reset_before")
    number = line.phone_number
    real = settings.FLUENTS_API_URL
    Line.objects.update(absences=3, sent_at=db_now() - timedelta(seconds=5))
    from numbers.services import settling  # noqa: PLC0415 -- patched below

    line = Line.objects.select_related("connection", "agent").get()
    line.generation += 1
    Line.objects.update(generation=line.generation)
    settings.FLUENTS_API_URL = "http://127.0.0.1:9"
    settling.send_purchase(line)
    line = Line.objects.get()
    assert (line.state, line.phone_number, line.sends) == (S.UNKNOWN, number, 2)
    settings.FLUENTS_API_URL = real
    assert (rest(line).state, fluents.charged()) == (S.BOUGHT, [number])


def test_a_found_number_on_another_connection_goes_to_a_person(fluents):
    line = buy_under(fluents, "reset_before")
    others = fluents.get("/v1/account_connections/list").json()["items"]
    other = next(c["id"] for c in others if c["type"].endswith("telnyx"))
    fluents.control("numbers", {"number": line.phone_number, "telephony_account_connection": other})
    line = rest(line)
    assert (line.state, line.number, len(posts(fluents))) == (S.REVIEW, None, 1)
    assert "on another connection: somebody else may have bought it" in line.reason


def test_a_found_number_with_another_agent_goes_to_a_person(fluents):
    wanted, other = fluents.get("/v1/agents/list").json()["items"][:2]
    line = buy_under(fluents, "reset_before", inbound_agent=wanted["id"])
    fluents.control("numbers", {"number": line.phone_number, "inbound_agent": other["id"]})
    line = rest(line)
    assert (line.state, len(posts(fluents))) == (S.REVIEW, 1)
    assert "with another agent: somebody else may have bought it" in line.reason


def test_every_look_is_kept_as_evidence(fluents):
    line = rest(buy_under(fluents, "reset_after"))
    look = line.look_ups.get()
    assert (look.complete, look.found, look.detail) == (True, True, "found by its number")


def test_the_sends_of_several_lines_never_charge_more_than_the_lines(fluents):
    fluents.control(
        "faults",
        [
            {"fault": "reset_after", "times": 2},
            {"fault": "reset_before", "times": 2},
            "taken",
            "replay",
            {"fault": "error_after", "status": 502},
        ],
    )
    lines = [rest(line_of(fluents)) for _ in range(6)]
    assert [line.state for line in lines] == [S.BOUGHT] * 6
    assert sorted(fluents.charged()) == sorted(line.phone_number for line in lines)
    assert Connection.objects.count() == 1
    assert Attempt.objects.filter(outcome=Outcome.SENDING).count() == 0
