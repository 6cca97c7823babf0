"""Commands that do what the buttons of pages do: one order, the review desk, plans, drift, linking."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import load_command_class
from django.utils import timezone

from numbers.models import Agent, Connection, Event, Line, Number, Order, Plan, Price
from numbers.permissions import COMMANDS, Role
from numbers.services.audit.events import Actor
from numbers.services.inventory.reconciliation import ACKNOWLEDGED
from numbers.services.inventory.sync import sync
from numbers.services.orders.items import Want
from numbers.services.orders.placement import place_order
from numbers.states import ApprovalState, LineState, PlanState, RowState
from tests.management.test_commands import run
from tests.services.plans.test_release import linkable  # noqa: F401 -- a fixture
from tests.support.books import bare_line
from tests.support.people import person
from tests.views.upkeep import agent, numbers

pytestmark = pytest.mark.django_db


def rows(*arguments: str) -> list[dict]:
    status, out, err = run(*arguments, "--json")
    assert status == 0, err
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def order(settings, bob):
    settings.APPROVAL_LINES = 1
    person("ada", Role.APPROVER)
    Connection.objects.create(
        api_id="main", label="Main", telephony_provider="twilio", synced_at="2026-01-01T00:00Z"
    )
    account = {"telephony_provider": "twilio", "telephony_account_connection": "main"}
    wants = [Want(area_code="415", quantity=2)]
    return place_order(by=Actor.person(bob), form_token="one", wants=wants, **account)[0]


def test_an_order_is_approved_exactly_as_it_was_shown_and_by_another_person(order):
    about, *lines = rows("order", "show", str(order.pk))
    assert (about["approval"], len(lines)) == ("waiting", 2)
    number, digest = str(order.pk), about["digest"]
    status, _, err = run("order", "approve", number, "--digest", digest)
    assert (status, "A person must decide." in err) == (1, True)
    status, _, err = run("order", "approve", number, "--digest", digest, "--as", "bob")
    assert (status, "another person must decide" in err) == (1, True)
    assert run("order", "approve", number, "--as", "ada")[0] == 2  # without a look
    status, _, err = run("order", "approve", number, "--digest", "another", "--as", "ada")
    assert (status, "changed" in err) == (1, True)
    assert rows("order", "approve", number, "--digest", digest, "--as", "ada") == [
        {"order": order.pk, "approval": "approved"}
    ]
    order.refresh_from_db()
    assert order.approval == ApprovalState.APPROVED


def test_an_order_is_refused_with_a_reason_or_cancelled(order):
    number, [about, *lines] = str(order.pk), rows("order", "show", str(order.pk))
    assert run("order", "refuse", number, "--digest", about["digest"], "--as", "ada")[0] == 2
    assert rows("order", "cancel", number, "--line", str(lines[0]["line"])) == [
        {"order": order.pk, "cancelled": 1}
    ]
    digest = rows("order", "show", number)[0]["digest"]
    rows("order", "refuse", number, "--digest", digest, "--reason", "Too many", "--as", "ada")
    assert set(order.lines.values_list("state", flat=True)) == {LineState.CANCELLED}
    status, _, err = run("order", "cancel", number)
    assert (status, "moved on" in err) == (1, True)
    assert run("order", "show", "999")[0] == 1


def test_a_line_under_review_is_listed_and_decided(fluents):
    sync()
    line = bare_line(LineState.REVIEW, phone_number="+14155550101", reason="Nobody knows.")
    [found] = rows("review")
    assert (found["line"], found["reason"]) == (line.pk, "Nobody knows.")
    assert run("review", "again", str(line.pk))[0] == 2  # why?
    assert run("review", "bought", str(line.pk), "--number", "415 055", "--reason", "Seen")[0] == 2
    status, _, err = run("review", "bought", str(line.pk), "--number", "+14155550101", "--reason", "Seen")
    assert (status, "don't own" in err) == (1, True)
    assert rows("review", "close", str(line.pk), "--reason", "Not needed")[0]["state"] == "failed"
    assert Event.objects.filter(line=line, reason__contains="Not needed").exists()
    assert rows("review") == []
    assert run("review", "look", str(line.pk))[0] == 1


def test_a_plan_is_listed_undone_applied_and_discarded(fluents):
    number = Number.objects.create(e164="+14155550101", label="Old")
    assert run("label", "--label", "New", number.e164)[0] == 3
    plan = Plan.objects.get()
    plan.rows.update(state=RowState.DONE)
    Plan.objects.update(state=PlanState.DONE)
    Number.objects.update(label="New")
    [listed] = rows("plan")
    assert (listed["plan"], listed["state"]) == (plan.pk, "done")
    assert rows("plan", "show", str(plan.pk))[0]["number"] == number.e164
    [undone] = rows("plan", "undo", str(plan.pk))
    assert undone["state"] == "draft"
    assert rows("plan", "apply", str(undone["plan"]))[0]["state"] == "applying"
    status, _, err = run("plan", "discard", str(undone["plan"]))
    assert (status, "Nothing was changed" in err) == (1, True)
    for act in ("show", "undo", "retry", "stop"):
        assert run("plan", act)[0] == 2
        assert run("plan", act, "999")[0] == 1


def test_drift_is_listed_accepted_and_pushed(fluents):
    fluents.control("reset", {"numbers": 2})
    sync()
    one, other = Number.objects.order_by("e164")
    for number in (one, other):
        change = {"params": {"phone_number": number.e164}, "json": {"label": "Theirs"}}
        fluents.call("PATCH", "/_sandbox/numbers", **change)
    sync()
    assert [row["number"] for row in rows("drift")] == [one.e164, other.e164]
    assert rows("drift", "accept", one.e164) == [{"accepted": 1}]
    one.refresh_from_db()
    assert (one.label, one.drifted) == ("Theirs", False)
    [pushed] = rows("drift", "push", other.e164)
    assert Plan.objects.get(pk=pushed["plan"]).state == pushed["state"]
    assert run("drift", "accept", one.e164)[0] == 1
    assert run("drift", "accept", "no number")[0] == 2
    assert run("drift", "push")[0] == 2


def test_a_number_that_a_connection_holds_is_linked(fluents, linkable):  # noqa: F811
    phone_number, connection = linkable
    account = ("--telephony-account-connection", connection.api_id)
    [linked] = rows("link", "--phone-number", phone_number, *account, "--inbound-agent", "reception")
    assert Number.objects.get(e164=linked["number"]).agent.name == "Reception"
    assert run("link", "--phone-number", phone_number, *account)[0] == 1
    assert run("link", "--phone-number", phone_number, "--telephony-account-connection", "none")[0] == 2
    assert run("link", "--phone-number", "x", *account)[0] == 2


def test_help_has_examples_and_what_exit_codes_mean():
    for name, right in COMMANDS.items():
        text = load_command_class("numbers", name).create_parser("manage.py", name).format_help()
        if name not in NO_EXAMPLES:
            assert f"manage.py {name}" in text.partition("\nexamples:")[2], name
        assert not right or "\nexit codes: 0" in text, name
    assert Order.objects.count() == Line.objects.count() == 0


#: Called without options, or by others of ours.
NO_EXAMPLES = {"demo", "demo_data", "messages", "sandbox", "seed_numbers", "work"}


def test_an_agent_is_listed_replaced_and_acknowledged():
    desk, other = agent("Desk"), agent("Reception")
    numbers(2, agent=desk)
    Agent.objects.filter(pk=desk.pk).update(name="Front desk", known_as="Desk")
    about = {"agent": desk.api_id, "name": "Front desk", "numbers": 2, "state": "renamed"}
    assert about in rows("agents")
    [made] = rows("agents", "replace", "Front desk", "--by", "reception")
    plan = Plan.objects.get(pk=made["plan"])
    assert (plan.state, plan.rows.count(), str(plan)) == (
        PlanState.DRAFT,
        2,
        "Reception in place of Front desk",
    )
    assert [row.after for row in plan.rows.all()] == [{"agent": other.api_id}] * 2
    [made] = rows("agents", "replace", desk.api_id, "--nobody")
    assert Plan.objects.get(pk=made["plan"]).rows.first().after == {"agent": ""}
    assert rows("agents", "acknowledge", "Front desk") == [
        {"agent": desk.api_id, "acknowledged": "Front desk"}
    ]
    assert Event.objects.get(action="agent.acknowledged").agent == desk
    for wrong in (("acknowledge",), ("replace", "Front desk"), ("acknowledge", "No one by that name")):
        assert run("agents", *wrong)[0] == 2


def test_what_needs_a_person_is_listed_snoozed_and_woken():
    [number] = numbers(1)
    found = {"kind": "unassigned", "item": number.pk, "what": str(number)}
    assert rows("attention") == [found]
    item = ("unassigned", str(number.pk))
    assert run("attention", "snooze", *item)[0] == 2  # without a reason
    assert run("attention", "snooze", *item, "--days", "4", "--reason", "Later")[0] == 2
    assert run("attention", "snooze", "unassigned", "999", "--reason", "Later")[0] == 1
    [kept] = rows("attention", "snooze", *item, "--reason", "It waits for May")
    assert (kept["item"], rows("attention")) == (number.pk, [])
    assert rows("attention", "wake", *item) == [{"kind": "unassigned", "item": number.pk}]
    assert (rows("attention", "list", "unassigned"), run("attention", "wake", *item)[0]) == ([found], 1)
    person("vera", Role.VIEWER)
    assert run("attention", "snooze", *item, "--reason", "Later", "--as", "vera")[0] == 2


def test_a_view_is_saved_listed_and_deleted_for_a_person(bob):
    saved = rows("views", "save", "No one", "--query", "agent=none&nonsense=1", "--shared", "--as", "bob")
    assert saved == [{"name": "No one", "shared": True, "query": "agent=none"}]
    rows("views", "save", "Mine", "--as", "bob")
    person("vera", Role.VIEWER)
    assert [row["name"] for row in rows("views", "--as", "bob")] == ["Mine", "No one"]
    assert [row["of"] for row in rows("views", "--as", "vera")] == ["bob"]
    assert run("views", "delete", "No one", "--as", "vera")[0] == 1
    assert rows("views", "delete", "No one", "--as", "bob") == [{"deleted": "No one"}]
    for wrong in (("save", "Mine"), ("save", "", "--as", "bob"), ("save", "x" * 61, "--as", "bob")):
        assert run("views", *wrong)[0] == 2


def test_what_an_order_has_bought_is_assigned_and_what_it_missed_is_ordered_again(bob):
    desk, [number] = agent("Desk"), numbers(1)
    order = bare_line(state=LineState.BOUGHT, number=number, phone_number=number.e164).order
    Line.objects.filter(order=order).update(settled_at="2026-01-01T00:00Z")
    lost = order.lines.get()
    lost.pk, lost.position, lost.state, lost.number, lost.phone_number = None, 2, LineState.FAILED, None, ""
    lost.area_code = "617"
    lost.save(force_insert=True)
    [made] = rows("order", "assign", str(order.pk), "--agent", "desk")
    assert Plan.objects.get(pk=made["plan"]).rows.get().after == {"agent": desk.api_id}
    assert run("order", "assign", str(order.pk))[0] == 2
    [want] = rows("order", "again", str(order.pk))
    assert (want["area_code"], want["quantity"], Order.objects.count()) == ("617", 1, 1)
    [again] = rows("order", "again", str(order.pk), "--yes", "--as", "bob")
    assert (again["again_of"], again["lines"]) == (order.pk, 1)
    assert Order.objects.get(pk=again["order"]).requested_by == bob
    status, _, err = run("order", "again", str(again["order"]), "--yes")
    assert (status, "still in progress" in err) == (1, True)


def test_an_edited_export_becomes_a_plan(tmp_path):
    [number] = numbers(1)
    file = tmp_path / "numbers.csv"
    file.write_text(f"number,label\n{number.e164},New\n")
    [made] = rows("plan", "upload", str(file))
    plan = Plan.objects.get(pk=made["plan"])
    assert (str(plan), plan.rows.get().after) == ("Changes from numbers.csv", {"label": "New"})
    file.write_text("number,label\nnonsense,New\n")
    for wrong in (("upload", str(file)), ("upload", str(tmp_path)), ("upload",), ("apply", "nonsense")):
        assert run("plan", *wrong)[0] == 2
    assert Plan.objects.count() == 1


def test_a_number_of_the_comparison_is_kept():
    [number] = numbers(1)
    assert run("reconcile", "--keep", number.e164)[0] == 0
    assert Event.objects.filter(number=number, action=ACKNOWLEDGED).exists()
    assert run("reconcile", "--keep", "nonsense")[0] == 2


def test_a_price_that_has_not_begun_is_taken_back():
    later = (timezone.localdate() + timedelta(days=9)).isoformat()
    provider = ("prices", "--telephony-provider", "twilio")
    assert run(*provider, "--monthly", "1.15")[0] == 0
    assert run(*provider, "--monthly", "1.25", "--from", later)[0] == 0
    assert run(*provider, "--from", later, "--remove")[0] == 0
    assert [price.monthly for price in Price.objects.all()] == [Decimal("1.15")]
    today = timezone.localdate().isoformat()
    for wrong in (later, today, ""):
        assert run(*provider, "--from", wrong, "--remove")[0] == 2
    assert Price.objects.count() == 1
