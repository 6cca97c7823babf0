"""A plan that asks for it has each line called once when it is assigned, whatever happens."""

import json
from contextlib import suppress
from datetime import timedelta

import pytest
from django.core.management import call_command

from numbers.db.clock import db_now
from numbers.models import Agent, Event, Number, Plan, PlanRow, Proof
from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.audit.rights import Refused
from numbers.services.calls import asked, proof_work, proofs, row_proofs
from numbers.services.plans import runner
from numbers.services.plans.builder import propose_file
from numbers.services.plans.lifecycle import (
    CannotChange,
    apply_plan,
    assign,
    plan_change,
    retry_failed,
    stop_plan,
    take_back,
    undo,
)
from numbers.services.scheduler import Scheduler
from numbers.services.spending import gate, journal
from numbers.states import RowState
from tests.support.calls import PLACED_AT, callable_fleet, carry_calls, killed_at, posts, probe
from tests.support.people import person
from tests.support.plans import ANNA, UPDATE, agent, carry, carry_on

pytestmark = pytest.mark.django_db
FRENCH = "French line"


@pytest.fixture
def fleet(fluents, settings, monkeypatch):
    return callable_fleet(fluents, settings, monkeypatch)


def free(count: int = 1) -> list[Number]:
    """Lines that can be assigned and called."""
    lines = Number.objects.owned().filter(outbound_only=False).exclude(pk=probe().pk)
    return list(lines.exclude(agent__name=FRENCH).order_by("pk")[:count])


def drafted(*numbers: Number) -> Plan:
    keys = [number.pk for number in numbers or free()]
    return plan_change(
        by=ANNA, numbers=Number.objects.filter(pk__in=keys), changes={"agent": agent(FRENCH).api_id}
    )


def applied(*numbers: Number) -> Plan:
    plan = drafted(*numbers)
    assert apply_plan(plan_id=plan.pk, by=ANNA, probe=probe())
    return plan


def assigned(*numbers: Number) -> Plan:
    """A plan that is carried out, and whose lines are still to be called."""
    return carry(applied(*numbers), apply=False)


def work() -> None:
    row_proofs.ask_for_calls()
    carry_calls()


def told(plan: Plan, *, word_only: bool = False) -> list:
    outlook = row_proofs.Outlook()
    rows = row_proofs.with_calls(PlanRow.objects.filter(plan=plan)).order_by("pk")
    found = [outlook.of(row) for row in rows]
    if word_only:
        return [one.word if one else "" for one in found]
    return [(one.word, one.reason) if one else ("", "") for one in found]


def proving(plan: Plan) -> bool:
    return Plan.objects.get(pk=plan.pk).proving


def test_each_line_is_called_once_after_it_is_assigned(fleet):
    lines = free(2)
    plan = applied(*lines)
    row_proofs.ask_for_calls()
    assert (Proof.objects.count(), proving(plan), told(plan)) == (0, True, [("", "")] * 2)
    carry(plan, apply=False)
    assert told(plan) == [("waiting", "It's called within seconds.")] * 2
    assert row_proofs.tally(plan) == {"waiting": 2}
    for _ in range(3):
        work()
    assert told(plan) == [("answers", f"{FRENCH} answered.")] * 2
    assert (posts(fleet), row_proofs.tally(plan), proving(plan)) == (2, {"answers": 2}, False)
    placed = fleet.control("calls", method="GET")["placed"]
    assert {call["request_id"] for call in placed} == {str(row.key) for row in Proof.objects.all()}
    assert {(proof.row.plan, proof.asked_by) for proof in Proof.objects.all()} == {(plan, "anna")}
    assert Event.objects.get(action="plan.applied").after == {"prove_from": probe().e164}


def test_a_worker_s_rounds_do_it_without_being_told(fleet):
    plan = assigned()
    Scheduler(keeper=False).round()
    assert Proof.objects.get().row == plan.rows.get()


def test_plans_that_do_not_ask_for_it_are_not_tested(fleet):
    plan = carry(drafted())
    work()
    assert (told(plan), Proof.objects.count(), proving(plan)) == ([("", "")], 0, False)


