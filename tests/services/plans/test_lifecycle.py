"""Plans: worked out, applied, carried out row by row, undone."""

import os
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.db.clock import db_now
from numbers.models import Event, Number, Plan, PlanRow, PlanSource
from numbers.services.inventory.reconciliation import reconcile
from numbers.services.inventory.sync import sync
from numbers.services.plans import builder as proposing
from numbers.services.plans import runner as carrying
from numbers.services.plans.builder import propose
from numbers.services.plans.lifecycle import (
    CannotChange,
    apply_plan,
    change_now,
    discard_plan,
    plan_change,
    plan_counts,
    retry_failed,
    stop_plan,
    undo,
)
from numbers.services.plans.rows import values_of
from numbers.services.turns import Turns
from numbers.states import Act, NumberStatus, PlanState, RowState
from tests.support.books import run_worker_until_idle
from tests.support.plans import (
    ANNA,
    BEN,
    UPDATE,
    agent,
    behind_our_back,
    carry,
    carry_on,
    claim_row,
    owned,
    remote,
    remote_agent,
    time_passes,
    updates,
)
from tests.support.queries import count as queries_made

pytestmark = pytest.mark.django_db


def only(fluents) -> Number:
    """One number that nobody answers."""
    fluents.control("numbers", {"label": "As bought", "description": "First"})
    sync()
    return Number.objects.get()


def row_of(plan: Plan) -> PlanRow:
    return plan.rows.get()


# --- Working out ----------------------------------------------------------------------------


def test_a_plan_shows_before_and_after_and_changes_nothing(fluents):
    numbers = owned(fluents, 10)
    french = agent("French line")
    already = numbers.filter(agent=french).count()
    plan = plan_change(by=ANNA, numbers=numbers, changes={"agent": french.api_id})
    assert (plan.state, plan.title) == (PlanState.DRAFT, "Assign to French line")
    assert plan_counts(plan) == {
        "ready": 10 - already,
        "applying": 0,
        "done": 0,
        "failed": 0,
        "skipped": already,
        "total": 10,
    }
    for row in plan.rows.select_related("number__agent"):
        assert row.before == {"agent": row.number.agent.api_id if row.number.agent else ""}
        assert row.after == {"agent": french.api_id}
    assert updates(fluents) == []


