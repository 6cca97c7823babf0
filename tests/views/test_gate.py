"""The gate's page: the switch, the journals that owe a report, and numbers that nothing explains."""

import pytest

from numbers.models import Connection, Event, Gate, Journal, Number
from numbers.services.spending import registry
from numbers.states import LineState, Standing
from tests.support.books import bare_line

pytestmark = pytest.mark.django_db
REASON = {"reason": "Compared with the invoice."}


@pytest.fixture
def doubted() -> Journal:
    """The database is doubted, and a journal has not reported."""
    row = Journal.objects.create(name="worker-2", machine="m2", path="/m2.journal")
    registry.doubt("Restored.", reporter=None)
    return row


def holder(e164: str, **fields) -> Number:
    fields = {"standing": Standing.HOLDS, "drift": {"appeared": True}, "drifted": True} | fields
    connection, _ = Connection.objects.get_or_create(
        api_id="connection-1", defaults={"telephony_provider": "twilio"}
    )
    return Number.objects.create(e164=e164, area_code=e164[2:5], connection=connection, **fields)


def test_opening_too_early_says_who_is_missing(staff, doubted):
    page = staff.get("/gate/").text
    assert "Not reported" in page
    answer = staff.post("/gate/switch/", {"to": "open", **REASON})
    assert answer.status_code == 422
    assert "worker-2 (m2:/m2.journal, last seen" in answer.text
    assert Gate.objects.get().paused is True


def test_a_person_opens_without_a_report_by_name(staff, doubted):
    answer = staff.post("/gate/switch/", {"to": "open", "without": ["worker-2"], **REASON}, follow=True)
    assert "Buying has resumed." in answer.text
    event = Event.objects.get(action="journal.waived")
    assert (event.actor_name, event.reason) == ("bob", "worker-2: Compared with the invoice.")
    assert "Buying resumed without a send journal" in answer.text


def test_a_journal_is_retired(staff, doubted):
    answer = staff.post("/gate/retire/", {"journal": "worker-2", **REASON}, follow=True)
    assert "worker-2 is retired." in answer.text
    assert registry.in_use().count() == 0
    assert staff.post("/gate/retire/", {"journal": "worker-2", **REASON}).status_code == 422


def test_numbers_that_hold_lines_are_explained_one_by_one(staff):
    first, second, third, _ = (holder(f"+1415555010{n}") for n in range(4))
    line = bare_line()
    text = staff.get("/gate/").text
    assert "4 unexplained numbers in Fluents" in text
    assert f"Order {line.order_id}, line 1" in text
    choices = {
        f"number-{first.pk}": f"line-{line.pk}",
        f"number-{second.pk}": "elsewhere",
        f"number-{third.pk}": "waived",
    }
    assert staff.post("/gate/explain/", choices | {"reason": ""}).status_code == 422
    answer = staff.post("/gate/explain/", choices | REASON, follow=True)
    assert "3 numbers decided." in answer.text
    assert "1 unexplained number in Fluents" in answer.text
    line.refresh_from_db()
    assert (line.state, line.phone_number) == (LineState.UNKNOWN, first.e164)
    standings = Number.objects.order_by("e164").values_list("standing", flat=True)
    assert list(standings) == [
        Standing.UNEXPLAINED, Standing.EXPLAINED, Standing.WAIVED, Standing.HOLDS,
    ]  # fmt: skip


def test_two_numbers_cannot_be_of_one_line(staff):
    both = [holder(f"+1415555010{n}") for n in range(2)]
    line = bare_line()
    answer = staff.post(
        "/gate/explain/", {f"number-{number.pk}": f"line-{line.pk}" for number in both} | REASON
    )
    assert answer.status_code == 422
    assert "No waiting line with that number could have bought" in answer.text
    line.refresh_from_db()
    assert line.state == LineState.PLANNED  # all or nothing


def test_the_numbers_of_the_first_reading_are_accepted_at_once(staff):
    holder("+14155550100", drift={}, drifted=False)
    assert "1 number from the first sync" in staff.get("/gate/").text
    answer = staff.post("/gate/baseline/", REASON, follow=True)
    assert "1 number accepted as existing numbers." in answer.text
    assert Number.objects.get().standing == Standing.EXPLAINED


def test_the_page_asks_no_more_questions_for_more_numbers(staff, django_assert_max_num_queries):
    for n in range(3):
        holder(f"+1415555010{n}")
    with django_assert_max_num_queries(20):
        staff.get("/gate/")