def test_a_file_of_assignments_is_tested_where_it_assigns(fleet):
    first, second, third = free(3)
    rows = [f"{first.e164},{FRENCH},", f"{second.e164},,", f"{third.e164},{third.agent or ''},Front desk"]
    content = "\n".join(["number,agent,label", *rows]).encode()
    plan = propose_file(by=ANNA, content=content, title="numbers.csv")
    assert row_proofs.to_call(plan).count() == 1
    apply_plan(plan_id=plan.pk, by=ANNA, probe=probe())
    carry(plan, apply=False)
    for _ in range(2):
        work()
    by_number = dict(zip(plan.rows.order_by("pk").values_list("number", flat=True), told(plan), strict=True))
    assert by_number.pop(first.pk) == ("answers", f"{FRENCH} answered.")
    assert set(by_number.values()) <= {("", "")}
    assert posts(fleet) == 1


@pytest.mark.parametrize("how", ["failed", "skipped", "unknown"])
def test_a_row_that_is_not_done_is_not_called(fleet, how):
    line = free()[0]
    plan = applied(line)
    if how == "skipped":
        Number.objects.filter(pk=line.pk).update(agent=agent("Spanish line"))
    else:
        status = {"failed": 400, "unknown": 502}[how]
        fleet.fault("status", path=UPDATE, status=status, message="No", times=99)
    if how == "unknown":
        carry_on(plan_id=plan.pk)
        assert plan.rows.get().state == RowState.APPLYING
    else:
        carry(plan, apply=False)
        assert plan.rows.get().state == how
    for _ in range(2):
        work()
    expected = ("", "") if how == "unknown" else ("missed", "This change didn't assign it.")
    assert (told(plan), posts(fleet), proving(plan)) == ([expected], 0, how == "unknown")


def test_a_line_that_was_as_wanted_before_is_not_called(fleet):
    same = Number.objects.owned().filter(agent__name=FRENCH, outbound_only=False).exclude(pk=probe().pk)[0]
    plan = assigned(same, *free())
    for _ in range(2):
        work()
    words = dict(zip(plan.rows.order_by("pk").values_list("number", flat=True), told(plan), strict=True))
    assert words[same.pk] == ("missed", "This change didn't assign it.")
    assert row_proofs.tally(plan) == {"answers": 1, "missed": 1}
    assert posts(fleet) == 1


def test_a_retry_of_what_failed_is_called(fleet):
    plan = applied()
    fleet.fault("status", path=UPDATE, status=400, message="No")
    carry(plan, apply=False)
    work()
    assert not proving(plan)
    retry_failed(plan_id=plan.pk, by=ANNA)
    carry(plan, apply=False)
    work()
    assert (told(plan, word_only=True), posts(fleet)) == (["answers"], 1)


@pytest.mark.parametrize(
    ("fault", "verdict"), [("wrong_agent", "wrong"), ("no_answer", "silent"), ("reset_before", "unclear")]
)
def test_what_else_comes_of_it_is_told_and_not_tried_again(fleet, settings, fault, verdict):
    plan = assigned()
    fleet.fault(fault, path=PLACED_AT)
    settings.SETTLE_WINDOW = 0 if verdict == "unclear" else settings.SETTLE_WINDOW
    for _ in range(2):
        work()
    assert (told(plan, word_only=True), posts(fleet)) == ([verdict], 1)
    assert row_proofs.tally(plan) == {verdict: 1}


@pytest.mark.parametrize(
    ("reason", "prepare"),
    [
        ("It's 03:00 there.", "asleep"),
        ("Buying is paused: To see", "paused"),
        ("Test calls are off: PROOF_CALLS_PER_DAY is 0.", "off"),
        ("This line doesn't receive calls.", "outbound"),
    ],
)
def test_a_line_waits_for_what_is_in_the_way(fleet, settings, monkeypatch, reason, prepare):
    plan = assigned()
    match prepare:
        case "asleep":
            monkeypatch.setattr(proofs, "HOURS", range(0))
            monkeypatch.setattr(proofs, "why_asleep", lambda number: reason)
        case "paused":
            gate.pause(reason="To see")
        case "off":
            settings.PROOF_CALLS_PER_DAY = 0
        case "outbound":
            Number.objects.update(outbound_only=True)
    work()
    assert (told(plan), posts(fleet), proving(plan)) == ([("waiting", reason)], 0, True)


