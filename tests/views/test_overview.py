"""The overview: what needs a person, figures and pictures, notices, the tour, help."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from numbers.models import Agent, Figures, Line, Notice, Number, Price, Reconciliation, SyncState
from numbers.permissions import Role
from numbers.services.monitoring import statistics
from numbers.states import LineState
from tests.support.books import bare_line
from tests.support.people import person

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
    assert re.search(r'<a href="/numbers/\?region=CA" aria-label="California: 3 numbers">', text)
    assert re.search(r'<td><a href="/numbers/\?region=ON">Ontario</a></td><td class="figure">1</td>', text)
    assert "region=TX" not in text


def test_figures_say_what_is_estimated_and_what_has_no_price(staff, books):
    text = staff.get("/").text
    assert re.search(r"Numbers owned</dt><dd[^>]*><a [^>]*>4</a>", text)
    assert "$3.45" in text
    assert "no price set for 1 number" in text
    assert "75.0%" in text


def test_what_a_figure_is_compared_with_is_read_out_on_its_own(staff, books):
    text = staff.get("/").text
    assert re.search(r"Bought this week</dt><dd[^>]*>\d+</dd><dd>\d+ last week</dd>", text)
    assert re.search(r"75\.0%</a></dd><dd>3 numbers</dd>", text)


def test_every_chart_has_its_words(staff, books):
    bare_line(LineState.FAILED, settled_at=statistics.week_starts(statistics.db_now())[-1])
    text = staff.get("/").text
    labels = re.findall(r'<svg class="chart"[^>]*aria-label="([^"]+)"', text)
    assert len(labels) == 2
    assert labels[0].endswith("$3.45.")
    assert labels[1].endswith(": 1 not bought.")


def test_an_empty_overview_teaches(staff):
    text = staff.get("/").text
    assert "Nothing needs you" in text
    assert "Buy your first number" in text


def test_the_overview_reads_its_figures_and_counts_nothing(staff, books):
    staff.get("/")
    with CaptureQueriesContext(connection) as queries:
        staff.get("/")
    assert len(queries) <= 16
    assert [
        q["sql"] for q in queries if re.search(r'COUNT.*FROM "numbers_number" (WHERE|GROUP)', q["sql"])
    ] == []
    assert Figures.objects.count() == 1


def test_the_tour_goes_for_good_and_for_one_person(staff, client):
    assert "three steps" in staff.get("/").text
    assert staff.post("/tour/end/").url == "/"
    staff.post("/tour/end/")
    assert "three steps" not in staff.get("/").text
    client.force_login(person("vera", Role.BUYER))
    assert "three steps" in client.get("/").text


NEW = re.compile(r'aria-label="Notices: (\d+) new"')


def test_a_notice_rings_the_bell_until_its_page_was_opened(staff, bob):
    Notice.objects.create(kind="order.finished", occasion="x", user=bob, text="Order 7 has ended.")
    assert NEW.findall(staff.get("/numbers/").text) == ["1"]
    assert "Order 7 has ended." in staff.get("/notices/").text
    assert NEW.findall(staff.get("/numbers/").text) == []


def test_a_notice_of_another_person_stays_theirs(staff, django_user_model):
    vera = django_user_model.objects.create_user("vera")
    notice = Notice.objects.create(kind="order.finished", occasion="x", user=vera, text="Order 7 has ended.")
    assert "Order 7" not in staff.get("/notices/").text
    notice.refresh_from_db()
    assert notice.seen_at is None


def test_who_looks_at_the_order_knows_that_it_has_ended(staff, bob):
    order = bare_line(LineState.FAILED).order
    Notice.objects.create(kind="order.finished", occasion="x", user=bob, text="It has ended.", order=order)
    assert NEW.findall(staff.get("/").text) == ["1"]
    assert NEW.findall(staff.get(order.get_absolute_url()).text) == []
    assert NEW.findall(staff.get("/").text) == []


def test_whoever_comes_from_the_page_of_an_order_has_seen_it_end(staff, bob):
    order = bare_line(LineState.FAILED).order
    about = {"user": bob, "order": order}
    Notice.objects.create(kind="order.finished", occasion="x", text="It has ended.", **about)
    Notice.objects.create(kind="order.decided", occasion="y", text="It is approved.", **about)
    came_from = {"Referer": f"http://testserver{order.get_absolute_url()}"}
    assert NEW.findall(staff.get("/", headers=came_from).text) == ["1"]


def test_help_explains_every_state_and_the_keys(staff):
    text = staff.get("/help/").text
    for state in LineState:
        assert str(state.label) in text
    assert "<kbd>?</kbd>" in text


@pytest.mark.parametrize(
    ("live", "url", "words"),
    [
        (True, "https://api.fluents.ai", "purchases cost real money"),
        (True, "http://127.0.0.1:8100", "purchases cost real money"),
        (False, "http://127.0.0.1:8100", "nothing here is real or costs money"),
        (False, "https://api.fluents.ai", "<strong>Not live:</strong> FLUENTS_LIVE is off"),
    ],
)
def test_the_sandbox_cannot_be_mistaken_for_the_real_api(staff, settings, live, url, words):
    settings.FLUENTS_LIVE, settings.FLUENTS_API_URL = live, url
    for path in ("/", "/orders/new/", "/nowhere/"):
        assert words in staff.get(path).text
    staff.logout()
    assert words in staff.get("/accounts/login/").text


def done_steps(client) -> list[str]:
    """The steps to the first line that are ticked off; raises where they aren't shown."""
    text = client.get("/").text
    section = text[text.index("Your first line") : text.index("</section>", text.index("Your first line"))]
    assert section.count("<li") == 6
    return re.findall(r"Done:</span> <strong><a [^>]*>([^<]+)", section)


def test_the_way_to_the_first_line_ticks_itself_off_and_then_goes(client):
    ada = person("ada", Role.ADMIN, Role.BUYER)
    client.force_login(ada)
    assert done_steps(client) == []
    SyncState.objects.update(synced_at=timezone.now())
    assert done_steps(client) == ["Sync."]
    Price.objects.create(telephony_provider="twilio", once=0, monthly=1)
    person("eve", Role.BUYER)
    assert done_steps(client) == ["Sync.", "Set prices.", "Invite people."]
    number = Number.objects.create(e164="+14155550123")
    line = bare_line(LineState.BOUGHT, phone_number=number.e164, number=number)
    assert done_steps(client)[-1] == "Buy one line."
    Number.objects.update(agent=Agent.objects.create(api_id="a", name="Reception", synced_at=timezone.now()))
    assert done_steps(client)[-1] == "Choose who answers."
    Reconciliation.objects.create(finished_at=timezone.now(), differences=[{"kind": "gone"}])
    assert "Reconcile." not in done_steps(client)
    Reconciliation.objects.create(finished_at=timezone.now())
    assert "Your first line" not in client.get("/").text
    Price.objects.all().delete()
    assert "Set prices." not in done_steps(client)
    Line.objects.filter(pk=line.pk).update(changed_at=timezone.now() - timedelta(days=8))
    assert "Your first line" not in client.get("/").text


def test_the_way_to_the_first_line_is_for_whoever_runs_the_place(staff, client):
    client.force_login(person("vera", Role.BUYER))
    assert "Your first line" not in client.get("/").text


def test_the_newest_numbers_are_found_in_their_index(staff):
    """Which PostgreSQL has with its empty times at the end: without saying so it sorts a million."""
    with CaptureQueriesContext(connection) as asked:
        assert staff.get("/").status_code == 200
    assert any('"bought_at" DESC NULLS LAST' in query["sql"] for query in asked)
