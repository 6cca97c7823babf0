"""Test calls as a part of a change: the choice on its page and at one number, and what its page tells."""

import pytest

from numbers.db.clock import db_now
from numbers.models import Number, Plan, PlanRow, Proof
from numbers.permissions import Role
from numbers.services.audit.events import SYSTEM
from numbers.services.plans.lifecycle import plan_change, replace_agent
from numbers.states import PlanState, RowState
from tests.support.calls import NO_CALLS, allow_test_calls, place_no_calls
from tests.support.people import person
from tests.views.test_buying import fields
from tests.views.upkeep import agent, numbers

pytestmark = pytest.mark.django_db
PROBE = "+14155550000"


@pytest.fixture
def lines(settings, monkeypatch, synced):
    """Five lines of ours, and nothing in the way of a test call."""
    allow_test_calls(settings, monkeypatch)
    agent("Bookings")
    return numbers(5, agent=agent())


def draft(*lines: Number, **changes) -> Plan:
    keys = [line.pk for line in lines]
    wanted = changes or {"agent": agent("Bookings").api_id}
    return plan_change(by=SYSTEM, numbers=Number.objects.filter(pk__in=keys), changes=wanted)


def page(client, plan: Plan) -> str:
    return client.get(plan.get_absolute_url()).text


def apply(client, plan: Plan, **chosen):
    sent = {"prove": "yes", "prove_from": PROBE} | chosen
    return client.post(f"{plan.get_absolute_url()}apply/", sent, follow=True)


def as_carried_out(plan: Plan) -> list[PlanRow]:
    """As if a worker had assigned each line."""
    now = db_now()
    plan.rows.update(state=RowState.DONE, changed_at=now)
    Number.objects.filter(plan_rows__plan=plan).update(agent=agent("Bookings"))
    Plan.objects.filter(pk=plan.pk).update(state=PlanState.DONE, finished_at=now, counts={})
    return list(plan.rows.order_by("pk").select_related("number"))


def test_a_draft_says_how_many_calls_it_would_make_and_that_they_cost_money(staff, lines):
    Number.objects.filter(pk=lines[4].pk).update(outbound_only=True)
    text = page(staff, draft(*lines[1:]))
    assert "Test each line after it&#x27;s assigned" in text or "Test each line after it's assigned" in text
    assert "That's 3 calls, and calls cost money." in text
    assert "up to 5 a day in all" in text
    assert 'name="prove" value="yes" form="apply-form">' in text  # offered, not chosen


def test_so_does_a_change_of_all_lines_of_an_agent(staff, lines):
    text = page(staff, replace_agent(by=SYSTEM, agent=agent(), other=agent("Bookings")))
    assert "That's 5 calls" in text


@pytest.mark.parametrize("changes", [{"label": "Front"}, {"agent": ""}])
def test_what_assigns_no_agent_offers_no_test(staff, lines, changes):
    plan = draft(lines[1], **changes)
    assert 'name="prove"' not in page(staff, plan)
    answer = apply(staff, plan)
    assert "nothing to test. Nothing was changed." in answer.text
    assert Plan.objects.get().state == PlanState.DRAFT


@pytest.mark.parametrize("how", NO_CALLS)
def test_the_choice_is_absent_where_no_call_can_be_placed(staff, lines, settings, how):
    place_no_calls(how, settings)
    plan = draft(lines[1])
    addresses = (
        plan.get_absolute_url(),
        lines[1].get_absolute_url(),
        f"{lines[1].get_absolute_url()}assign/",
    )
    for address in addresses:
        assert 'name="prove"' not in staff.get(address).text
    apply(staff, plan)
    assert Plan.objects.get().state == PlanState.DRAFT  # who forges it changes nothing


@pytest.mark.parametrize("role", Role)
def test_only_people_who_may_spend_money_are_offered_it(client, lines, role):
    client.force_login(person("carl", role))
    plan = draft(lines[1])
    offered = role in (Role.BUYER, Role.ADMIN)
    for address in (plan.get_absolute_url(), lines[1].get_absolute_url()):
        assert ('name="prove"' in client.get(address).text) == offered
    answer = apply(client, plan)
    plan.refresh_from_db()
    assert (answer.status_code == 200, plan.prove_from) == (offered, PROBE if offered else "")
    assert plan.state == (PlanState.APPLYING if offered else PlanState.DRAFT)
    at = f"{lines[2].get_absolute_url()}assign/"
    answer = client.post(
        at, {"agent": "Bookings", "seen": agent().api_id, "prove": "yes", "prove_from": PROBE}
    )
    assert PlanRow.objects.filter(number=lines[2]).exists() == offered
    assert (answer.status_code == 403) != offered