def test_lines_wait_for_the_cap(fleet, settings):
    settings.PROOF_CALLS_PER_DAY = 1
    plan = assigned(*free(2))
    for _ in range(2):
        work()
    assert told(plan)[1] == ("waiting", "All test calls of the last 24 hours are used (1).")
    assert (posts(fleet), row_proofs.tally(plan)) == (1, {"answers": 1, "waiting": 1})
    Proof.objects.update(asked_at=db_now() - timedelta(hours=25))
    work()
    assert (told(plan, word_only=True), posts(fleet)) == (["answers"] * 2, 2)


def test_few_are_asked_for_at_a_time(fleet, settings):
    settings.PROOF_CALLS_PER_DAY = 50
    assigned(*free(5))
    assert [row_proofs.ask_for_calls() for _ in range(3)] == [3, 0, 0]


@pytest.mark.parametrize("how", ["released", "late", "itself", "reassigned", "unassigned"])
def test_in_the_end_nobody_waits_any_more(fleet, how):
    line = free()[0]
    plan = drafted(line)
    apply_plan(plan_id=plan.pk, by=ANNA, probe=line if how == "itself" else probe())
    carry(plan, apply=False)
    match how:
        case "released":
            Number.objects.filter(pk=line.pk).update(status="released")
        case "late":
            PlanRow.objects.update(changed_at=db_now() - asked.PATIENCE)
        case "reassigned":
            Number.objects.filter(pk=line.pk).update(agent=agent("Spanish line"))
        case "unassigned":
            Number.objects.filter(pk=line.pk).update(agent=None)
    for _ in range(2):
        work()
    why = {
        "released": "We no longer own this line.",
        "late": "No call could be made within 30 days.",
        "itself": "A line can't call itself.",
    }.get(how, "It was reassigned before its call.")
    assert (told(plan), posts(fleet), proving(plan)) == ([("missed", why)], 0, False)
    assert row_proofs.tally(plan) == {"missed": 1}


# --- Stopped and undone ---------------------------------------------------------------------


def test_a_plan_that_is_stopped_half_way_makes_no_more_calls(fleet):
    plan = applied(*free(2))
    runner_row = carry_first(plan)
    assert stop_plan(plan_id=plan.pk, by=ANNA) == 1
    carry(plan, apply=False)
    for _ in range(2):
        work()
    assert told(plan) == [
        ("missed", "The change was stopped before its call."),
        ("missed", "This change didn't assign it."),
    ]
    assert (runner_row.state, posts(fleet), proving(plan)) == (RowState.DONE, 0, False)


def carry_first(plan: Plan) -> PlanRow:
    row = runner.claim_row(row_id=plan.rows.order_by("pk")[0].pk)
    runner.run(row)
    row.refresh_from_db()
    return row


def test_calls_that_wait_can_be_stopped_once_all_is_assigned(fleet, monkeypatch):
    plan = assigned()
    assert stop_plan(plan_id=plan.pk, by=ANNA) == 0
    work()
    assert (told(plan), posts(fleet)) == ([("missed", "The change was stopped before its call.")], 0)
    assert Event.objects.filter(action="plan.stopped").count() == 1


def test_a_plan_that_is_undone_before_its_calls_makes_none(fleet):
    plan = assigned()
    back = undo(plan_id=plan.pk, by=ANNA)
    apply_plan(plan_id=back.pk, by=ANNA)
    assert told(plan) == [("waiting", "Another change to this line is in progress.")]
    work()
    assert posts(fleet) == 0
    carry(back, apply=False)
    for _ in range(2):
        work()
    assert told(plan) == [("missed", "It was reassigned before its call.")]
    assert (posts(fleet), proving(plan), told(back)) == (0, False, [("", "")])


def test_nor_one_whose_call_was_asked_for_already(fleet):
    plan = assigned()
    row_proofs.ask_for_calls()
    carry(undo(plan_id=plan.pk, by=ANNA))
    carry_calls()
    [(word, reason)] = told(plan)
    assert (word, posts(fleet)) == ("unclear", 0)
    assert reason.endswith("No call was made.")


def test_one_number_is_called_once_it_is_assigned_and_not_when_that_is_taken_back(fleet):
    line = free()[0]
    seen = line.agent.api_id if line.agent else ""
    plan = assign(by=ANNA, number=line, agent=agent(FRENCH).api_id, seen=seen, probe=probe())
    carry(plan, apply=False)
    work()
    assert (told(plan, word_only=True), posts(fleet)) == (["answers"], 1)
    line = Number.objects.get(pk=line.pk)
    plan = assign(
        by=ANNA, number=line, agent=agent("Spanish line").api_id, seen=line.agent.api_id, probe=probe()
    )
    take_back(plan_id=plan.pk, by=ANNA)
    carry(plan, apply=False)
    work()
    assert (told(plan), posts(fleet)) == ([("missed", "This change didn't assign it.")], 1)


