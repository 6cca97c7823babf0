"""unknown -> what it came to: every fault of an answer that one process can show."""

from datetime import timedelta

import pytest

from numbers.db.clock import db_now
from numbers.db.leases import LeaseLost
from numbers.models import Attempt, Connection, Gate, Line, Look, Number
from numbers.services.purchasing.transitions import move
from numbers.services.purchasing.worker import drive
from numbers.states import LineState, Outcome, Refusal
from tests.support.books import go_on, line_of, moves_of, posts, rest
from tests.support.stack import wait_until

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


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_purchase_that_was_reported_done_and_is_not_there_is_not_sent_again(fluents, status):
    """An answer beyond reading may have been about another number."""
    line = buy_under(fluents, {"fault": "status", "status": status, "message": "Accepted"})
    assert (line.state, line.attempts.get().status) == (S.UNKNOWN, status)
    line = rest(line)
    assert (line.state, len(posts(fluents)), fluents.charges()) == (S.REVIEW, 1, [])
    assert line.reason.startswith("Fluents reported success, but its answer couldn't be read")
    assert line.reason.endswith("isn't in the account.")


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
    wait_until(fluents.charges)
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
    wait_until(fluents.charges)
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
    assert line.reason.endswith("isn't available. It wasn't bought.")


def test_a_number_that_is_said_to_be_taken_and_is_found_goes_to_a_person(fluents):
    """A copy of our own request may have bought it, or another dashboard of the same account."""
    line = buy_under(fluents, "replay")
    assert (line.state, line.attempts.get().outcome) == (S.UNKNOWN, Outcome.UNAVAILABLE)
    line = rest(line)
    assert (line.state, fluents.charged(), len(posts(fluents))) == (S.REVIEW, [line.phone_number], 1)
    assert line.reason.startswith("Fluents said the number isn't available, but now lists +1 415")


def test_a_number_whose_second_send_meets_our_first_is_bought(fluents):
    fluents.control("config", {"lookup_lag": 60})
    line = buy_under(fluents, "reset_after")
    for _ in range(30):
        line = go_on(line)
        if line.sends == 2:
            break
    fluents.control("config", {"lookup_lag": 0})
    assert (line.state, line.refusal) == (S.UNKNOWN, "")
    assert line.attempts.last().outcome == Outcome.UNAVAILABLE
    assert rest(line).state == S.BOUGHT


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
    assert line.look_ups.filter(complete=True).count() == 2


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
    assert (line.state, line.reason) == (S.REVIEW, "Fluents has been unreachable for too long.")
    assert (len(posts(fluents)), len(fluents.charges())) == (1, 1)


def test_a_look_that_saw_nothing_whole_does_not_settle_what_earlier_ones_have_not(fluents, settings):
    """Three complete looks in half a window, as where a person opens the gate, and then Fluents is away."""
    settings.SETTLE_WINDOW = 60
    line = buy_under(fluents, "reset_before")
    Line.objects.update(sent_at=db_now() - timedelta(seconds=30))
    for _ in range(3):
        Line.objects.update(due_at=db_now())
        drive(line_id=line.pk)
    line.refresh_from_db()
    assert (line.state, line.absences) == (S.UNKNOWN, 3)
    Line.objects.update(sent_at=db_now() - timedelta(seconds=61), due_at=db_now())
    fluents.fault("error_before", status=403, path="/v1/numbers/list")
    drive(line_id=line.pk)
    line.refresh_from_db()
    assert (line.state, line.absences, len(posts(fluents))) == (S.UNKNOWN, 3, 1)


def test_a_clock_that_jumps_ahead_does_not_make_the_window_pass(fluents, settings, monkeypatch):
    settings.SETTLE_WINDOW = 60
    line = buy_under(fluents, "reset_before")
    jumped_at = db_now()
    monkeypatch.setattr("numbers.services.purchasing.settlement.steady_since", lambda: jumped_at)
    for _ in range(12):
        line = go_on(line)
    assert (line.state, line.absences >= 3, len(posts(fluents))) == (S.UNKNOWN, True, 1)
    assert db_now() - line.sent_at > timedelta(seconds=60)
    jumped_at -= timedelta(seconds=60)
    assert (go_on(line).state, len(posts(fluents))) == (S.BOUGHT, 2)