def test_what_would_not_change_or_is_not_ours_is_skipped_with_a_reason(fluents):
    numbers = list(owned(fluents, 4))
    Number.objects.filter(pk=numbers[0].pk).update(status=NumberStatus.GONE)
    Number.objects.filter(pk=numbers[1].pk).update(status=NumberStatus.RELEASED)
    Number.objects.filter(pk=numbers[2].pk).update(label="Front")
    plan = plan_change(by=ANNA, numbers=Number.objects.all(), changes={"label": "Front"})
    gone, released, same, other = plan.rows.order_by("pk")
    assert (gone.state, gone.reason.endswith("is gone from Fluents.")) == (RowState.SKIPPED, True)
    assert (released.state, released.reason.endswith("was released.")) == (RowState.SKIPPED, True)
    assert (same.state, same.needless, same.reason) == (RowState.SKIPPED, True, "Nothing to change.")
    assert other.state == RowState.READY


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Choose what to change"),
        ({"number": "+1"}, "A number has no number"),
        ({"agent": "nobody-knows"}, "no agent"),
        ({"label": "x" * 201}, "200 characters"),
        ({"tags_add": ["a,b"]}, "isn't a valid tag"),
        ({"tags_add": ["x" * 51]}, "up to 50"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(fluents, changes, words):
    numbers = owned(fluents, 1)
    with pytest.raises(CannotChange, match=words):
        plan_change(by=ANNA, numbers=numbers, changes=changes)
    assert not Plan.objects.exists()


def test_a_mass_edit_points_numbers_at_an_agent_that_is_gone(fluents):
    numbers = owned(fluents, 1)
    gone = agent("French line")
    gone.gone_at = db_now()
    gone.save()
    with pytest.raises(CannotChange, match="French line"):
        plan_change(by=ANNA, numbers=numbers, changes={"agent": gone.api_id})


def test_working_out_costs_the_same_queries_for_more_rows(fluents):
    numbers = owned(fluents, 40)

    def cost(count: int) -> int:
        some = Number.objects.filter(pk__in=list(numbers.values_list("pk", flat=True)[:count]))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            plan_change(by=ANNA, numbers=some, changes={"label": f"Of {count}", "tags_add": ["x"]})
        return queries_made(queries)

    assert cost(40) == cost(4) <= 15


def test_tags_are_added_and_taken_away(fluents):
    number = only(fluents)
    number.tags.clear()
    for changes, left in (
        ({"tags_add": ["vip", "office"]}, ["office", "vip"]),
        ({"tags_add": ["new"], "tags_remove": ["vip"]}, ["new", "office"]),
        ({"tags": []}, []),
    ):
        carry(plan_change(by=ANNA, numbers=Number.objects.all(), changes=changes))
        number = Number.objects.get()
        assert values_of(number)["tags"] == left
        assert all(word in number.search_text for word in left)
    assert updates(fluents) == []  # they are ours alone


# --- Carrying out ---------------------------------------------------------------------------


def test_a_change_is_sent_read_back_and_written_down_with_its_history(fluents):
    number, spanish = only(fluents), agent("Spanish line")
    before = values_of(number)
    wanted = {"agent": spanish.api_id, "label": "Línea", "description": "Uno", "outbound_only": True}
    plan = carry(plan_change(by=ANNA, numbers=Number.objects.all(), changes=wanted))
    number = Number.objects.get()
    assert (plan.state, row_of(plan).state, plan.finished_at is not None) == ("done", "done", True)
    assert values_of(number) == before | wanted
    there = remote(fluents, number)
    assert (there["inbound_agent"]["name"], there["label"], there["outbound_only"]) == (
        "Spanish line",
        "Línea",
        True,
    )
    assert number.answer["inbound_agent"] == spanish.api_id
    assert "spanish line" in number.search_text
    assert "linea" in number.search_text
    told = Event.objects.get(action="number.changed")
    assert (told.actor_name, told.request_id, told.number, told.plan) == (
        "anna",
        "request-of-anna",
        number,
        plan,
    )
    assert told.after == {key: value for key, value in wanted.items() if before[key] != value}
    assert told.before == {key: before[key] for key in told.after}
    actions = Event.objects.filter(plan=plan).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["plan.drafted", "plan.applied", "number.changed", "plan.finished"]
    assert reconcile().differences == []


def test_only_what_changes_is_sent(fluents):
    number = only(fluents)
    plan = plan_change(
        by=ANNA, numbers=Number.objects.all(), changes={"label": "New", "description": number.description}
    )
    carry(plan)
    assert row_of(plan).after == {"label": "New"}
    assert [request["body"] for request in updates(fluents)] == [{"label": "New"}]


def test_an_unassigned_number_keeps_its_old_routing(fluents):
    number = owned(fluents, 3).exclude(agent=None).first()
    carry(plan_change(by=ANNA, numbers=Number.objects.filter(pk=number.pk), changes={"agent": ""}))
    number.refresh_from_db()
    assert (number.agent, remote(fluents, number).get("inbound_agent")) == (None, None)
    assert number in Number.objects.unassigned()


def test_a_plan_is_applied_once(fluents):
    owned(fluents, 1)
    plan = plan_change(by=ANNA, numbers=Number.objects.all(), changes={"label": "Once"})
    assert apply_plan(plan_id=plan.pk, by=ANNA)
    assert not apply_plan(plan_id=plan.pk, by=BEN)
    assert not discard_plan(plan_id=plan.pk, by=BEN)
    assert Event.objects.filter(action="plan.applied").count() == 1
    carry(plan, apply=False)
    assert not apply_plan(plan_id=plan.pk, by=ANNA)


def test_a_discarded_plan_is_not_carried_out(fluents):
    owned(fluents, 1)
    plan = plan_change(by=ANNA, numbers=Number.objects.all(), changes={"label": "Never"})
    assert discard_plan(plan_id=plan.pk, by=ANNA)
    assert not apply_plan(plan_id=plan.pk, by=ANNA)
    carry_on(plan_id=plan.pk)
    assert updates(fluents) == []


def test_a_draft_is_not_carried_out(fluents):
    owned(fluents, 1)
    plan = plan_change(by=ANNA, numbers=Number.objects.all(), changes={"label": "Draft"})
    carry_on(plan_id=plan.pk)
    assert updates(fluents) == []


def test_the_rest_of_a_plan_can_be_stopped(fluents):
    owned(fluents, 3)
    plan = plan_change(by=ANNA, numbers=Number.objects.all(), changes={"label": "Stop"})
    apply_plan(plan_id=plan.pk, by=ANNA)
    assert stop_plan(plan_id=plan.pk, by=BEN) == 3
    plan = carry(plan, apply=False)
    assert plan_counts(plan)["skipped"] == 3
    assert set(plan.rows.values_list("reason", flat=True)) == {"Stopped by ben."}


def test_a_plan_does_not_overwrite_what_somebody_changed_since_it_was_shown(fluents):
    """The second of two people sees what happened."""
    number, anna, ben = only(fluents), agent("Reception"), agent("Billing desk")
    plan = plan_change(by=ANNA, numbers=Number.objects.all(), changes={"agent": anna.api_id})
    carry(plan_change(by=BEN, numbers=Number.objects.all(), changes={"agent": ben.api_id}), by=BEN)
    plan = carry(plan)
    row = row_of(plan)
    assert row.state == RowState.SKIPPED
    assert row.reason.startswith("Now answered by Billing desk since ")
    assert row.reason.endswith(" by ben.")
    assert remote_agent(fluents, number) == "Billing desk"


def test_two_people_assign_the_same_number_at_once(fluents):
    """Both looked at the same page; the second one's click overwrites nothing."""
    number, reception, billing = only(fluents), agent("Reception"), agent("Billing desk")
    seen = {"agent": values_of(number)["agent"]}
    first = change_now(by=ANNA, number=number, changes={"agent": reception.api_id}, seen=seen)
    carry(first, apply=False)
    second = change_now(by=BEN, number=number, changes={"agent": billing.api_id}, seen=seen)
    assert row_of(second).state == RowState.SKIPPED
    assert row_of(second).reason.startswith("Now answered by Reception since ")
    assert row_of(second).reason.endswith(" by anna.")
    carry(second, apply=False)
    assert remote_agent(fluents, number) == "Reception"


def test_two_people_click_before_either_change_is_through(fluents):
    number, reception, billing = only(fluents), agent("Reception"), agent("Billing desk")
    seen = {"agent": values_of(number)["agent"]}
    first = change_now(by=ANNA, number=number, changes={"agent": reception.api_id}, seen=seen)
    second = change_now(by=BEN, number=number, changes={"agent": billing.api_id}, seen=seen)
    assert claim_row(plan_id=first.pk)
    assert claim_row(plan_id=second.pk) is None  # one plan at a time for a number
    assert "Another change" in row_of(second).reason
    time_passes(70)
    carry(first, apply=False)
    carry(second, apply=False)
    assert row_of(first).state == RowState.DONE
    assert row_of(second).reason.startswith("Now answered by Reception since ")
    assert remote_agent(fluents, number) == "Reception"


# --- Troubles -------------------------------------------------------------------------------


def relabel(**kwargs) -> Plan:
    return plan_change(by=ANNA, numbers=Number.objects.all(), changes={"label": "New"}, **kwargs)


@pytest.mark.parametrize("fault", ["error_after", "reset_after", "truncated", "empty", "wrong_type"])
def test_a_change_whose_answer_is_lost_is_read_back_and_not_sent_again(fluents, fault):
    number = only(fluents)
    fluents.fault(fault, path=UPDATE)
    plan = carry(relabel())
    assert (row_of(plan).state, len(updates(fluents))) == (RowState.DONE, 1)
    assert remote(fluents, number)["label"] == "New"


@pytest.mark.parametrize("fault", ["error_before", "reset_before"])
def test_a_change_that_was_lost_on_the_way_is_sent_again(fluents, fault):
    number = only(fluents)
    fluents.fault(fault, path=UPDATE, times=2)
    plan = carry(relabel())
    assert (row_of(plan).state, row_of(plan).tries) == (RowState.DONE, 3)
    assert remote(fluents, number)["label"] == "New"


def test_after_three_unanswered_sends_the_row_has_failed(fluents):
    number = only(fluents)
    fluents.fault("error_before", path=UPDATE, times=9)
    plan = carry(relabel())
    assert (row_of(plan).state, len(updates(fluents))) == (RowState.FAILED, 3)
    assert "gave no clear answer" in row_of(plan).reason
    assert Number.objects.get().label == number.label


def test_a_refusal_is_a_bare_status_without_words(fluents):
    only(fluents)
    fluents.fault("status", path=UPDATE, status=400, message="label is not nice")
    plan = carry(relabel())
    assert (row_of(plan).state, len(updates(fluents))) == (RowState.FAILED, 1)
    assert row_of(plan).reason == "Fluents didn't accept the request. Fluents says: label is not nice."


def test_says_changed_before_the_change_was_read_back(fluents):
    """An answer of 201 alone proves nothing."""
    number = only(fluents)
    # The sandbox answers about another number of ours whatever is looked up, so nothing can be read back.
    fluents.control("numbers", {})
    fluents.fault("error_before", path="/v1/numbers", times=100)
    plan = relabel()
    PlanRow.objects.exclude(number=number).delete()
    plan = carry(plan)
    assert row_of(plan).state == RowState.FAILED
    assert "couldn't be read back" in row_of(plan).reason
    assert Number.objects.get(pk=number.pk).label == number.label


def test_the_old_agent_keeps_answering_after_a_change_that_was_called_done(fluents, monkeypatch):
    number = only(fluents)
    monkeypatch.setattr(carrying.client().__class__, "update", lambda *args, **kwargs: None)
    plan = carry(relabel())
    assert row_of(plan).state == RowState.FAILED
    assert row_of(plan).reason == f"Read back from Fluents: label is “{number.label}”."


def test_when_asked_to_slow_down_the_whole_plan_waits(fluents):
    owned(fluents, 3)
    fluents.fault("rate_limited", path=UPDATE, retry_after="30")
    plan = relabel()
    apply_plan(plan_id=plan.pk, by=ANNA)
    carry_on(plan_id=plan.pk)
    plan.refresh_from_db()
    assert plan.due_at > db_now() + timedelta(seconds=25)
    assert (len(updates(fluents)), plan_counts(plan)["ready"]) == (1, 3)
    carry_on(plan_id=plan.pk)
    assert len(updates(fluents)) == 1
    plan = carry(plan, apply=False)
    assert plan_counts(plan)["done"] == 3


def test_what_could_not_be_sent_waits_and_at_last_fails(fluents, settings):
    number = only(fluents)
    settings.FLUENTS_API_URL = "http://127.0.0.1:9"
    plan = carry(relabel())
    row = row_of(plan)
    assert (row.state, row.tries) == (RowState.FAILED, 0)
    assert "can't be reached" in row.reason
    settings.FLUENTS_API_URL = fluents.url
    assert retry_failed(plan_id=plan.pk, by=ANNA) == 1
    carry(plan, apply=False)
    assert remote(fluents, number)["label"] == "New"


def test_a_number_that_vanished_at_fluents_fails_and_says_so(fluents):
    number = only(fluents)
    fluents.call("DELETE", "/_sandbox/numbers", params={"phone_number": number.e164})
    plan = carry(relabel())
    assert row_of(plan).state == RowState.FAILED
    assert "didn't find it" in row_of(plan).reason


def test_an_agent_that_vanished_since_the_plan_is_not_assigned(fluents):
    only(fluents)
    french = agent("French line")
    plan = plan_change(by=ANNA, numbers=Number.objects.all(), changes={"agent": french.api_id})
    french.gone_at = db_now()
    french.save()
    plan = carry(plan)
    assert (row_of(plan).state, updates(fluents)) == (RowState.SKIPPED, [])


def test_a_row_whose_worker_died_is_carried_on(fluents):
    owned(fluents, 2)
    plan = relabel()
    apply_plan(plan_id=plan.pk, by=ANNA)
    assert claim_row(plan_id=plan.pk)
    run_worker_until_idle()
    assert len(updates(fluents)) == 1  # the other one
    assert Plan.objects.get().state == PlanState.APPLYING
    time_passes(6)
    run_worker_until_idle()
    plan.refresh_from_db()
    assert (plan.state, plan_counts(plan)["done"]) == (PlanState.DONE, 2)


def test_plans_take_turns_however_many_rows_they_have(fluents, monkeypatch):
    monkeypatch.setattr(carrying, "_turns", Turns())
    first = owned(fluents, 5)[0]
    long = plan_change(by=ANNA, numbers=Number.objects.exclude(pk=first.pk), changes={"label": "Long"})
    short = plan_change(by=BEN, numbers=Number.objects.filter(pk=first.pk), changes={"label": "Short"})
    for plan, by in ((long, ANNA), (short, BEN)):
        apply_plan(plan_id=plan.pk, by=by)
    assert [row.plan_id for row in carrying.claim(limit=4)] == [long.pk, short.pk, long.pk, long.pk]


def test_a_row_on_which_our_own_code_fails_again_and_again_has_failed(fluents, monkeypatch):
    only(fluents)
    plan = relabel()
    apply_plan(plan_id=plan.pk, by=ANNA)
    monkeypatch.setattr(carrying, "change_row", lambda row: 1 / 0)
    for _ in range(9):
        run_worker_until_idle()
        time_passes(70)
    row = row_of(plan)
    assert (row.state, Plan.objects.get().state) == (RowState.FAILED, PlanState.DONE)
    assert "ZeroDivisionError" in row.reason


def test_a_worker_that_slept_through_its_lease_cannot_write(fluents):
    only(fluents)
    plan = relabel()
    apply_plan(plan_id=plan.pk, by=ANNA)
    slow = claim_row(plan_id=plan.pk)
    time_passes(10)
    assert claim_row(plan_id=plan.pk)
    with pytest.raises(carrying.LeaseLost):
        carrying.end_row(slow, RowState.DONE)


def test_a_row_that_kills_its_worker_does_not_hold_the_plan_for_ever(fluents):
    owned(fluents, 2)
    plan = relabel()
    apply_plan(plan_id=plan.pk, by=ANNA)
    first = claim_row(plan_id=plan.pk)
    for _ in range(20):
        time_passes(10)
        row = claim_row(plan_id=plan.pk)
        if row.pk != first.pk:
            break
    first.refresh_from_db()
    assert (first.state, first.reason) == (RowState.FAILED, carrying.STOPPED)


# --- Many, retried, undone ------------------------------------------------------------------


def queue_faults(fluents, count: int) -> None:
    """Every tenth update suffers, in all the ways there are."""
    kinds = [
        {"fault": "error_before"},
        {"fault": "error_after"},
        {"fault": "reset_before"},
        {"fault": "reset_after"},
        {"fault": "status", "status": 400, "message": "not today"},
        {"fault": "rate_limited", "retry_after": "0"},
        {"fault": "truncated"},
    ]
    faults = [{**kinds[i % len(kinds)], "path": UPDATE, "skip": 9} for i in range(count // 10)]
    fluents.control("faults", faults)


MANY = 1000 if os.environ.get("FAULTS") == "all" else 300


@pytest.mark.storm
def test_one_failing_call_hides_the_other_outcomes_of_a_mass_edit(fluents):
    """All outcomes are accounted for; "retry failed" finishes them; undo brings every value back."""
    numbers = owned(fluents, MANY)
    before = {number.e164: values_of(number) for number in numbers.select_related("agent")}
    spanish = agent("Spanish line")
    changes = {"agent": spanish.api_id, "outbound_only": True, "tags_add": ["campaign", "moved"]}
    plan = plan_change(by=ANNA, numbers=numbers, changes=changes)
    queue_faults(fluents, MANY)
    plan = carry(plan)
    counts = plan_counts(plan)
    assert counts["done"] + counts["failed"] == counts["total"] == MANY
    assert MANY * 0.005 < counts["failed"] < MANY * 0.06
    reasons = Counter(plan.rows.filter(state=RowState.FAILED).values_list("reason", flat=True))
    assert all(reasons)

    sent = len(updates(fluents))
    assert retry_failed(plan_id=plan.pk, by=ANNA) == counts["failed"]
    fluents.call("DELETE", "/_sandbox/faults")
    plan = carry(plan, apply=False)
    assert plan_counts(plan)["done"] == MANY
    assert len(updates(fluents)) - sent <= counts["failed"]  # finished rows are not repeated
    assert Event.objects.filter(plan=plan, action="number.changed").count() == MANY
    assert set(Number.objects.values_list("agent__name", "outbound_only")) == {("Spanish line", True)}
    assert reconcile().differences == []

    back = undo(plan_id=plan.pk, by=BEN)
    assert (back.undo_of, back.state) == (plan, PlanState.DRAFT)
    carry(back, by=BEN)
    now = {n.e164: values_of(n) for n in Number.objects.select_related("agent").prefetch_related("tags")}
    assert now == before
    assert reconcile().differences == []


def test_undo_skips_what_was_changed_again_since(fluents):
    numbers = list(owned(fluents, 2))
    plan = carry(relabel())
    carry(
        plan_change(by=BEN, numbers=Number.objects.filter(pk=numbers[0].pk), changes={"label": "Ben's"}),
        by=BEN,
    )
    back = undo(plan_id=plan.pk, by=ANNA)
    changed, other = back.rows.order_by("pk")
    assert changed.state == RowState.SKIPPED
    assert changed.reason.startswith("The label is now “Ben's” since ")
    carry(back)
    assert Number.objects.get(pk=numbers[0].pk).label == "Ben's"
    assert Number.objects.get(pk=numbers[1].pk).label == numbers[1].label
    assert other.after == {"label": numbers[1].label}


def test_nothing_done_cannot_be_undone(fluents):
    only(fluents)
    with pytest.raises(CannotChange, match="nothing to undo"):
        undo(plan_id=relabel().pk, by=ANNA)


def test_changes_of_their_own_for_each_number(fluents):
    first, second = owned(fluents, 2)
    items = [[second.pk, {"tags": ["two"]}], [first.pk, {"label": "One"}]]
    plan = propose(by=ANNA, act=Act.CHANGE, title="From a file", items=items)
    assert list(plan.rows.order_by("pk").values_list("number", flat=True)) == [second.pk, first.pk]
    carry(plan)
    assert Number.objects.get(pk=first.pk).label == "One"
    assert values_of(Number.objects.get(pk=second.pk))["tags"] == ["two"]


def test_a_change_elsewhere_of_another_field_is_no_conflict(fluents):
    number = only(fluents)
    plan = relabel()
    behind_our_back(fluents, number, description="Elsewhere")
    carry(plan)
    there = remote(fluents, number)
    assert (there["label"], there["description"]) == ("New", "Elsewhere")


# --- Big ones, worked out by a worker --------------------------------------------------------


@pytest.fixture
def big(monkeypatch):
    """A plan counts as big from three numbers on, and is worked out two at a time."""
    monkeypatch.setattr(proposing, "AT_ONCE", 2)
    monkeypatch.setattr(proposing, "PORTION", 2)


def test_a_big_plan_is_worked_out_by_the_worker_and_cannot_be_applied_by_halves(fluents, big):
    before = dict(owned(fluents, 7).values_list("pk", "label"))
    plan = relabel()
    assert (plan.state, plan.rows.count(), plan.source.total) == (PlanState.WORKING, 0, 7)
    assert not apply_plan(plan_id=plan.pk, by=ANNA)
    carry_on(plan_id=plan.pk)
    plan.refresh_from_db()
    assert (plan.state, plan_counts(plan)["ready"]) == (PlanState.DRAFT, 7)
    assert not PlanSource.objects.exists()
    carry(plan)
    back = undo(plan_id=plan.pk, by=BEN)
    assert back.state == PlanState.WORKING
    carry_on(plan_id=back.pk)
    carry(back, by=BEN)
    assert dict(Number.objects.values_list("pk", "label")) == before


def test_a_worker_that_dies_while_working_out_loses_no_row_and_repeats_none(fluents, big, monkeypatch):
    owned(fluents, 7)
    plan = relabel()
    monkeypatch.setattr(proposing, "close", lambda source: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        carry_on(plan_id=plan.pk)
    monkeypatch.undo()
    PlanRow.objects.filter(pk__gt=PlanRow.objects.earliest("pk").pk + 3).delete()  # two portions were through
    PlanSource.objects.update(position=4)
    carry_on(plan_id=plan.pk)  # the dead worker has it still
    assert plan.rows.count() == 4
    time_passes(31)
    run_worker_until_idle()
    assert (Plan.objects.get().state, plan.rows.count()) == (PlanState.DRAFT, 7)


def test_a_big_plan_is_discarded_while_it_is_worked_out(fluents, big, monkeypatch):
    owned(fluents, 7)
    plan = relabel()
    first = proposing.rows_for

    def and_then_discard(*args):
        discard_plan(plan_id=plan.pk, by=BEN)
        return first(*args)

    monkeypatch.setattr(proposing, "rows_for", and_then_discard)
    carry_on(plan_id=plan.pk)
    assert (Plan.objects.get().state, plan.rows.count()) == (PlanState.DISCARDED, 0)


def test_a_big_file_is_read_by_the_worker_and_its_mistakes_stay_to_be_read(fluents, big):
    numbers = owned(fluents, 5)
    rows = [f"{number.e164},{'New' if n else number.label}\n" for n, number in enumerate(numbers)]
    plan = proposing.propose_file(by=ANNA, content=("number,label\n" + "".join(rows)).encode(), title="Good")
    assert (plan.state, plan.source.total) == (PlanState.WORKING, 0)
    carry_on(plan_id=plan.pk)
    plan.refresh_from_db()
    assert (plan.state, plan_counts(plan)["ready"]) == (PlanState.DRAFT, 4)
    assert plan.note == "1 of 5 rows already match our records and were left out."
    bad = "number,outbound_only\n" + "".join(f"{number.e164},perhaps\n" for number in numbers)
    plan = proposing.propose_file(by=ANNA, content=bad.encode(), title="Bad")
    carry_on(plan_id=plan.pk)
    plan.refresh_from_db()
    assert (plan.state, plan.rows.count()) == (PlanState.DISCARDED, 0)
    assert plan.source.errors[4] == {
        "row": 6,
        "column": "outbound_only",
        "typed": "perhaps",
        "text": "“perhaps” isn't yes or no.",
    }
    assert (plan.source.content, proposing.claim(limit=1)) == (None, [])
