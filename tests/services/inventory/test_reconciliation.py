"""Books against Fluents, both ways."""

import pytest

from numbers.fluents import FluentsError
from numbers.models import Agent, Number, Reconciliation
from numbers.services.inventory import reconciliation
from numbers.services.inventory.reconciliation import reconcile
from numbers.services.inventory.sync import sync
from numbers.states import LineState
from tests.support.books import PERSON, line_of, rest

pytestmark = pytest.mark.django_db


def found() -> list[tuple[str, str]]:
    return [(row["kind"], row["phone_number"]) for row in reconcile(by=PERSON).differences]


def test_books_agree_after_a_sync_and_purchases(fluents):
    fluents.control("reset", {"numbers": 120})
    sync()
    rest(line_of(fluents))
    assert found() == []
    run = Reconciliation.objects.get()
    assert (run.requested_by, run.error, run.finished_at is not None) == ("bob", "", True)


def test_a_paid_number_that_nobody_booked_is_found(fluents):
    number = fluents.control("numbers", {})["number"]
    assert found() == [("not_on_books", number)]


def test_a_paid_number_is_traced_to_the_line_that_asked_for_it(fluents):
    fluents.control("faults", [{"fault": "wrong_number", "commit": "asked"}])
    line = rest(line_of(fluents))
    assert line.state == LineState.REVIEW
    (row,) = reconcile().differences
    assert (row["kind"], row["line"], row["order"]) == ("not_on_books", line.pk, line.order_id)


def test_a_number_that_fluents_does_not_have_is_found(fluents):
    Number.objects.create(e164="+14155550100")
    assert found() == [("gone", "+14155550100")]


def test_another_agent_is_found(fluents):
    number = fluents.control("numbers", {})["number"]
    sync()
    Number.objects.update(agent=Agent.objects.get(name="Reception"))
    (row,) = reconcile().differences
    assert (row["kind"], row["phone_number"]) == ("agent", number)
    assert row["detail"] == "Our records say Reception answers; Fluents says no agent."


def test_values_that_differ_are_told_in_words():
    told = [reconciliation.in_words(value) for value in (True, False, "", "Front desk")]
    assert told == ["yes", "no", "nothing", "“Front desk”"]


def test_a_number_whose_line_ended_without_it_is_found_until_a_person_has_seen_it(fluents):
    fluents.control("faults", [{"fault": "wrong_number", "commit": "asked"}])
    line = rest(line_of(fluents))
    sync()
    reconciling_line(line)
    number = Number.objects.get(e164=line.phone_number)
    assert found() == [("given_up", number.e164)]
    reconciliation.acknowledge(number=number, by=PERSON, reason="Kept.")
    assert found() == []


def reconciling_line(line) -> None:
    from numbers.services.purchasing.review import close  # noqa: PLC0415 -- one step of one story

    close(line_id=line.pk, by=PERSON, reason="We take another.")


def test_reconciling_changes_nothing_else(fluents):
    fluents.control("numbers", {})
    reconcile()
    assert Number.objects.count() == 0


def test_a_comparison_that_fails_says_so(fluents):
    fluents.fault("error_before", path="/v1/numbers/list", times=9)
    with pytest.raises(FluentsError):
        reconcile()
    run = Reconciliation.objects.get()
    assert run.error == "Fluents gave no clear answer. Fluents says: Internal server error."
    assert run.finished_at is not None


def test_lists_that_shift_between_pages_make_no_difference(fluents):
    fluents.control("reset", {"numbers": 250})
    sync()
    fluents.fault("page_drift", path="/v1/numbers/list", times=100)
    assert found() == []
