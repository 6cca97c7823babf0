"""reserved -> sending -> what the answer says."""

import json
from datetime import timedelta

import pytest
from django.db import OperationalError

from numbers.db.clock import db_now
from numbers.db.leases import LeaseLost
from numbers.models import Attempt, Gate, Journal, Line, Number
from numbers.services.orders.placement import cancel_line
from numbers.services.purchasing import purchase as sending
from numbers.services.purchasing.purchase import send
from numbers.services.purchasing.selection import choose
from numbers.services.purchasing.transitions import claim
from numbers.states import LineState, Outcome
from tests.support.books import PERSON, go_on, line_of, moves_of, posts, rest
from tests.support.stack import free_port

pytestmark = pytest.mark.django_db
S = LineState


def reserved(sandbox, **want) -> Line:
    line = choose(claim(line_id=line_of(sandbox, **want).pk))
    assert line.state == S.RESERVED
    return line


def sent(line: Line) -> Line:
    send(line)
    return Line.objects.get(pk=line.pk)


def test_a_good_answer_ends_bought_with_one_charge_and_the_number_on_the_books(fluents):
    agent = fluents.get("/v1/agents/list").json()["items"][0]
    line = rest(line_of(fluents, inbound_agent=agent["id"]))
    (charge,) = fluents.charges()
    assert (line.state, line.phone_number) == (S.BOUGHT, charge["number"])
    assert (line.number.e164, line.number.bought_by) == (charge["number"], "bob")
    assert (line.number.agent.api_id, line.number.connection) == (agent["id"], line.connection)
    assert line.reason.startswith("Bought +1 415")
    assert moves_of(line) == ["line.reserved", "line.sending", "line.bought"]
    assert line.settled_at is not None


def test_the_purchase_names_the_exact_number_and_carries_the_attempts_key(fluents):
    line = rest(line_of(fluents))
    (charge,) = fluents.charges()
    (post,) = posts(fluents)
    assert charge["request_id"] == str(line.attempts.get().key)
    assert post["body"] == {
        "telephony_provider": "twilio",
        "telephony_account_connection": fluents.connection,
        "phone_number": line.phone_number,
    }


def test_attempt_and_journal_are_written_before_the_purchase_leaves(fluents, settings, monkeypatch):
    seen = {}

    def buy(self, **want):
        seen["line"] = Line.objects.get().state
        seen["attempt"] = Attempt.objects.get().outcome
        seen["journal"] = [json.loads(row) for row in settings.JOURNAL_PATH.read_text().splitlines()]
        return real(self, **want)

    real = sending.fluents.Client.buy
    monkeypatch.setattr(sending.fluents.Client, "buy", buy)
    line = rest(line_of(fluents))
    assert (seen["line"], seen["attempt"]) == (S.SENDING, Outcome.SENDING)
    begun, entry = seen["journal"]
    assert begun["journal"] == str(Journal.objects.get().pk)
    assert (entry["key"], entry["n"]) == (str(line.attempts.get().key), 1)
    assert (entry["order"], entry["position"]) == (line.order.form_token, 1)
    assert (entry["phone_number"], entry["area_code"]) == (line.phone_number, "")


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_purchase_is_under_way(fluents, monkeypatch):
    from django.db import connection  # noqa: PLC0415 -- the connection of this test's thread

    real, inside = sending.fluents.Client.buy, []

    def buy(self, **want):
        inside.append(connection.in_atomic_block)
        return real(self, **want)

    monkeypatch.setattr(sending.fluents.Client, "buy", buy)
    assert rest(line_of(fluents)).state == S.BOUGHT
    assert inside == [False]


def test_a_bought_line_keeps_the_status_of_its_answer(fluents):
    assert [attempt.status for attempt in rest(line_of(fluents)).attempts.all()] == [201]


def test_an_answer_that_cannot_be_read_leaves_its_status_and_what_could_be_read_as_evidence(fluents):
    fluents.control("faults", ["truncated"])
    line = sent(reserved(fluents))
    attempt = line.attempts.get()
    assert (line.state, attempt.outcome, attempt.status) == (S.UNKNOWN, Outcome.UNKNOWN, 201)
    assert attempt.answer["number"] == line.phone_number
    assert attempt.answer.keys() <= {"number", "id", "area_code"}
    done = "Fluents reported success, but its answer couldn't be read (the answer was cut off)."
    assert attempt.detail == line.reason == done
    assert rest(line).state == S.BOUGHT
    assert len(fluents.charges()) == 1


def test_an_api_that_cannot_be_reached_is_not_sent_and_the_line_plans_anew(fluents, settings):
    line = reserved(fluents)
    settings.FLUENTS_API_URL = f"http://127.0.0.1:{free_port()}"
    line = sent(line)
    attempt = line.attempts.get()
    assert (attempt.outcome, attempt.status) == (Outcome.NOT_SENT, None)
    assert (line.state, line.phone_number, line.sends, line.lease_until) == (S.PLANNED, "", 0, None)
    assert line.reason == "Fluents can't be reached. Nothing was sent, so nothing was spent."
    settings.FLUENTS_API_URL = fluents.url
    assert rest(line).state == S.BOUGHT
    assert len(fluents.charges()) == 1