# --- Killed and restored --------------------------------------------------------------------


@pytest.mark.parametrize("point", ["proof.asked", "proof.written", "proof.committed", "proof.answered"])
def test_a_worker_that_dies_anywhere_makes_no_second_call(fleet, settings, point):
    plan = assigned()
    with killed_at(point):
        work()
    settings.SETTLE_WINDOW = 0 if point == "proof.committed" else settings.SETTLE_WINDOW
    for _ in range(2):
        work()
    left = point != "proof.committed"  # else nobody knows whether it left, and it is not sent again
    assert (Proof.objects.count(), posts(fleet)) == (1, left)
    assert told(plan, word_only=True) == ["answers" if left else "unclear"]


RESTORED = "The call was made before the database was restored. It isn't made again."
LISTED = "Fluents lists a call between these lines that our records don't have. It isn't made again."


def forgotten(plan: Plan, back_to: str) -> None:
    """The database is one from before the call."""
    Proof.objects.all().delete()
    match back_to:
        case "assigned":
            Plan.objects.update(proving=True)
        case "applied":
            Plan.objects.update(proving=True, state="applying", finished_at=None)
            PlanRow.objects.update(state=RowState.READY, sent_at=None, tries=0)
        case "drafted":
            Plan.objects.update(
                proving=False, prove_from="", state="draft", applied_at=None, finished_at=None
            )
            PlanRow.objects.update(state=RowState.READY, sent_at=None, tries=0)
            apply_plan(plan_id=plan.pk, by=ANNA, probe=probe())
    if back_to != "assigned":
        row = plan.rows.get()
        Number.objects.filter(pk=row.number_id).update(agent=agent_before(row))
        carry(plan, apply=False)


def agent_before(row: PlanRow) -> Agent | None:
    return Agent.objects.filter(api_id=row.before["agent"]).first()


@pytest.mark.parametrize("back_to", ["assigned", "applied", "drafted"])
def test_a_restored_database_makes_no_call_that_the_journal_has(fleet, back_to):
    plan = assigned()
    work()
    key = Proof.objects.get().key
    forgotten(plan, back_to)
    for _ in range(2):
        work()
    assert (Proof.objects.get().key, posts(fleet), told(plan)) == (key, 1, [("unclear", RESTORED)])


@pytest.mark.parametrize("back_to", ["assigned", "applied", "drafted"])
def test_nor_one_that_is_in_another_machine_s_journal(fleet, monkeypatch, back_to):
    plan = assigned()
    work()
    monkeypatch.setattr(journal, "has_call", lambda *args, **about: False)
    monkeypatch.setattr(proof_work, "SLACK", timedelta(0))
    Plan.objects.update(created_at=db_now() - timedelta(hours=1))
    gate.pause(reason="Restored", books_doubted=True)
    gate.open_gate(by=proofs.SYSTEM, reason="Compared")
    forgotten(plan, back_to)
    work()
    assert (posts(fleet), told(plan)) == (1, [("unclear", LISTED)])


def test_after_a_restore_a_line_that_nobody_has_called_is_called(fleet):
    plan = assigned()
    gate.pause(reason="Restored", books_doubted=True)
    gate.open_gate(by=proofs.SYSTEM, reason="Compared")
    work()
    assert (posts(fleet), told(plan, word_only=True)) == (1, ["answers"])


def test_another_plan_is_another_call_even_where_the_database_gives_its_id_again(fleet):
    line = free()[0]
    first = assigned(line)
    second = Plan(pk=first.pk)
    rows = [PlanRow(plan=plan, number=line) for plan in (first, second)]
    assert len({row_proofs.call_of(row).name for row in rows}) == 2


# --- Who may, and what can be asked for -------------------------------------------------------


