"""The overview: what needs a person, figures and pictures, notices, the tour, help."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.models import Agent, Figures, Notice, Number, Price
from numbers.roles import Role
from numbers.services import counting
from numbers.states import LineState
from tests.books import bare_line
from tests.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def books():
    """Three numbers in California and one in Ontario, one of them with an agent."""
    agent = Agent.objects.create(api_id="agent-1", name="Reception")
    for n, region in enumerate(("CA", "CA", "CA", "ON")):
        Number.objects.create(
            e164=f"+1415555{n:04}",
            region=region,
            agent=None if n else agent,
            telephony_provider="twilio" if n else "telnyx",
        )
    Price.objects.create(telephony_provider="twilio", monthly="1.15")


def test_the_map_leads_to_the_list_and_is_a_table_too(staff, books):
    text = staff.get("/").text
    assert re.search(r'<a href="/numbers/\?region=CA" aria-label="California: 3 lines">', text)
    assert re.search(r'<td><a href="/numbers/\?region=ON">Ontario</a></td><td class="figure">1</td>', text)
    assert "region=TX" not in text


def test_figures_say_what_is_estimated_and_what_has_no_price(staff, books):
    text = staff.get("/").text
    assert re.search(r"Lines we own</dt><dd[^>]*><a [^>]*>4</a>", text)
    assert "$3.45" in text
    assert "no price known for 1 line" in text
    assert "75.0 %" in text


def test_every_chart_has_its_words(staff, books):
    bare_line(LineState.FAILED, settled_at=counting.week_starts(counting.db_now())[-1])
    text = staff.get("/").text
    labels = re.findall(r'<svg class="chart"[^>]*aria-label="([^"]+)"', text)
    assert len(labels) == 2
    assert labels[0].endswith("$3.45.")
    assert labels[1].endswith(": 1 not bought.")


def test_an_empty_overview_teaches(staff):
    text = staff.get("/").text
    assert "Nothing waits for you" in text
    assert "Buy your first line" in text


def test_the_overview_reads_its_figures_and_counts_nothing(staff, books):
    staff.get("/")
    with CaptureQueriesContext(connection) as queries:
        staff.get("/")
    assert len(queries) <= 15
    assert [
        q["sql"] for q in queries if re.search(r'COUNT.*FROM "numbers_number" (WHERE|GROUP)', q["sql"])
    ] == []
    assert Figures.objects.count() == 1


def test_the_tour_goes_for_good_and_for_one_person(staff, client):
    assert "Three steps" in staff.get("/").text
    assert staff.post("/tour/end/").url == "/"
    staff.post("/tour/end/")
    assert "Three steps" not in staff.get("/").text
    client.force_login(person("vera", Role.BUYER))
    assert "Three steps" in client.get("/").text


def test_a_notice_is_on_every_page_until_it_is_put_away(staff, bob):
    notice = Notice.objects.create(kind="order.finished", occasion="x", user=bob, text="Order 7 has ended.")
    assert "Order 7 has ended." in staff.get("/numbers/").text
    assert staff.post(f"/notices/{notice.pk}/seen/", {"next": "/numbers/?q=1"}).url == "/numbers/?q=1"
    assert "Order 7 has ended." not in staff.get("/numbers/").text


def test_a_notice_of_another_person_stays_theirs(staff, django_user_model):
    vera = django_user_model.objects.create_user("vera")
    notice = Notice.objects.create(kind="order.finished", occasion="x", user=vera, text="Order 7 has ended.")
    assert "Order 7" not in staff.get("/").text
    staff.post(f"/notices/{notice.pk}/seen/")
    notice.refresh_from_db()
    assert notice.seen_at is None


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example/", "", "\x00"])
def test_putting_a_notice_away_leads_nowhere_else(staff, bob, path):
    notice = Notice.objects.create(kind="order.finished", occasion="x", user=bob, text="Order 7 has ended.")
    assert staff.post(f"/notices/{notice.pk}/seen/", {"next": path}).url == "/"


def test_who_looks_at_the_order_knows_that_it_has_ended(staff, bob):
    order = bare_line(LineState.FAILED).order
    Notice.objects.create(kind="order.finished", occasion="x", user=bob, text="It has ended.", order=order)
    assert "It has ended." in staff.get("/").text
    assert "It has ended." not in staff.get(order.get_absolute_url()).text
    assert "It has ended." not in staff.get("/").text


def test_whoever_comes_from_the_page_of_an_order_has_seen_it_end(staff, bob):
    order = bare_line(LineState.FAILED).order
    about = {"user": bob, "order": order}
    Notice.objects.create(kind="order.finished", occasion="x", text="It has ended.", **about)
    Notice.objects.create(kind="order.decided", occasion="y", text="It is approved.", **about)
    came_from = {"Referer": f"http://testserver{order.get_absolute_url()}"}
    text = staff.get("/", headers=came_from).text
    assert ("It has ended." in text, "It is approved." in text) == (False, True)
    assert "It has ended." not in staff.get("/").text


def test_help_explains_every_state_and_the_keys(staff):
    text = staff.get("/help/").text
    for state in LineState:
        assert str(state.label) in text
    assert "<kbd>?</kbd>" in text


@pytest.mark.parametrize(("live", "words"), [(True, "purchases cost money"), (False, "nothing costs money")])
def test_the_sandbox_cannot_be_mistaken_for_the_real_api(staff, settings, live, words):
    settings.FLUENTS_LIVE = live
    for path in ("/", "/orders/new/", "/nowhere/"):
        assert words in staff.get(path).text
    staff.logout()
    assert words in staff.get("/accounts/login/").text
