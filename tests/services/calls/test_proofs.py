"""A test call tells whether the right agent answers, and is made once, whatever happens."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from numbers import fluents
from numbers.db.clock import db_now
from numbers.models import CallEndpoint, Event, Gate, Notice, Number, Proof
from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.audit.rights import Refused
from numbers.services.calls import proof_work, proofs
from numbers.services.calls.endpoint import ask_endpoint, endpoint
from numbers.services.errors import NotDone
from numbers.services.inventory.sync import sync
from numbers.services.spending import gate, journal
from tests.support.people import person
from tests.support.stack import wait_until

pytestmark = pytest.mark.django_db
CREATE, LIST = "/v1/calls/create", "/v1/calls/list"
PERSON = Actor(name="bob")


@pytest.fixture
def fleet(fluents, settings, monkeypatch):
    """Our lines, an endpoint that was checked, and test calls at any time of the day."""
    settings.PROOF_CALLS_PER_DAY, settings.SETTLE_WINDOW = 5, 60
    monkeypatch.setattr(proofs, "HOURS", range(24))
    fluents.control("reset", {"numbers": 20})
    fluents.control("config", {"call_seconds": [0, 0]})
    sync()
    CallEndpoint.objects.create(pk=1, api_url=fluents.url, exists=True, checked_at=db_now())
    return fluents


def two_lines() -> tuple[Number, Number]:
    """One that is answered, and one to call it from."""
    rows = Number.objects.owned().filter(agent__isnull=False, outbound_only=False).select_related("agent")
    return rows[0], rows[1]


def asked(token: str = "") -> Proof:
    number, probe = two_lines()
    return proofs.ask_for_call(by=PERSON, token=token or uuid.uuid4().hex, number=number, probe=probe)


def work(proof: Proof, *, waits: bool = False) -> Proof:
    """Have a worker carry `proof` out until there is a verdict, or once if it WAITS, as if it were due."""

    def done() -> bool:
        Proof.objects.filter(verdict="").update(due_at=db_now(), lease_until=None)
        for job in proof_work.claim(limit=1):
            proof_work.run(job)
        proof.refresh_from_db()
        return waits or proof.verdict != ""

    wait_until(done)
    return proof


def placed(fleet) -> list[dict]:
    return fleet.control("calls", method="GET")["placed"]


def posts(fleet) -> int:
    return len(fleet.requests(path=CREATE))


def test_the_right_agent_answers(fleet):
    proof = work(asked())
    assert (proof.verdict, proof.answered_by) == ("answers", proof.number.agent)
    assert proof.reason == f"{proof.number.agent} answered."
    assert [call["request_id"] for call in placed(fleet)] == [str(proof.key)]
    assert Event.objects.filter(number=proof.number, action="proof.answers").exists()
    assert (proof.call_id != "", proof.status, proof.ended_at is not None) == (True, "answered", True)


@pytest.mark.parametrize(
    ("fault", "verdict"), [("wrong_agent", "wrong"), ("no_answer", "silent")], ids=["wrong", "none"]
)
def test_another_agent_or_nobody_answers(fleet, fault, verdict):
    fleet.fault(fault, path=CREATE)
    proof = work(asked())
    assert proof.verdict == verdict
    assert (proof.answered_by is None) == (verdict == "silent")
    assert len(placed(fleet)) == 1


@pytest.mark.parametrize(
    "fault", ["reset_after", "hang_after", "error_after", "empty", "truncated", "wrong_type"]
)
def test_a_call_whose_answer_was_lost_is_found_and_not_made_again(fleet, fault):
    fleet.fault(fault, path=CREATE)
    proof = work(asked())
    assert (proof.verdict, len(placed(fleet)), posts(fleet)) == ("answers", 1, 1)


@pytest.mark.parametrize("fault", ["reset_before", "error_before", "rate_limited", "status"])
def test_a_call_that_never_came_about_is_not_made_again(fleet, settings, fault):
    fleet.fault(fault, path=CREATE)
    proof = work(asked(), waits=True)
    assert proof.verdict == ""
    settings.SETTLE_WINDOW = 0
    proof = work(proof)
    assert (proof.verdict, len(placed(fleet)), posts(fleet)) == ("unclear", 0, 1)
    assert proof.reason.endswith("Fluents lists no such call.")


def test_a_slow_down_counts_for_purchases_too(fleet):
    fleet.fault("rate_limited", path=CREATE, retry_after="30")
    work(asked(), waits=True)
    assert Gate.objects.get().not_before > db_now() + timedelta(seconds=20)


def test_an_endpoint_that_is_gone_is_remembered(fleet):
    fleet.control("config", {"disabled_paths": [CREATE]})
    proof = work(asked())
    assert (proof.verdict, endpoint().exists) == ("unclear", False)
    with pytest.raises(proofs.NotTested, match="doesn't place calls"):
        asked()


def test_nothing_leaves_where_nobody_can_be_reached(fleet, settings):
    proof = asked()
    settings.FLUENTS_API_URL = "http://127.0.0.1:9"
    CallEndpoint.objects.update(api_url=settings.FLUENTS_API_URL)
    proof = work(proof, waits=True)
    assert (proof.verdict, proof.sent_at) == ("", None)
    assert "can't be reached" in proof.reason


def test_a_request_that_did_not_leave_is_told_so(fleet, monkeypatch):
    def unreached(self, **about):
        raise fluents.NotSent(request=f"POST {CREATE}")

    monkeypatch.setattr(fluents.Client, "place_call", unreached)
    proof = work(asked())
    assert (proof.verdict, "No call was made." in proof.reason) == ("unclear", True)


def test_an_api_that_lists_no_calls_is_not_asked_to_place_one(fleet):
    fleet.control("config", {"disabled_paths": [LIST]})
    proof = work(asked())
    assert (proof.verdict, proof.sent_at, posts(fleet)) == ("unclear", None, 0)


@pytest.mark.parametrize(
    ("point", "calls"),
    [("proof.written", 1), ("proof.committed", 0), ("proof.journalled", 0), ("proof.answered", 1)],
)
def test_a_worker_that_dies_anywhere_makes_no_second_call(fleet, settings, monkeypatch, point, calls):
    class Killed(BaseException):
        pass

    def die(name: str) -> None:
        if name == point:
            raise Killed

    proof = asked()
    monkeypatch.setattr(proof_work, "reached", die)
    with pytest.raises(Killed):
        work(proof)
    monkeypatch.undo()
    monkeypatch.setattr(proofs, "HOURS", range(24))
    if not calls:
        settings.SETTLE_WINDOW = 0
    proof = work(proof)
    assert (proof.verdict, len(placed(fleet)), posts(fleet)) == (
        "answers" if calls else "unclear",
        calls,
        calls,
    )


def test_a_worker_whose_lease_ran_out_does_not_send(fleet):
    proof = asked()
    stale, fresh = proof_work.claim(limit=1)[0], Proof.objects.get(pk=proof.pk)
    work(fresh)
    with pytest.raises(proof_work.LeaseLost):
        proof_work.run(stale)
    assert (posts(fleet), len(placed(fleet))) == (1, 1)


def test_a_worker_that_was_held_up_does_not_send(fleet, settings):
    settings.LEASE_SECONDS = 1
    proof = work(asked())
    assert (proof.verdict, posts(fleet)) == ("unclear", 0)
    assert proof.reason == "Preparing took too long. No call was made."


def test_one_click_is_one_call(fleet):
    first = asked("a-token-of-a-form")
    assert asked("a-token-of-a-form") == first
    with pytest.raises(proofs.NotTested, match="being tested already"):
        asked()
    work(first)
    assert asked("a-token-of-a-form") == first
    assert len(placed(fleet)) == 1


def test_the_call_of_an_earlier_test_is_not_taken_for_that_of_a_later_one(fleet, settings):
    assert work(asked()).verdict == "answers"
    fleet.fault("reset_before", path=CREATE)
    later = work(asked(), waits=True)
    assert later.verdict == ""
    settings.SETTLE_WINDOW = 0
    assert work(later).verdict == "unclear"


def test_two_calls_that_cannot_be_told_apart_prove_nothing(fleet, settings):
    proof = work(asked(), waits=True)
    call = {"number": proof.number.e164, "other": proof.probe.e164, "seconds": 0, "at": db_now().timestamp()}
    fleet.control("calls", {"calls": [call]})
    settings.SETTLE_WINDOW = 0
    proof = work(proof)
    assert (proof.verdict, "2 calls" in proof.reason) == ("unclear", True)


def test_the_cap_holds(fleet, settings):
    settings.PROOF_CALLS_PER_DAY = 1
    work(asked())
    with pytest.raises(proofs.NotTested, match=r"All test calls of the last 24 hours are used \(1\)"):
        asked()
    Proof.objects.update(asked_at=db_now() - timedelta(hours=25))
    assert work(asked()).verdict == "answers"


def test_it_is_off_unless_asked_for(fleet, settings):
    proof = asked()
    settings.PROOF_CALLS_PER_DAY = 0
    assert work(proof).reason.startswith("Test calls are off")
    with pytest.raises(proofs.NotTested, match="Test calls are off"):
        asked()
    assert posts(fleet) == 0


@pytest.mark.parametrize(
    ("at", "allowed"), [(16, False), (17, True), (23, True)], ids=["08:00", "09:00", "15:00"]
)
def test_lines_are_called_in_their_own_working_hours(fleet, monkeypatch, at, allowed):
    monkeypatch.setattr(proofs, "HOURS", range(9, 18))
    monkeypatch.setattr(proofs, "db_now", lambda: datetime(2026, 11, 27, at, 0, tzinfo=UTC))
    assert (proofs.why_asleep(Number(e164="+14155550100")) == "") == allowed
    assert "time zone isn't known" in proofs.why_asleep(Number(e164="+442079460000"))


def test_only_our_own_lines_that_somebody_can_answer_are_called(fleet):
    number, probe = two_lines()
    for changes in ({"status": "gone"}, {"outbound_only": True}, {"agent": None}):
        Number.objects.filter(pk=number.pk).update(**changes)
        with pytest.raises(proofs.NotTested):
            proofs.ask_for_call(
                by=PERSON, token=uuid.uuid4().hex, number=Number.objects.get(pk=number.pk), probe=probe
            )
        Number.objects.filter(pk=number.pk).update(**{name: getattr(number, name) for name in changes})
    for wrong in (number, Number.objects.create(e164="+14155550999")):
        with pytest.raises(proofs.NotTested):
            proofs.ask_for_call(by=PERSON, token=uuid.uuid4().hex, number=number, probe=wrong)


@pytest.mark.parametrize("how", ["paused", "breaker"])
def test_the_gate_holds_calls_too(fleet, how):
    if how == "paused":
        gate.pause(reason="To see", by=PERSON)
    else:
        Gate.objects.update(breaker="half_open", breaker_reason="Fluents was silent.")
    proof = work(asked(), waits=True)
    assert (proof.verdict, proof.sent_at, posts(fleet)) == ("", None, 0)
    Proof.objects.update(asked_at=db_now() - timedelta(minutes=11))
    assert work(proof).reason.endswith("No call was made.")


def test_calls_keep_to_the_rate(fleet, settings):
    settings.GATE_RATE = 0.1
    work(asked())
    assert Gate.objects.get().next_send_at > db_now()
    proof = work(asked(), waits=True)
    assert (proof.reason, proof.sent_at, posts(fleet)) == ("Waiting for its turn.", None, 1)


def test_a_restored_database_makes_no_call_that_the_journal_has(fleet):
    proof = work(asked())
    Proof.objects.filter(pk=proof.pk).update(verdict="", sent_at=None, ended_at=None, call_id="")
    proof.refresh_from_db()
    assert "isn't made again" in work(proof).reason
    assert (posts(fleet), list(journal.newest_first())) == (1, [])


@pytest.mark.parametrize("reported", [True, False])
def test_nor_one_that_only_another_machine_s_journal_has(fleet, monkeypatch, reported):
    proof = work(asked())
    Proof.objects.filter(pk=proof.pk).update(verdict="", sent_at=None, ended_at=None, call_id="")
    monkeypatch.setattr(journal, "has_call", lambda *args, **about: False)
    if reported:
        gate.pause(reason="Restored", books_doubted=True)
        gate.open_gate(by=PERSON, reason="Compared")
    proof.refresh_from_db()
    told = work(proof).reason
    assert posts(fleet) == 1
    assert ("restored after" if reported else "that our records don't have") in told


def after_a_restore(proof: Proof) -> None:
    """The database is as it was before `proof`, and a person has said that it was compared."""
    Proof.objects.filter(pk=proof.pk).delete()
    gate.pause(reason="Restored", books_doubted=True)
    gate.open_gate(by=PERSON, reason="Compared")


@pytest.mark.parametrize("timed", [True, False])
def test_a_form_from_before_a_restore_calls_no_other_line_either(fleet, monkeypatch, timed):
    """Its call may be forgotten, and known to the journal of another machine alone."""
    token = proofs.new_token() if timed else uuid.uuid4().hex
    after_a_restore(work(asked(token)))
    monkeypatch.setattr(journal, "has_call", lambda *args, **about: False)
    probe, number = two_lines()
    with pytest.raises(proofs.NotTested, match="restored after this page was opened"):
        proofs.ask_for_call(by=PERSON, token=token, number=number, probe=probe)
    assert (posts(fleet), Proof.objects.count()) == (1, 0)


def test_forms_that_are_opened_after_a_restore_call(fleet):
    after_a_restore(asked())
    restored = timedelta(seconds=2)
    Gate.objects.update(reconciled_at=db_now() - restored)
    token = proofs.new_token()
    proof = work(asked(token))
    assert (proof.verdict, asked(token), posts(fleet)) == ("answers", proof, 1)
    Gate.objects.update(reconciled_at=db_now() - proofs.DAY - restored)
    assert asked(uuid.uuid4().hex) != proof  # which does not say when its form was opened


def test_nothing_is_sent_that_the_journal_cannot_keep(fleet, monkeypatch):
    def full(entry: dict) -> None:
        raise OSError(28, "No space left on device")

    proof = asked()
    monkeypatch.setattr(journal, "append", full)
    assert "can't be written" in work(proof).reason
    assert posts(fleet) == 0


# --- The check of the endpoint ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "exists"),
    [
        (None, True),
        ({"fault": "status", "status": 422}, True),
        ({"fault": "status", "status": 404}, False),
        ({"fault": "status", "status": 405}, False),
        ({"fault": "status", "status": 501}, False),
        ({"fault": "status", "status": 403}, None),
        ({"fault": "error_before"}, None),
        ({"fault": "reset_before"}, None),
    ],
    ids=["400", "422", "404", "405", "501", "403", "500", "cut off"],
)
def test_an_empty_request_tells_whether_calls_can_be_placed(fleet, fault, exists):
    CallEndpoint.objects.all().delete()
    with pytest.raises(proofs.NotTested, match="No one has checked yet"):
        asked()
    if fault:
        fleet.control("faults", {"path": CREATE, **fault})
    assert ask_endpoint(by=PERSON).exists is exists
    assert [request["body"] for request in fleet.requests(path=CREATE)] == [{}]
    assert placed(fleet) == []
    if not exists:
        with pytest.raises(proofs.NotTested):
            asked()


@pytest.mark.parametrize("status", [200, 201])
def test_an_api_that_takes_an_empty_request_is_never_asked_again(fleet, status, settings):
    settings.NOTIFY_BY_MAIL = True
    admin = person("ada", Role.ADMIN)
    admin.email = "ada@example.org"
    admin.save()
    CallEndpoint.objects.all().delete()
    fleet.fault("status", path=CREATE, status=status)
    row = ask_endpoint(by=Actor.person(admin))
    assert (row.exists, row.alarming) == (False, True)
    notice = Notice.objects.get(kind="calls.alarm")
    assert [delivery.to for delivery in notice.deliveries.all()] == ["ada@example.org"]
    assert Event.objects.filter(action="proof.alarm", actor=admin).exists()
    with pytest.raises(NotDone):
        ask_endpoint(by=Actor.person(admin))
    assert posts(fleet) == 1


def test_what_is_known_of_one_api_is_not_known_of_another(fleet, settings):
    settings.FLUENTS_API_URL = "https://elsewhere.example"
    assert endpoint() is None


def test_buyers_test_lines_and_administrators_check_the_endpoint(fleet):
    buyer, viewer = (
        Actor.person(person(name, role)) for name, role in (("b", Role.BUYER), ("v", Role.VIEWER))
    )
    number, probe = two_lines()
    with pytest.raises(Refused):
        ask_endpoint(by=buyer)
    with pytest.raises(Refused):
        proofs.ask_for_call(by=viewer, token=uuid.uuid4().hex, number=number, probe=probe)
    assert proofs.ask_for_call(by=buyer, token=uuid.uuid4().hex, number=number, probe=probe).asked_by == "b"


def test_the_api_that_cannot_be_reached_is_not_judged(fleet, settings):
    settings.FLUENTS_API_URL = "http://127.0.0.1:9"
    with pytest.raises(fluents.NotSent):
        ask_endpoint(by=PERSON)
    assert endpoint() is None


def test_a_worker_waits_for_the_next_look(fleet):
    assert proof_work.next_due(db_now()) is None
    fleet.fault("reset_before", path=CREATE)
    proof = work(asked(), waits=True)
    assert proof_work.next_due(db_now() - timedelta(seconds=1)) == proof.due_at
    assert proof_work.next_due(proof.due_at) is None
