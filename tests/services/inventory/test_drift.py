"""Fluents and our books differ: what a sync makes of it, and picking a side."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.db.clock import db_now
from numbers.models import Agent, Event, Line, Number
from numbers.services.fluents_client import client
from numbers.services.inventory.drift import accept_theirs, acknowledge_agent
from numbers.services.inventory.merge import keep_page
from numbers.services.inventory.reconciliation import reconcile
from numbers.services.inventory.sync import sync
from numbers.services.plans.lifecycle import apply_plan, plan_change
from numbers.services.plans.push import plan_push_ours
from numbers.services.plans.rows import values_of
from numbers.states import LineState, NumberStatus, Origin, RowState
from tests.support.plans import (
    ANNA,
    agent,
    behind_our_back,
    carry,
    claim_row,
    line_about,
    owned,
    remote,
    remote_agent,
)
from tests.support.queries import count

pytestmark = pytest.mark.django_db


def kinds() -> list[str]:
    return sorted(found["kind"] for found in reconcile().differences)


def remove(fluents, number: Number) -> None:
    fluents.call("DELETE", "/_sandbox/numbers", params={"phone_number": number.e164})


def drifted() -> dict[str, dict]:
    return {number.e164: number.drift for number in Number.objects.filter(drifted=True)}


@pytest.fixture
def three(fluents):
    """Changed, added and removed behind our back, and synced: (changed, added, removed)."""
    changed, removed, _ = owned(fluents, 3)
    french = agent("French line")
    theirs = {"inbound_agent": french.api_id, "label": "Theirs", "description": "D", "outbound_only": True}
    Number.objects.filter(pk=changed.pk).update(
        agent=agent("Reception"), label="Ours", description="", outbound_only=False
    )
    behind_our_back(fluents, changed, **theirs)
    added = fluents.control("numbers", {"area_code": "212", "label": "Elsewhere", "tags": ["seasonal"]})[
        "number"
    ]
    remove(fluents, removed)
    sync()
    return (
        Number.objects.get(pk=changed.pk),
        Number.objects.get(e164=added),
        Number.objects.get(pk=removed.pk),
    )


def test_the_first_sync_takes_everything_as_it_is(fluents):
    numbers = owned(fluents, 20)
    assert drifted() == {}
    assert set(numbers.values_list("origin", flat=True)) == {Origin.FOUND}
    assert Event.objects.exclude(action="sync.finished").count() == 0
    number = numbers.exclude(agent=None).first()
    assert (number.area_code, number.region != "") == (number.e164[2:5], True)
    assert number.search_text.startswith(number.e164 + "\n")
    assert str(number.agent).lower() in number.search_text
    assert [t for n in numbers for t in values_of(n)["tags"]] == [
        tag for n in numbers for tag in sorted(remote(fluents, n)["tags"])
    ]
    assert kinds() == []


def test_numbers_bought_or_dropped_at_the_provider_never_appear(fluents, three):
    changed, added, removed = three
    assert drifted() == {
        changed.e164: {
            "agent": {"ours": agent("Reception").api_id, "theirs": agent("French line").api_id},
            "label": {"ours": "Ours", "theirs": "Theirs"},
            "description": {"ours": "", "theirs": "D"},
            "outbound_only": {"ours": False, "theirs": True},
        },
        added.e164: {"appeared": True},
        removed.e164: {"gone": True},
    }
    assert (changed.label, changed.agent.name) == ("Ours", "Reception")
    assert (added.origin, added.area_code, added.region, values_of(added)["tags"]) == (
        Origin.FOUND,
        "212",
        "NY",
        ["seasonal"],
    )
    assert removed.status == NumberStatus.GONE
    told = Event.objects.exclude(action="sync.finished").values_list("action", "number__e164")
    assert sorted(told) == sorted(
        [("number.drifted", changed.e164), ("number.found", added.e164), ("number.gone", removed.e164)]
    )
    assert kinds() == ["agent", "description", "label", "outbound_only", "unexplained"]


def test_a_second_sync_finds_nothing_new(fluents, three):
    before, events = drifted(), Event.objects.exclude(action="sync.finished").count()
    sync()
    assert (drifted(), Event.objects.exclude(action="sync.finished").count()) == (before, events)


def test_accepting_theirs_ends_every_difference(fluents, three):
    changed, _, removed = three
    assert accept_theirs(by=ANNA, numbers=Number.objects.all()) == 3
    changed = Number.objects.get(pk=changed.pk)
    assert (changed.agent.name, changed.label, changed.description, changed.outbound_only) == (
        "French line",
        "Theirs",
        "D",
        True,
    )
    assert "french line" in changed.search_text
    assert Number.objects.get(pk=removed.pk).status == NumberStatus.GONE
    told = Event.objects.get(action="number.accepted", number=changed)
    assert (told.actor_name, told.request_id, told.before["label"], told.after["label"]) == (
        "anna",
        "request-of-anna",
        "Ours",
        "Theirs",
    )
    assert (drifted(), kinds()) == ({}, [])
    sync()
    assert (drifted(), kinds()) == ({}, [])
    assert accept_theirs(by=ANNA, numbers=Number.objects.all()) == 0


def test_pushing_ours_ends_what_can_be_pushed_and_says_why_the_rest_cannot(fluents, three):
    changed, added, removed = three
    plan = carry(plan_push_ours(by=ANNA, numbers=Number.objects.all()))
    rows = {row.number_id: row for row in plan.rows.all()}
    assert rows[changed.pk].state == RowState.DONE
    assert rows[changed.pk].before["label"] == "Theirs"
    assert rows[added.pk].reason.startswith("It appeared in Fluents")
    assert rows[removed.pk].reason.startswith("It's gone from Fluents")
    assert (remote_agent(fluents, changed), remote(fluents, changed)["label"]) == ("Reception", "Ours")
    assert Event.objects.get(action="number.pushed").number == changed
    assert (set(drifted()), kinds()) == ({added.e164, removed.e164}, ["unexplained"])
    sync()
    assert (set(drifted()), kinds()) == ({added.e164, removed.e164}, ["unexplained"])


def test_a_push_is_refused_when_fluents_says_yet_another_thing(fluents, three):
    changed, *_ = three
    plan = plan_push_ours(by=ANNA, numbers=Number.objects.filter(pk=changed.pk))
    behind_our_back(fluents, changed, label="Third")
    sync()
    plan = carry(plan)
    assert plan.rows.get().state == RowState.SKIPPED
    assert "has changed since" in plan.rows.get().reason


def test_a_push_is_refused_when_our_books_moved(fluents, three):
    changed, *_ = three
    plan = plan_push_ours(by=ANNA, numbers=Number.objects.filter(pk=changed.pk))
    accept_theirs(by=ANNA, numbers=Number.objects.all())
    plan = carry(plan)
    assert plan.rows.get().reason.startswith("Now answered by French line, the label is now “Theirs”")


def test_a_difference_that_ends_by_itself_is_told_and_cleared(fluents):
    number = owned(fluents, 1).get()
    behind_our_back(fluents, number, label="For a while")
    sync()
    assert drifted()
    behind_our_back(fluents, number, label=number.label)
    sync()
    assert drifted() == {}
    assert Event.objects.filter(action="number.agreed").count() == 1


def test_a_change_of_ours_over_a_difference_ends_it(fluents, three):
    changed, *_ = three
    carry(plan_change(by=ANNA, numbers=Number.objects.filter(pk=changed.pk), changes={"label": "Newest"}))
    assert "label" not in Number.objects.get(pk=changed.pk).drift
    assert remote(fluents, changed)["label"] == "Newest"


def test_what_comes_back_keeps_what_our_books_say(fluents):
    number = owned(fluents, 1).get()
    Number.objects.update(label="Ours")
    remove(fluents, number)
    sync()
    fluents.control("numbers", {"number": number.e164, "label": "Theirs"})
    sync()
    number.refresh_from_db()
    assert (number.status, number.label, "gone" in number.drift) == (NumberStatus.ACTIVE, "Ours", False)
    assert number.drift["label"] == {"ours": "Ours", "theirs": "Theirs"}
    assert Event.objects.filter(action="number.back").count() == 1


def test_a_number_that_a_plan_is_changing_is_left_alone(fluents):
    number = owned(fluents, 1).get()
    plan = plan_change(by=ANNA, numbers=Number.objects.all(), changes={"label": "New"})
    apply_plan(plan_id=plan.pk, by=ANNA)
    claim_row(plan_id=plan.pk)
    behind_our_back(fluents, number, label="New")
    sync()
    assert drifted() == {}
    assert accept_theirs(by=ANNA, numbers=Number.objects.all()) == 0


def test_a_number_changed_while_a_sync_was_reading_is_left_alone(fluents):
    """The list was read before the change: what it says of the number is old."""
    started = db_now()
    number = owned(fluents, 1).get()
    page = list(client().numbers())
    carry(plan_change(by=ANNA, numbers=Number.objects.all(), changes={"label": "New"}))
    keep_page(page, started)
    number.refresh_from_db()
    assert (number.label, number.drift) == ("New", {})


def test_a_number_that_a_line_is_just_buying_is_not_found(fluents):
    owned(fluents, 1)
    phone_number = fluents.control("numbers", {})["number"]
    line = line_about(phone_number, LineState.UNKNOWN)
    sync()
    assert not Number.objects.filter(e164=phone_number).exists()
    Line.objects.filter(pk=line.pk).update(state=LineState.FAILED)
    sync()
    assert Number.objects.get(e164=phone_number).drift == {"appeared": True}


def test_a_page_costs_the_same_queries_whatever_happened_to_its_numbers(fluents):
    fluents.control("reset", {"numbers": 60})
    infos = list(client().numbers())

    def cost(some) -> int:
        with CaptureQueriesContext(connection) as queries:
            keep_page(some, db_now())
        return count(queries)

    few = cost(infos[:5])
    many = cost(infos[5:])
    assert many <= few + 2
    Number.objects.update(label="Ours", agent=None)
    assert cost(infos) <= few + 2
    assert cost(infos[:5]) <= few


def test_accepting_many_costs_the_same_queries(fluents):
    owned(fluents, 60)

    def cost(keys) -> int:
        some = Number.objects.filter(pk__in=keys)
        some.update(drift={"label": {"ours": "a", "theirs": "b"}}, drifted=True)
        with CaptureQueriesContext(connection) as queries:
            assert accept_theirs(by=ANNA, numbers=some) == len(keys)
        return count(queries)

    keys = list(Number.objects.values_list("pk", flat=True))
    assert cost(keys[:50]) == cost(keys[50:55])


# --- Agents ---------------------------------------------------------------------------------


def test_an_agent_that_vanishes_is_marked_and_told(fluents):
    owned(fluents, 20)
    french = agent("French line")
    fluents.call("DELETE", "/_sandbox/agents", params={"id": french.api_id})
    sync()
    french.refresh_from_db()
    assert french.gone_at is not None
    told = Event.objects.get(action="agent.gone")
    assert (told.before, told.reason) == (
        {"agent": french.api_id, "name": "French line"},
        "French line was deleted in Fluents.",
    )
    sync()
    assert Event.objects.filter(action="agent.gone").count() == 1


def test_a_renamed_agent_stays_known_as_before_until_somebody_acknowledges(fluents):
    owned(fluents, 20)
    french = agent("French line")
    assert french.known_as == "French line"
    number = french.numbers.first()
    fluents.call("PATCH", "/_sandbox/agents", params={"id": french.api_id}, json={"name": "Ligne"})
    sync()
    french.refresh_from_db()
    assert (french.name, french.known_as) == ("Ligne", "French line")
    assert Event.objects.get(action="agent.renamed").reason == "French line is now called Ligne in Fluents."
    number.refresh_from_db()
    assert "ligne" in number.search_text
    assert "french" not in number.search_text
    acknowledge_agent(by=ANNA, agent=french)
    assert Agent.objects.get(pk=french.pk).known_as == "Ligne"
    assert Event.objects.get(action="agent.acknowledged").after["name"] == "Ligne"
    sync()
    assert Event.objects.filter(action="agent.renamed").count() == 1
