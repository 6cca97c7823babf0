"""The agents' pages, and the alarm for those that are gone or renamed."""

import pytest
from django.utils import timezone

from numbers.models import Agent, Event, Number, Plan
from tests.views.upkeep import HOSTILE, agent, numbers

pytestmark = pytest.mark.django_db


def test_each_agent_stands_there_with_its_numbers_and_a_link_to_them(staff):
    numbers(3, agent=agent("Reception"))
    numbers(2, start=10, agent=agent("Bookings"), status="released")
    text = staff.get("/agents/").content.decode()
    assert 'href="/numbers/?agent=id%20of%20Reception" aria-label="The 3 numbers of Reception"' in text
    assert "The 2 numbers of Bookings" not in text  # released ones do not count


@pytest.mark.parametrize("count", [1, 60])
def test_the_list_asks_as_much_for_many_agents_as_for_one(staff, django_assert_num_queries, count):
    for n in range(count):
        numbers(1, start=n, agent=agent(f"Agent {n}"))
    with django_assert_num_queries(10):
        staff.get("/agents/")


@pytest.mark.parametrize("count", [1, 60])
def test_an_agents_page_asks_as_much_for_many_numbers_as_for_one(staff, django_assert_num_queries, count):
    one = agent()
    numbers(count, agent=one)
    with django_assert_num_queries(11):
        assert staff.get(f"/agents/{one.pk}/").status_code == 200


def test_an_agent_that_is_gone_is_alarming_while_numbers_point_to_it(staff):
    gone = agent("Old desk", gone_at=timezone.now())
    agent("Never used", gone_at=timezone.now())
    numbers(2, agent=gone)
    text = staff.get("/agents/").content.decode()
    assert "was deleted in Fluents" in text
    assert "2 numbers" in text
    assert "Never used" not in text
    assert "Deleted in Fluents</span>" in staff.get(f"/agents/{gone.pk}/").text  # one word for it everywhere
    assert "Keep it" not in text  # calls go unanswered
    assert "Old desk</a> was deleted in Fluents" in staff.get("/").content.decode()
    Number.objects.update(agent=None)
    assert "Old desk</a> is gone" not in staff.get("/").content.decode()


def test_a_renamed_agent_is_alarming_until_somebody_says_that_it_is_fine(staff):
    one = agent("Sales", known_as="Reception")
    numbers(1, agent=one)
    assert "Reception is now called" in staff.get("/agents/").content.decode()
    staff.post(f"/agents/{one.pk}/acknowledge/")
    assert Agent.objects.get(pk=one.pk).known_as == "Sales"
    assert "is now called" not in staff.get("/agents/").content.decode()
    event = Event.objects.get(action="agent.acknowledged")
    assert event.actor_name == "bob"
    assert event.request_id


def test_handing_numbers_over_is_a_plan_first(staff):
    gone, other = agent("Old desk", gone_at=timezone.now()), agent("Reception")
    numbers(3, agent=gone)
    answer = staff.post(f"/agents/{gone.pk}/replace/", {"inbound_agent": other.api_id})
    plan = Plan.objects.get()
    assert answer.url == f"/plans/{plan.pk}/"
    assert plan.state == "draft"
    assert [row.after for row in plan.rows.all()] == [{"agent": other.api_id}] * 3
    assert Number.objects.filter(agent=gone).count() == 3


def test_what_happened_to_an_agent_stands_on_its_page(staff):
    one = agent("Old desk", gone_at=timezone.now())
    about = {"agent": one.api_id, "name": "Old desk"}
    Event.objects.create(
        action="agent.gone", agent=one, before=about, reason="Old desk was deleted in Fluents."
    )
    Event.objects.create(action="agent.gone", agent=agent("Another"), reason="Another one is gone.")
    text = staff.get(f"/agents/{one.pk}/").content.decode()
    assert "Old desk was deleted in Fluents." in text
    assert "Another one" not in text


def test_an_unknown_agent_takes_over_nothing(staff):
    gone = agent("Old desk", gone_at=timezone.now())
    numbers(1, agent=gone)
    for to in ("", "no such agent", *HOSTILE):
        assert staff.post(f"/agents/{gone.pk}/replace/", {"inbound_agent": to}).status_code == 302, to
        assert not Plan.objects.exists(), to


def test_odd_searches_and_keys_find_nothing_and_break_nothing(staff):
    one = agent()
    for text in HOSTILE:
        assert staff.get("/agents/", {"q": text}).status_code == 200, text
        assert staff.get(f"/agents/{one.pk}/", {"before": text, "after": text}).status_code == 200, text


@pytest.mark.parametrize(
    "typed", ["zoe\u0301", "Zo\xe9's line", "zo\xe9\u2019s  LINE", "zo\xe9's\xa0line", "a-zoe"]
)
def test_an_agent_is_found_however_its_name_is_typed(staff, typed):
    for api_id, name in (("a-zoe", "Zo\xe9\u2019s  Line"), ("a-other", "Other")):
        Agent.objects.create(api_id=api_id, name=name)
    assert [row[0].api_id for row in staff.get("/agents/", {"q": typed}).context["agents"]] == ["a-zoe"]
