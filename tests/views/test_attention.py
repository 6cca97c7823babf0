"""Attention: one inbox for what needs a person, with snoozing; and the bell."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from numbers.models import Agent, Connection, Event, Notice, Number, Order, Plan, PlanRow, Price, Snooze
from numbers.permissions import Role
from numbers.services.monitoring.attention import Kind, open_items
from numbers.states import ApprovalState, LineState, PlanState, RowState
from tests.support.books import bare_line
from tests.support.calls import calls_are_known
from tests.support.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def one_of_each(settings):
    """One item for each tab."""
    now = timezone.now()
    calls_are_known(settings)
    main = Connection.objects.create(api_id="main", telephony_provider="twilio", synced_at=now)
    Price.objects.create(telephony_provider="twilio", monthly="1.15")
    line = bare_line(state=LineState.REVIEW, reason="Nobody knows.")
    order = Order.objects.create(form_token="waits", quantity=60, approval=ApprovalState.WAITING)
    gone = Agent.objects.create(api_id="gone", name="Hotline", known_as="Hotline", gone_at=now)

    def number(e164, **fields):
        return Number.objects.create(e164=e164, telephony_provider="twilio", connection=main, **fields)

    alone = number("+14155550101", label="Front desk")
    number("+14155550102", agent=gone)
    differs = number("+14155550103", agent=gone, drifted=True, drift={"label": {"ours": "a", "theirs": "b"}})
    well = Agent.objects.create(api_id="well", name="Reception", known_as="Reception")
    idle = number("+14155550104", agent=well, last_call_at=now - timedelta(days=40))
    plan = Plan.objects.create(
        title="Reception answers 2 numbers", state=PlanState.DONE, counts={"failed": 1, "total": 2}
    )
    PlanRow.objects.create(plan=plan, number=alone, state=RowState.FAILED, reason="Fluents said no.")
    return {
        Kind.PURCHASES: line.pk,
        Kind.APPROVALS: order.pk,
        Kind.UNASSIGNED: alone.pk,
        Kind.AGENTS: gone.pk,
        Kind.DIFFERENCES: differs.pk,
        Kind.CHANGES: plan.pk,
        Kind.IDLE: idle.pk,
    }


def shown(client, tab, query="") -> list[int]:
    text = client.get(f"/attention/?tab={tab}{query}").content.decode()
    return [int(pk) for pk in re.findall(r'data-item="(\d+)"', text)]


@pytest.mark.parametrize("kind", Kind)
def test_every_tab_lists_its_items_with_a_next_step(staff, one_of_each, kind):
    assert shown(staff, kind) == [one_of_each[kind]]
    row = (
        staff.get(f"/attention/?tab={kind}").content.decode().partition("data-item")[2].partition("</tr>")[0]
    )
    assert re.search(r'<a class="btn btn-sm" href="/', row)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.APPROVALS])
def test_who_may_only_look_is_offered_no_step_and_no_closed_door(client, one_of_each, kind):
    client.force_login(person("vera", Role.VIEWER))
    Plan.objects.update(counts=dict.fromkeys(RowState.values, 0) | {"failed": 1, "total": 2})
    row = client.get(f"/attention/?tab={kind}").text.partition("data-item")[2].partition("</tr>")[0]
    [(url, word)] = re.findall(r'<a class="btn btn-sm" href="([^"]+)"[^>]*>([^<]+)</a>', row)
    assert (client.get(url).status_code, word) == (200, "View")


def test_numbers_say_since_when_they_are_there_and_not_when_they_were_synced(staff, one_of_each):
    now = timezone.now()
    days = {Kind.UNASSIGNED: 3, Kind.DIFFERENCES: 5}
    told = {
        Kind.UNASSIGNED: {"action": "number.changed", "after": {"agent": ""}},
        Kind.DIFFERENCES: {"action": "number.drifted", "after": {"label": "b"}},
    }
    for kind, ago in days.items():
        number = Number.objects.get(pk=one_of_each[kind])
        Number.objects.filter(pk=number.pk).update(synced_at=now, bought_at=now - timedelta(days=300))
        for days_ago in (ago + 9, ago):
            Event.objects.create(number=number, at=now - timedelta(days=days_ago), **told[kind])
        Event.objects.create(
            number=number, action="number.drifted", after={"agent": ""}, at=now - timedelta(8)
        )
    for kind, ago in days.items():
        moment = f'datetime="{now - timedelta(days=ago):%Y-%m-%dT%H:%M}'
        assert moment in staff.get(f"/attention/?tab={kind}").text
    assert moment in staff.get("/drift/").text


def test_the_side_bar_counts_all_tabs_once_but_what_waits_for_nobody(staff, one_of_each):
    page = staff.get("/attention/").content.decode()
    assert re.search(r'Attention <span class="count">6<', page)
    assert [int(n) for n in re.findall(r'class="count[^"]*">(\d+)</span></a>', page)] == [1] * 7
    assert re.search(r'Idle <span class="count count-plain">', page)  # in the color of what needs nobody


def test_a_snoozed_item_is_gone_until_then_and_told_with_its_reason(staff, one_of_each):
    pk = one_of_each[Kind.UNASSIGNED]
    form = {"kind": "unassigned", "item": pk, "days": 7, "reason": "Goes live in May."}
    assert staff.post("/attention/snooze/", form).status_code == 302
    assert shown(staff, "unassigned") == []
    text = staff.get("/attention/?tab=unassigned&snoozed=1").content.decode()
    assert "Goes live in May." in text
    assert "by bob" in text
    event = Event.objects.get(action="attention.snoozed")
    assert (event.number_id, event.reason) == (pk, "Goes live in May.")
    Snooze.objects.update(until=timezone.now() - timedelta(minutes=1))
    assert shown(staff, "unassigned") == [pk]


def test_a_snoozed_item_can_be_brought_back(staff, one_of_each):
    pk = one_of_each[Kind.CHANGES]
    form = {"kind": "changes", "item": pk, "days": 30, "reason": "Known."}
    staff.post("/attention/snooze/", form)
    staff.post("/attention/wake/", {"kind": "changes", "item": pk})
    assert shown(staff, "changes") == [pk]
    assert Event.objects.filter(action="attention.woken", plan_id=pk).exists()


@pytest.mark.parametrize("change", [{"reason": ""}, {"days": 400}, {"item": "x"}, {"kind": "nothing"}])
def test_what_cannot_be_snoozed_is_said(staff, one_of_each, change):
    form = {"kind": "unassigned", "item": one_of_each[Kind.UNASSIGNED], "days": 1, "reason": "Later."}
    staff.post("/attention/snooze/", form | change)
    assert not Snooze.objects.exists()


def test_an_item_that_is_dealt_with_is_not_snoozed(staff, one_of_each):
    Number.objects.filter(pk=one_of_each[Kind.UNASSIGNED]).update(agent=one_of_each[Kind.AGENTS])
    form = {"kind": "unassigned", "item": one_of_each[Kind.UNASSIGNED], "days": 1, "reason": "Later."}
    answer = staff.post("/attention/snooze/", form, follow=True)
    assert "already been handled" in answer.content.decode()


def test_only_who_may_take_the_next_step_may_snooze(client, one_of_each):
    client.force_login(person("ines", Role.ASSIGNER))
    form = {"kind": "purchases", "item": one_of_each[Kind.PURCHASES], "days": 1, "reason": "Later."}
    assert client.post("/attention/snooze/", form).status_code == 403
    assert client.post("/attention/wake/", form).status_code == 403
    assert 'class="menu"' not in client.get("/attention/?tab=purchases").content.decode()


def test_nobody_is_asked_to_approve_their_own_order(client, one_of_each):
    olga = person("olga", Role.APPROVER)
    Order.objects.filter(pk=one_of_each[Kind.APPROVALS]).update(requested_by=olga)
    client.force_login(olga)
    assert shown(client, "approvals") == []
    assert open_items(Kind.APPROVALS).exists()


@pytest.mark.parametrize("count", [1, 9])
def test_a_tab_costs_the_same_queries_whatever_it_shows(staff, one_of_each, count, django_assert_num_queries):
    for n in range(count):
        Number.objects.create(e164=f"+1415555020{n}", telephony_provider="twilio")
    staff.get("/attention/?tab=unassigned")
    with django_assert_num_queries(18):
        assert len(shown(staff, "unassigned")) == count + 1


def test_an_empty_inbox_says_what_would_be_here(staff):
    assert "Nothing needs you here" in staff.get("/attention/").content.decode()


def test_the_bell_counts_what_was_not_seen_and_its_page_is_seeing(staff, bob):
    Notice.objects.create(kind=Notice.Kind.ORDER, occasion="a", user=bob, text="Order 1 is done.")
    Notice.objects.create(kind=Notice.Kind.REVIEW, occasion="b", user=bob, text="Order 2 needs you.")
    Notice.objects.create(kind=Notice.Kind.ORDER, occasion="c", user=bob, text="Order 3 is done.")
    page = staff.get("/").content.decode()
    assert 'aria-label="Notices: 3 new"' in page
    assert "Order 2 needs you." not in page
    told = re.findall(r"Order \d [^.]*\.", staff.get("/notices/").content.decode())
    assert [text[:7] for text in told] == ["Order 2", "Order 3", "Order 1"]
    assert 'aria-label="Notices"' in staff.get("/").content.decode()