@pytest.mark.parametrize("role", Role)
def test_calls_take_who_may_spend_money(fleet, role):
    by = Actor.person(person("carl", role))
    plan = drafted()
    if role in (Role.BUYER, Role.ADMIN):
        assert apply_plan(plan_id=plan.pk, by=by, probe=probe())
        assert proving(plan)
        return
    with pytest.raises(Refused):
        apply_plan(plan_id=plan.pk, by=by, probe=probe())
    assert (Plan.objects.get(pk=plan.pk).state, proving(plan)) == ("draft", False)
    assert Event.objects.filter(action="access.denied").exists()
    line = free()[0]
    with pytest.raises(Refused):
        assign(by=by, number=line, agent=agent(FRENCH).api_id, seen="", probe=probe())
    if role == Role.ASSIGNER:
        assert apply_plan(plan_id=plan.pk, by=by)


@pytest.mark.parametrize("role", [Role.ASSIGNER, Role.BUYER])
def test_nor_does_who_may_not_retry_what_is_called(fleet, role):
    plan = applied()
    fleet.fault("status", path=UPDATE, status=400, message="No")
    carry(plan, apply=False)
    by = Actor.person(person("carl", role))
    if role == Role.BUYER:
        assert retry_failed(plan_id=plan.pk, by=by) == 1
        return
    with pytest.raises(Refused):
        retry_failed(plan_id=plan.pk, by=by)
    assert plan.rows.get().state == RowState.FAILED


def test_what_assigns_nobody_cannot_be_tested(fleet):
    for changes in ({"label": "Front"}, {"agent": ""}):
        line = Number.objects.filter(pk__in=[line.pk for line in free(9) if line.agent])
        plan = plan_change(by=ANNA, numbers=line, changes=changes)
        with pytest.raises(CannotChange, match="nothing to test"):
            apply_plan(plan_id=plan.pk, by=ANNA, probe=probe())
        assert Plan.objects.get(pk=plan.pk).state == "draft"


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("+14155550999", "We don't own the line to call from."),
        ("nonsense", "isn't a phone number"),
        ("off", "Test calls are off"),
        ("mute", "No agent is assigned to"),
    ],
)
def test_lines_are_called_from_one_of_ours_that_can_speak(fleet, settings, typed, why):
    if typed == "off":
        settings.PROOF_CALLS_PER_DAY = 0
    if typed in ("off", "mute"):
        line = probe()
        typed = line.e164
        Number.objects.filter(pk=line.pk).update(agent=None)
    with pytest.raises(proofs.NotTested, match=why):
        asked.read_probe(typed)
    assert asked.read_probe("") is None


# --- Scripts ----------------------------------------------------------------------------------


def spoken(capsys, *words: str) -> list[dict]:
    with suppress(SystemExit):  # some rows are still open
        call_command(*words, json=True)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_script_asks_for_calls_and_reads_how_far_they_are(fleet, capsys):
    [row] = spoken(capsys, "assign", free()[0].e164, "--agent", FRENCH, "--prove", probe().e164)
    assert (row["test_call"], row["test_call_reason"]) == (None, None)
    plan = carry(Plan.objects.get(), apply=False)
    work()
    [row] = spoken(capsys, "plan", "show", str(plan.pk))
    assert row["test_call"] == "answers"
    [row] = spoken(capsys, "plan", "list")
    assert (row["prove_from"], row["test_calls"]) == (probe().e164, {"answers": 1})
    [row] = spoken(capsys, "plan", "show", str(carry(drafted()).pk))
    assert set(row) == {"number", "state", "reason"}
    assert set(spoken(capsys, "plan", "list")[0]) == {"plan", "state", "title", "rows"}


def test_a_script_applies_a_plan_with_calls_and_stops_them(fleet, capsys):
    plan = drafted()
    spoken(capsys, "plan", "apply", str(plan.pk), "--prove", probe().e164)
    assert proving(plan)
    carry(plan, apply=False)
    spoken(capsys, "plan", "stop", str(plan.pk))
    assert not proving(plan)


@pytest.mark.parametrize("words", [["assign", "--agent", FRENCH], ["plan", "apply"]])
def test_a_script_without_the_right_changes_nothing(fleet, words, capsys):
    person("carl", Role.ASSIGNER)
    plan = drafted()
    what = str(plan.pk) if words[0] == "plan" else free()[0].e164
    with pytest.raises(SystemExit) as ended:
        call_command(*words, what, "--prove", probe().e164, account="carl")
    assert ended.value.code == 2
    assert list(Plan.objects.values_list("state", flat=True)) == ["draft"]