@pytest.mark.parametrize("message", ["Quota for this brand is used up", ["phone_number is not permitted"]])
@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_definite_no_takes_another_number(fluents, status, message):
    fluents.fault("status", status=status, message=message)
    line = rest(line_of(fluents))
    first, second = line.attempts.order_by("n")
    assert (line.state, first.outcome, first.status) == (S.BOUGHT, Outcome.REFUSED, status)
    assert first.phone_number != second.phone_number
    assert fluents.charged() == [second.phone_number] == [line.phone_number]
    assert len(posts(fluents)) == 2


@pytest.mark.parametrize(
    "message", ["Account connection x not found", "inbound_agent is not known", "telephony_provider is wrong"]
)
def test_a_no_that_no_number_would_mend_fails_the_line_with_fluents_words(fluents, message):
    fluents.fault("status", status=400, message=message)
    line = rest(line_of(fluents))
    assert (line.state, len(posts(fluents)), fluents.charges()) == (S.FAILED, 1, [])
    assert line.reason == f"Fluents didn't accept the request. Fluents says: {message}."


def test_a_wanted_number_that_is_refused_fails(fluents):
    wanted = fluents.offered()[0]
    fluents.fault("status", status=400, message="Not with this account")
    line = rest(line_of(fluents, phone_number=wanted))
    assert (line.state, len(posts(fluents)), fluents.charges()) == (S.FAILED, 1, [])


def test_a_refusal_of_a_number_that_is_ours_all_the_same_is_looked_up(fluents):
    """A 400 after the upstream bought: the look-up finds it, and it is not bought again."""
    line = reserved(fluents)
    fluents.control("numbers", {"number": line.phone_number})
    fluents.fault("status", status=400, message="Something is odd")
    line = sent(line)
    assert (line.state, line.attempts.get().outcome) == (S.UNKNOWN, Outcome.REFUSED)
    line = rest(line)
    assert (line.state, len(posts(fluents))) == (S.BOUGHT, 1)


def test_a_number_that_became_ours_since_it_was_chosen_is_not_sent(fluents):
    line = reserved(fluents)
    fluents.control("numbers", {"number": line.phone_number})
    Line.objects.update(checked_at=db_now() - timedelta(seconds=61))
    line.checked_at = db_now() - timedelta(seconds=61)
    line = sent(line)
    assert (line.state, posts(fluents)) == (S.PLANNED, [])


def test_a_line_that_was_cancelled_while_a_worker_had_it_is_not_sent(fluents):
    line = reserved(fluents)
    assert cancel_line(line_id=line.pk, by=PERSON) is True
    with pytest.raises(LeaseLost):
        send(line)
    line.refresh_from_db()
    assert (line.state, posts(fluents), Attempt.objects.count()) == (S.CANCELLED, [], 0)


def test_an_answer_that_comes_after_the_lease_was_taken_is_not_written(fluents, monkeypatch):
    """Another worker looks the purchase up instead; the charge is not lost."""
    line, real = reserved(fluents), sending.fluents.Client.buy

    def slow_buy(self, **want):
        info = real(self, **want)
        Line.objects.update(generation=99, state=S.UNKNOWN, lease_until=None)
        return info

    monkeypatch.setattr(sending.fluents.Client, "buy", slow_buy)
    with pytest.raises(LeaseLost):
        send(line)
    line = Line.objects.get()
    assert (line.state, line.number, Number.objects.count()) == (S.UNKNOWN, None, 0)
    assert line.attempts.get().outcome == Outcome.SENDING
    assert (rest(line).state, len(fluents.charges())) == (S.BOUGHT, 1)


def test_a_database_that_is_away_for_a_moment_gets_the_answer_when_it_is_back(fluents, monkeypatch):
    line, real, failures = reserved(fluents), sending.write, []

    def write(*args, **kwargs):
        if len(failures) < 2:
            failures.append(1)
            raise OperationalError("database is locked")
        return real(*args, **kwargs)

    monkeypatch.setattr(sending, "write", write)
    monkeypatch.setattr(sending.connection, "close", lambda: None)  # it is this test's transaction
    assert sent(line).state == S.BOUGHT
    assert (len(failures), len(fluents.charges())) == (2, 1)


def test_a_line_waits_for_its_turn_without_asking_again(fluents, settings):
    settings.GATE_RATE = 0.01
    line = reserved(fluents)
    Gate.objects.update(next_send_at=db_now() + timedelta(seconds=60))
    line = sent(line)
    assert (line.state, line.lease_until, line.reason) == (S.RESERVED, None, "Waiting for its turn.")
    assert line.due_at == Gate.objects.get().next_send_at
    assert posts(fluents) == []
    assert go_on(line).state == S.BOUGHT


def test_who_answers_is_said_when_it_is_not_who_was_asked_for(fluents):
    agent = fluents.get("/v1/agents/list").json()["items"][0]
    line = reserved(fluents, inbound_agent=agent["id"])
    info = sending.fluents.RemoteNumber.from_json({"number": line.phone_number})
    number = sending.keep_number(info, connection=line.connection)
    assert sending.answering(line, number) == f"No agent answers it, but {agent['id']} was requested."