def test_an_assigner_applies_without_calls(client, lines):
    client.force_login(person("carl", Role.ASSIGNER))
    plan = draft(lines[1])
    client.post(f"{plan.get_absolute_url()}apply/")
    plan.refresh_from_db()
    assert (plan.state, plan.proving) == (PlanState.APPLYING, False)
    assert "is tested from" not in page(client, plan)


@pytest.mark.parametrize(
    ("typed_in", "why"),
    [
        ("", "Enter the line to call from."),
        ("+14155550999", "We don't own the line to call from."),
        ("abc", "isn't a phone number"),
    ],
)
def test_a_mistake_leads_back_with_the_choice_kept(staff, lines, typed_in, why):
    plan = draft(lines[1])
    answer = apply(staff, plan, prove_from=typed_in)
    assert Plan.objects.get().state == PlanState.DRAFT
    assert why.replace("'", "&#x27;") in answer.text
    assert 'name="prove" value="yes" form="apply-form" checked>' in answer.text


def test_a_page_says_how_each_test_ended_and_counts(staff, lines, settings):
    plan = draft(*lines[1:])
    assert "Each line is tested from" in apply(staff, plan).text
    assert "Waiting for its test call" not in page(staff, plan)  # nothing is assigned yet
    first, second, third, fourth = as_carried_out(plan)
    now = db_now()
    about = {"probe": lines[0], "agent": agent("Bookings"), "asked_at": now, "due_at": now}
    Proof.objects.create(
        number=first.number,
        row=first,
        verdict="answers",
        reason="Bookings answered.",
        token="a" * 32,
        **about,
    )
    Proof.objects.create(
        number=second.number,
        row=second,
        verdict="wrong",
        reason="Night desk answered.",
        token="b" * 32,
        **about,
    )
    Number.objects.filter(pk=third.number_id).update(status="released")
    settings.PROOF_CALLS_PER_DAY = 0
    text = page(staff, plan)
    for said in (
        "Bookings answered.",
        "Night desk answered.",
        "We no longer own this line.",
        "Test calls are off: PROOF_CALLS_PER_DAY is 0.",
        '<span class="num">1</span> Answers',
        '<span class="num">1</span> Wrong agent',
        '<span class="num">1</span> Waiting',
        '<span class="num">1</span> Not tested',
        "Stop the test calls",
    ):
        assert said in text
    assert "Test calls are off" in staff.get(fourth.number.get_absolute_url()).text
    answer = staff.post(f"{plan.get_absolute_url()}stop/", follow=True)
    assert "Stopped. No more test calls are made." in answer.text
    assert "The change was stopped before its call." in answer.text
    assert "Stop the test calls" not in answer.text


def test_a_retry_of_what_is_called_is_offered_to_who_may_spend_money(client, staff, lines):
    plan = draft(lines[1])
    apply(staff, plan)
    plan.rows.update(state=RowState.FAILED, reason="No")
    Plan.objects.filter(pk=plan.pk).update(state=PlanState.DONE, proving=False, counts={})
    assert 'id="retry"' in page(staff, plan)
    client.force_login(person("carl", Role.ASSIGNER))
    text = page(client, plan)
    assert ('id="retry"' in text, "it takes a buyer" in text) == (False, True)


@pytest.mark.parametrize("where", ["page", "dialog"])
def test_one_number_is_assigned_and_tested(staff, lines, where):
    line = lines[1]
    address = line.get_absolute_url() + ("" if where == "page" else "assign/")
    chosen = {"prove": "yes", "prove_from": PROBE}
    if where == "page":
        sent = fields(staff.get(address), "number-form") | {"inbound_agent": agent("Bookings").api_id}
    else:
        sent = {"agent": "Bookings", "seen": agent().api_id}
    answer = staff.post(address, sent | chosen | {"prove_from": "abc"})
    assert (answer.status_code, "isn&#x27;t a phone number" in answer.text) == (422, True)
    assert Plan.objects.count() == 0
    assert 'value="yes" checked' in answer.text
    staff.post(address, sent | chosen)
    plan = Plan.objects.get()
    assert (plan.prove_from, plan.proving, plan.state) == (PROBE, True, PlanState.APPLYING)


def test_one_number_whose_label_alone_changes_cannot_be_tested(staff, lines):
    address = lines[1].get_absolute_url()
    sent = fields(staff.get(address), "number-form") | {"label": "Front", "prove": "yes", "prove_from": PROBE}
    answer = staff.post(address, sent)
    assert "nothing to test" in answer.text
    assert Plan.objects.count() == 0