def test_looks_that_never_end_go_to_a_person_by_time_however_often_they_were_begun(
    fluents, settings, monkeypatch
):
    """As where each worker that looks is killed: after a day one more look is made, and no other."""

    def die(*args) -> None:
        raise LeaseLost("the worker was killed")

    line = buy_under(fluents, "reset_before")
    with monkeypatch.context() as patched:
        patched.setattr("numbers.services.purchasing.settlement.look", die)
        for ago in (1, 50, 95, 97):
            Line.objects.update(sent_at=db_now() - timedelta(seconds=ago * settings.SETTLE_WINDOW))
            Line.objects.update(due_at=db_now(), lease_until=None)
            drive(line_id=line.pk)
            line.refresh_from_db()
            assert line.state == S.UNKNOWN
        assert line.look_ups.get().detail == "this look-up hasn't ended"
        Line.objects.update(lease_until=None)
        drive(line_id=line.pk)
    line.refresh_from_db()
    assert (line.state, line.reason) == (S.REVIEW, "Fluents has been unreachable for too long.")


def test_a_worker_that_comes_back_after_days_still_looks_before_a_person_is_asked(fluents, settings):
    line = buy_under(fluents, "reset_after")
    Line.objects.update(sent_at=db_now() - timedelta(seconds=500 * settings.SETTLE_WINDOW))
    line = go_on(line)
    assert (line.state, len(posts(fluents))) == (S.BOUGHT, 1)


def test_a_purchase_that_gets_no_answer_three_times_goes_to_a_person(fluents):
    line = rest(buy_under(fluents, {"fault": "reset_before", "times": 9}))
    assert (line.state, line.sends, len(posts(fluents))) == (S.REVIEW, 3, 3)
    assert line.reason == "Sent 3 times without a clear answer, and it isn't in the account."
    assert line.look_ups.last().at < line.changed_at  # the desk looks once more when it is asked to
    assert len({post["body"]["phone_number"] for post in posts(fluents)}) == 1


def test_balance_is_out_nothing_is_lost_and_the_line_goes_on_once_paid(fluents):
    line = buy_under(fluents, {"fault": "status", "status": 402, "message": "Balance too low"})
    assert (line.state, Gate.objects.get().needs_person) == (S.UNKNOWN, True)
    for _ in range(12):
        line = go_on(line)
    assert (line.state, line.is_cancellable, len(posts(fluents))) == (S.PLANNED, True, 1)
    Gate.objects.update(breaker="closed", needs_person=False)
    line = rest(line)
    assert (line.state, fluents.charged()) == (S.BOUGHT, [line.phone_number])


SAYS = {
    400: "Quota for this brand is used up",
    401: "Unauthorized",
    402: "Balance too low",
    403: "Your plan does not include phone numbers",
    404: "Phone number is not available",
    405: "Method not allowed",
    409: "Phone number is already taken",
    410: "Gone for good",
    422: "telephony_provider is not valid",
    418: "Teapot",
    429: "Too Many Requests",
    451: "Not in this country",
}
SURE = "Confirming that nothing was bought"
THEN = {
    400: f"{SAYS[400]}. {SURE}, then trying another.",
    401: f"(FLUENTS_API_TOKEN). Fluents says: Unauthorized. {SURE}, then waiting until buying is open again.",
    402: f"{SAYS[402]}. {SURE}, then waiting until buying is open again.",
    403: f"{SAYS[403]}. {SURE}, then waiting until buying is open again.",
    404: f"Fluents says it isn't available. {SURE}, then trying another.",
    405: f"This Fluents API doesn't support that. Fluents says: {SAYS[405]}. {SURE}.",
    409: f"Fluents says it isn't available. {SURE}, then trying another.",
    410: f"{SAYS[410]}. {SURE}, then trying another.",
    418: f"{SAYS[418]}. {SURE}, then trying another.",
    451: f"{SAYS[451]}. {SURE}, then trying another.",
    422: f"{SAYS[422]}. {SURE}.",
    429: f"Fluents asked us to slow down. Fluents says: Too Many Requests. {SURE}, then asking again.",
}


@pytest.mark.parametrize("status", SAYS)
def test_a_plain_no_keeps_its_number_until_two_looks_over_the_window_have_not_found_it(
    fluents, settings, status
):
    line = buy_under(fluents, {"fault": "status", "status": status, "message": SAYS[status]})
    number = line.phone_number
    assert (line.state, line.reason.endswith(THEN[status])) == (S.UNKNOWN, True), line.reason
    while line.state == S.UNKNOWN and line.sends == 1:
        assert (line.phone_number, len(posts(fluents))) == (number, 1)
        line = go_on(line)
    looks = line.look_ups.order_by("pk")
    assert looks.filter(complete=True, found=False).count() == 2
    assert [look.complete for look in looks][-2:] == [True, True]
    Gate.objects.update(breaker="closed", needs_person=False, not_before=None)
    line = rest(line) if line.state != S.FAILED else line
    assert (line.state, len(posts(fluents))) == ((S.FAILED, 1) if status in (405, 422) else (S.BOUGHT, 2))
    assert line.refusal == ""


