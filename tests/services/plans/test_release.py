"""Giving numbers up, and taking on those that a connection holds already."""

import pytest

from numbers.db.clock import db_now
from numbers.fluents import OutcomeUnknown, Refused
from numbers.models import Connection, Event, Number
from numbers.services.fluents_client import client
from numbers.services.inventory.reconciliation import reconcile
from numbers.services.inventory.sync import sync
from numbers.services.plans import runner as carrying
from numbers.services.plans.lifecycle import (
    CannotChange,
    apply_plan,
    plan_change,
    plan_counts,
    retry_failed,
    undo,
)
from numbers.services.plans.release import link_number
from numbers.states import Act, LineState, NumberStatus, Origin, RowState
from tests.support.plans import (
    ANNA,
    BEN,
    agent,
    carry,
    carry_on,
    claim_row,
    line_about,
    owned,
    remote_agent,
    time_passes,
)

pytestmark = pytest.mark.django_db
CANCEL, DETACH, LINK = "/v1/numbers/cancel", "/v1/numbers/detach", "/v1/numbers/link"


def release(act=Act.RELEASE, numbers=None):
    return plan_change(by=ANNA, numbers=numbers or Number.objects.all(), changes={}, act=act)


def posts(fluents, path: str = CANCEL) -> int:
    return len(fluents.requests(path=path, method="POST"))


@pytest.mark.parametrize(
    ("act", "path", "status"),
    [(Act.RELEASE, CANCEL, NumberStatus.RELEASED), (Act.DETACH, DETACH, NumberStatus.DETACHED)],
)
def test_a_number_given_up_stays_on_the_books(fluents, act, path, status):
    number = owned(fluents, 1).get()
    plan = release(act)
    row = plan.rows.get()
    assert (row.before["status"], row.after["status"]) == ("active", status)
    plan = carry(plan)
    number.refresh_from_db()
    assert (plan.rows.get().state, number.status, posts(fluents, path)) == (RowState.DONE, status, 1)
    assert fluents.owned() == []
    told = Event.objects.get(action=f"number.{status}")
    assert (told.actor_name, told.number, told.after["status"]) == ("anna", number, status)
    assert not Number.objects.owned().exists()
    sync()
    number.refresh_from_db()
    assert (number.status, number.drift) == (status, {})
    assert reconcile().differences == []
    with pytest.raises(CannotChange, match="can't be undone"):
        undo(plan_id=plan.pk, by=ANNA)


@pytest.mark.parametrize("fault", ["error_after", "reset_after", "empty"])
def test_a_release_whose_answer_is_lost_is_settled_by_looking(fluents, fault):
    number = owned(fluents, 1).get()
    fluents.fault(fault, path=CANCEL)
    carry(release())
    number.refresh_from_db()
    assert (number.status, posts(fluents)) == (NumberStatus.RELEASED, 1)
    assert fluents.requests(path="/v1/numbers/list")  # both endpoints were asked


def test_a_release_that_was_lost_on_the_way_fails_and_is_not_sent_again_by_itself(fluents):
    number = owned(fluents, 1).get()
    fluents.fault("error_before", path=CANCEL)
    plan = release()
    apply_plan(plan_id=plan.pk, by=ANNA)
    carry_on(plan_id=plan.pk)
    row = plan.rows.get()
    assert (row.state, row.lease_until) == (RowState.APPLYING, None)  # nobody else may touch the number
    plan = carry(plan, apply=False)
    row = plan.rows.get()
    assert (row.state, posts(fluents)) == (RowState.FAILED, 1)
    assert "gave no clear answer" in row.reason
    assert "not repeated" in row.reason
    number.refresh_from_db()
    assert number.status == NumberStatus.ACTIVE
    assert retry_failed(plan_id=plan.pk, by=ANNA) == 1
    carry(plan, apply=False)
    number.refresh_from_db()
    assert (number.status, posts(fluents)) == (NumberStatus.RELEASED, 2)


def test_a_worker_that_dies_at_a_release_leaves_it_to_be_looked_up(fluents):
    owned(fluents, 1)
    plan = release()
    apply_plan(plan_id=plan.pk, by=ANNA)
    row = claim_row(plan_id=plan.pk)
    carrying.write_row(row, tries=1, sent_at=db_now())
    time_passes(6)
    fluents.call("POST", CANCEL, params={"phone_number": row.number.e164})  # it had left
    carry(plan, apply=False)
    assert Number.objects.get().status == NumberStatus.RELEASED
    assert posts(fluents) == 1


def test_says_deleted_before_any_delete_returned(fluents, monkeypatch):
    """It is told only when the number is seen no more."""
    owned(fluents, 1)
    monkeypatch.setattr(type(client()), "cancel", lambda *args, **kwargs: None)
    plan = carry(release())
    assert plan.rows.get().state == RowState.FAILED
    assert plan.rows.get().reason.startswith("Fluents agreed but still has the number.")
    assert Number.objects.get().status == NumberStatus.ACTIVE


