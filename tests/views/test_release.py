"""Giving numbers up asks for the right and for proof; linking adopts one."""

import pytest

from numbers.models import Event, Number, Plan
from tests.support.plans import carry_on
from tests.views.upkeep import HOSTILE, agent, allow_release, connection, numbers

pytestmark = pytest.mark.django_db
PATHS = ["/numbers/+14155550000/release/", "/numbers/+14155550000/detach/"]


@pytest.fixture
def may(bob):
    allow_release(bob)


@pytest.mark.parametrize("path", PATHS)
def test_without_the_right_nothing_is_shown_or_done(staff, path):
    numbers(1)
    assert staff.get(path).status_code == 403
    assert staff.post(path, {"phone_number": "+14155550000"}).status_code == 403
    assert staff.post("/plans/give-up/", {"all": "1"}).status_code == 403
    assert not Plan.objects.exists()


def test_another_number_than_this_one_releases_nothing(staff, may):
    numbers(2)
    for typed in ("", "+14155550001", "4155550001", "release", "415", *HOSTILE):
        for path in PATHS:
            assert staff.post(path, {"phone_number": typed}).status_code == 422, typed
        assert not Plan.objects.exists(), typed


@pytest.mark.parametrize("typed", ["+14155550000", "+1 415 555 0000", "(415) 555-0000", "1-415-555-0000"])
def test_the_number_may_be_typed_as_people_write_it(staff, may, typed):
    numbers(1)
    answer = staff.post(PATHS[0], {"phone_number": typed})
    assert answer.url == "/numbers/+14155550000/"
    plan = Plan.objects.get()
    assert (plan.act, plan.state, plan.requested_by_name) == ("release", "applying", "bob")


def test_agent_last_activity_and_cost_stand_there(staff, may):
    numbers(1, agent=agent("Reception"))
    text = staff.get(PATHS[0]).content.decode()
    for words in ("can't be undone", "Reception", "Appeared in Fluents", "Monthly cost"):
        assert words in text


def test_a_release_goes_through_to_the_page_of_the_number(staff, may, fluents):
    fluents.control("reset", {"numbers": 1})
    from numbers.services.inventory.sync import sync  # noqa: PLC0415

    sync()
    number = Number.objects.get()
    staff.post(f"/numbers/{number.e164}/release/", {"phone_number": number.e164})
    carry_on(plan_id=Plan.objects.get().pk)
    number.refresh_from_db()
    assert number.status == "released"
    assert fluents.owned() == []
    assert "Released. Fluents no longer has it." in staff.get(number.get_absolute_url()).content.decode()
    event = Event.objects.get(action="number.released")
    assert event.actor_name == "bob"


@pytest.mark.parametrize("path", PATHS)
def test_what_is_not_ours_any_more_cannot_be_given_up_again(staff, may, path):
    numbers(1, status="gone")
    assert "no longer owned by us" in staff.get(path).content.decode()
    assert staff.post(path, {"phone_number": "+14155550000"}).status_code == 422
    assert Plan.objects.filter(state="applying").count() == 0


def test_many_are_given_up_only_by_somebody_who_types_how_many(staff, may):
    numbers(3, agent=agent())
    numbers(1, start=9, status="gone")
    answer = staff.post("/plans/give-up/", {"all": "1", "query": "", "act": "release"})
    plan = Plan.objects.get()
    assert answer.url == f"/plans/{plan.pk}/give-up/"
    text = staff.get(answer.url).content.decode()
    assert "This releases 3 numbers of 4" in text
    assert "gone from Fluents" in text
    for wrong in ("", "4", "three", *(text for text in HOSTILE if text != "\u0663")):
        assert staff.post(answer.url, {"count": wrong}).status_code == 422
    assert Plan.objects.get().state == "draft"
    assert staff.post(answer.url, {"count": "3"}).url == f"/plans/{plan.pk}/"
    assert Plan.objects.get().state == "applying"
    assert staff.get(answer.url).status_code == 302  # under way: there is nothing left to prove


@pytest.mark.parametrize("count", [1, 60])
def test_the_page_of_many_asks_as_much_as_for_one(staff, may, django_assert_num_queries, count):
    numbers(count, agent=agent())
    url = staff.post("/plans/give-up/", {"all": "1", "act": "detach"}).url
    with django_assert_num_queries(13):
        assert staff.get(url).status_code == 200


def test_giving_up_nothing_makes_no_plan(staff, may):
    numbers(1)
    assert staff.post("/plans/give-up/", {"act": "release"}).url.startswith("/numbers/")
    assert not Plan.objects.exists()


def test_another_plan_is_not_given_up_through_this_page(staff, may):
    plan = Plan.objects.create(title="Change")
    assert staff.post(f"/plans/{plan.pk}/give-up/", {"count": "0"}).status_code == 404


# --- Link -------------------------------------------------------------------------------------


def test_a_link_names_number_and_connection(staff):
    answer = staff.post("/numbers/link/", {})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "Enter the number" in text
    assert "Choose the account" in text


@pytest.mark.parametrize("name", ["phone_number", "telephony_account_connection", "inbound_agent"])
def test_odd_links_are_refused(staff, name):
    fields = {"phone_number": "+14155550000", "telephony_account_connection": connection().api_id}
    for text in HOSTILE:
        assert staff.post("/numbers/link/", fields | {name: text}).status_code == 422, text


def test_a_number_that_is_ours_already_is_not_linked_again(staff):
    numbers(1)
    fields = {"phone_number": "(415) 555-0000", "telephony_account_connection": connection().api_id}
    numbers(1, start=7)
    Number.objects.filter(e164="+14155550007").update(e164="+14155552671")
    answer = staff.post("/numbers/link/", fields | {"phone_number": "415 555 2671"})
    assert "We already own" in answer.content.decode()


def test_a_number_that_the_connection_holds_is_linked(staff, fluents):
    from numbers.services.inventory.sync import sync  # noqa: PLC0415

    fluents.control("reset", {"numbers": 1})
    sync()
    number = Number.objects.get()
    fluents.call("POST", "/v1/numbers/detach", params={"phone_number": number.e164})
    Number.objects.update(status="detached")
    fields = {
        "phone_number": number.e164,
        "telephony_account_connection": number.connection.api_id,
        "inbound_agent": "",
    }
    answer = staff.post("/numbers/link/", fields)
    assert answer.status_code == 302, answer.content.decode()
    number.refresh_from_db()
    assert (number.status, number.origin) == ("active", "linked")