def test_the_window_of_a_refusal_is_counted_from_it_and_not_from_the_settle_window(fluents, settings):
    settings.SETTLE_WINDOW, settings.REFUSAL_WINDOW = 900, 30
    line = buy_under(fluents, {"fault": "status", "status": 404, "message": "Number is not available"})
    looked = []
    while line.state == S.UNKNOWN:
        looked.append(round((line.due_at - line.sent_at).total_seconds()))
        line = go_on(line)
    assert looked == [2, 5, 15, 30]


def test_a_refusal_holds_neither_the_gate_nor_other_lines(fluents, settings):
    settings.GATE_IN_FLIGHT, settings.REFUSAL_WINDOW = 1, 900
    line = buy_under(fluents, {"fault": "status", "status": 404, "message": "Number is not available"})
    others = [go_on(line_of(fluents)) for _ in range(3)]
    line.refresh_from_db()
    assert (line.state, [other.state for other in others]) == (S.UNKNOWN, [S.BOUGHT] * 3)


def test_a_number_that_was_wanted_and_is_sold_out_says_that_it_was_not_bought(fluents):
    wanted = fluents.offered()[0]
    fault = {"fault": "status", "status": 400, "message": "Phone number is not available"}
    line = buy_under(fluents, fault, phone_number=wanted)
    assert line.reason == f"Fluents says it isn't available. {SURE}."
    line = rest(line)
    assert (line.state, len(posts(fluents)), fluents.charges()) == (S.FAILED, 1, [])
    assert moves_of(line)[-2:] == ["line.unknown", "line.failed"]


@pytest.mark.parametrize("fault", ["reset_before", {"fault": "status", "status": 429, "message": "Later"}])
def test_a_refusal_after_a_send_that_got_no_answer_waits_for_the_whole_window(fluents, settings, fault):
    """The first send may still land: only where each was plainly refused the shorter window is enough."""
    no = {"fault": "status", "status": 400, "message": "Phone number is not available"}
    line = buy_under(fluents, fault, no)
    number = line.phone_number
    while line.sends == 1:
        Gate.objects.update(not_before=None)
        line = go_on(line)
    assert (line.state, line.phone_number) == (S.UNKNOWN, number)
    assert bool(line.refusal) == (fault != "reset_before")
    assert ("may have" in line.reason) is False
    line = rest(line)
    assert (line.state, len(posts(fluents))) == (S.BOUGHT, 3)


def test_a_worker_that_dies_after_a_refusal_leaves_a_purchase_without_an_answer(fluents):
    """What a refusal said about an earlier send does not shorten the looks for the one under way."""
    line = buy_under(fluents, {"fault": "rate_limited"})
    Line.objects.update(lease_until=db_now() + timedelta(seconds=60))
    sending = move(Line.objects.get(), S.SENDING, reason="again")
    assert (sending.refusal, line.refusal) == ("", Refusal.PACE)


def test_a_settled_line_does_not_hammer_fluents_while_the_gate_is_closed(fluents, settings):
    settings.SETTLE_WINDOW = 900
    line = buy_under(fluents, "reset_before")
    Gate.objects.update(breaker="open", needs_person=True)
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
    from numbers.services.purchasing import settlement as settling  # noqa: PLC0415 -- patched below

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
    assert "on another connection. It may not be ours" in line.reason


def test_a_found_number_with_another_agent_goes_to_a_person(fluents):
    wanted, other = fluents.get("/v1/agents/list").json()["items"][:2]
    line = buy_under(fluents, "reset_before", inbound_agent=wanted["id"])
    fluents.control("numbers", {"number": line.phone_number, "inbound_agent": other["id"]})
    line = rest(line)
    assert (line.state, len(posts(fluents))) == (S.REVIEW, 1)
    assert "with another agent. It may not be ours" in line.reason


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
    assert sorted(line.state for line in lines) == [S.BOUGHT] * 5 + [S.REVIEW]
    assert sorted(fluents.charged()) == sorted(line.phone_number for line in lines)
    assert Connection.objects.count() == 1
    assert Attempt.objects.filter(outcome=Outcome.SENDING).count() == 0