def test_a_refused_release_fails_with_words(fluents):
    owned(fluents, 1)
    fluents.fault("status", path=CANCEL, status=400, message="in a campaign")
    plan = carry(release())
    assert (plan.rows.get().state, posts(fluents)) == (RowState.FAILED, 1)
    assert "in a campaign" in plan.rows.get().reason


def test_a_release_that_could_not_be_sent_waits(fluents):
    owned(fluents, 1)
    fluents.fault("rate_limited", path=CANCEL, retry_after="30")
    plan = carry(release())
    assert plan_counts(plan)["done"] == 1


def test_a_number_that_an_open_line_holds_is_not_released(fluents):
    first, second = owned(fluents, 2)
    line_about(first.e164, LineState.REVIEW)
    plan = release()
    assert plan.rows.get(number=first).state == RowState.SKIPPED
    line_about(second.e164, LineState.UNKNOWN)  # between the plan and its turn
    plan = carry(plan)
    assert plan_counts(plan)["skipped"] == 2
    assert posts(fluents) == 0


def test_a_number_that_got_an_agent_since_the_plan_is_not_released(fluents):
    fluents.control("numbers", {})
    sync()
    plan = release()
    reception = agent("Reception")
    carry(plan_change(by=BEN, numbers=Number.objects.all(), changes={"agent": reception.api_id}), by=BEN)
    plan = carry(plan)
    assert plan.rows.get().reason.startswith("Now answered by Reception since ")
    assert posts(fluents) == 0


def test_releasing_is_all_or_nothing(fluents):
    """It is not: many are released one by one, and each is accounted for."""
    numbers = owned(fluents, 20)
    chosen = Number.objects.filter(pk__in=[number.pk for number in numbers][:10])
    faults = [
        {"fault": "status", "status": 400, "path": CANCEL, "skip": 3},
        {"fault": "reset_after", "path": CANCEL},
    ]
    fluents.control("faults", faults)
    plan = carry(release(numbers=chosen))
    counts = plan_counts(plan)
    assert (counts["done"], counts["failed"]) == (9, 1)
    assert len(fluents.owned()) == 11


def test_a_released_number_that_is_there_again_later_is_found_anew(fluents):
    number = owned(fluents, 1).get()
    carry(release())
    fluents.control("numbers", {"number": number.e164, "label": "Again"})
    sync()
    number.refresh_from_db()
    assert number.status == NumberStatus.RELEASED  # Fluents' list may only lag behind
    Number.objects.update(synced_at="2026-01-01T00:00Z")
    sync()
    number.refresh_from_db()
    assert (number.status, number.label, number.drift) == (NumberStatus.ACTIVE, "Again", {"appeared": True})


# --- Linking --------------------------------------------------------------------------------


@pytest.fixture
def linkable(fluents):
    """A number that a connection holds, and that connection."""
    sync()
    held = next(c for c in fluents.get("/v1/account_connections/list").json()["items"] if c["steering_pool"])
    return held["steering_pool"][0], Connection.objects.get(api_id=held["id"])


def test_a_number_that_a_connection_holds_is_linked(fluents, linkable):
    phone_number, connection = linkable
    reception = agent("Reception")
    number = link_number(by=ANNA, phone_number=phone_number, connection=connection, agent=reception)
    assert (number.e164, number.origin, number.agent, number.connection) == (
        phone_number,
        Origin.LINKED,
        reception,
        connection,
    )
    assert remote_agent(fluents, number) == "Reception"
    assert Event.objects.get(action="number.linked").actor_name == "anna"
    assert reconcile().differences == []
    with pytest.raises(CannotChange, match="We already own"):
        link_number(by=BEN, phone_number=phone_number, connection=connection)


@pytest.mark.parametrize("fault", ["error_after", "reset_after"])
def test_linking_reports_failure_though_the_number_was_linked(fluents, linkable, fault):
    phone_number, connection = linkable
    fluents.fault(fault, path=LINK)
    assert link_number(by=ANNA, phone_number=phone_number, connection=connection).origin == Origin.LINKED
    assert posts(fluents, LINK) == 1


def test_a_link_that_was_lost_on_the_way_says_so(fluents, linkable):
    phone_number, connection = linkable
    fluents.fault("error_before", path=LINK)
    with pytest.raises(OutcomeUnknown):
        link_number(by=ANNA, phone_number=phone_number, connection=connection)
    assert not Number.objects.exists()


def test_a_number_that_the_connection_does_not_hold_is_refused(fluents, linkable):
    with pytest.raises(Refused):
        link_number(by=ANNA, phone_number="+14155550123", connection=linkable[1])
