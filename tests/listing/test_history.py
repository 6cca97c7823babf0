"""Events in a long history: found by keys, or by looking back through so many at a time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.listing import history
from numbers.models import Event, Line, Number, Order
from numbers.states import LineState
from tests.support.queries import steps_of
from tests.views.upkeep import agent, numbers
from tests.views.upkeep import connection as link

pytestmark = pytest.mark.django_db
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def follow(staff, url: str, way: str) -> tuple[list[str], str]:
    """The reasons that the page at URL shows, and where its link WAY leads."""
    text = staff.get(url).content.decode()
    _, _, link = text.partition(f'id="{way}" href="')
    shown = [part.split("<")[0] for part in text.split('<p class="happened">')[1:]]
    return shown, link.partition('"')[0].replace("&amp;", "&")


@pytest.fixture
def long(staff, monkeypatch):
    monkeypatch.setattr(history, "WINDOW", 10)
    staff.get("/")  # has nothing more to write down
    for n in range(35):
        reason = f"Campaign {n}" if n in (3, 33) else "Nothing"
        Event.objects.create(at=BEGAN + timedelta(hours=n), action="sync.finished", reason=reason)


@pytest.mark.parametrize("days", ["", "&from=2025-12-31&to=2026-01-31"])
def test_words_are_looked_for_in_so_many_events_at_a_time(staff, long, days):
    shown, older = follow(staff, f"/activity/?q=campaign{days}", "older")
    assert shown == ["Campaign 33"]
    pages = 1
    while older:
        url, pages = older, pages + 1
        found, older = follow(staff, url, "older")
        shown += found
    assert shown == ["Campaign 33", "Campaign 3"]
    assert pages == 4
    text = staff.get(f"/activity/?q=campaign{days}").content.decode()
    assert "A page searches 20,000 events at a time." in text


def test_the_way_back_looks_through_so_many_as_well(staff, long):
    first = Event.objects.filter(reason="Campaign 3").get().pk
    shown, newer = follow(staff, f"/activity/?q=campaign&after={first}", "newer")
    assert (shown, bool(newer)) == ([], True)
    while newer and not shown:
        shown, newer = follow(staff, newer, "newer")
    assert shown == ["Campaign 33"]


@pytest.mark.parametrize("way", ["older", "newer"])
def test_each_event_of_a_stretch_of_days_is_on_one_page(staff, way):
    """Where the database wrote their moments, SQLite has them with three decimals."""
    Event.objects.bulk_create([Event(action="sync.finished", reason=f"Event {n}") for n in range(120)])
    shown, older = follow(staff, "/activity/?from=2020-01-01&action=sync", "older")
    seen, url = list(shown), older
    while way == "older" and url:
        shown, url = follow(staff, url, "older")
        seen += shown
    if way == "newer":
        shown, newer = follow(staff, older, "newer")
        seen = shown + follow(staff, newer, "newer")[0]
    assert sorted(seen) == sorted({*seen})
    assert len(seen) == (120 if way == "older" else 100)


def test_a_request_id_is_found_wherever_it_is(staff, long):
    Event.objects.create(action="sync.finished", reason="Asked", request_id="request-0001")
    for _ in range(15):
        Event.objects.create(action="sync.finished", reason="Nothing")
    assert follow(staff, "/activity/?q=request-0001", "older") == (["Asked"], "")


def test_digits_find_numbers_and_lines_before_events(staff, monkeypatch):
    monkeypatch.setattr(history, "WINDOW", 2)
    [number] = numbers(1)
    order = Order.objects.create(form_token="t", quantity=3)
    for position, (phone, state) in enumerate(
        [
            (number.e164, LineState.FAILED),
            ("+14155557777", LineState.FAILED),
            ("+14155558888", LineState.REVIEW),
        ],
        start=1,
    ):
        line = Line.objects.create(
            order=order,
            position=position,
            state=state,
            connection=link(),
            area_code="415",
            phone_number=phone,
        )
        Event.objects.create(action=f"line.{state}", line=line, reason=f"Line {position}")
    for _ in range(5):
        Event.objects.create(action="sync.finished", reason="Nothing")
    assert follow(staff, "/activity/?number=5556-0000", "older")[0] == []
    assert follow(staff, "/activity/?number=555-0000", "older")[0] == ["Line 1", "Found"]
    assert follow(staff, "/activity/?number=(415)+555-7777", "older")[0] == ["Line 2"]
    assert follow(staff, "/activity/?number=5558888", "older")[0] == ["Line 3"]


def test_too_many_numbers_are_not_looked_for_by_their_keys(staff, monkeypatch):
    monkeypatch.setattr(history, "KEYS", 2)
    numbers(3)
    assert history.about("415555") is None
    assert follow(staff, "/activity/?number=415555", "older")[0] == ["Found"] * 3


@pytest.mark.parametrize(
    "url",
    [
        "/agents/{agent}/",
        "/drift/",
        "/gate/",
        "/activity/?action=gate",
        "/activity/?action=number",
        "/activity/?number=5550000",
        "/activity/?q=request-0001",
        "/activity/?person=ada",
        "/activity/?from=2026-01-01",
    ],
)
def test_no_page_reads_the_whole_history(staff, url):
    numbers(3)
    Event.objects.create(action="gate.paused", actor_name="ada", request_id="request-0001")
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert staff.get(url.format(agent=agent().pk)).status_code == 200
    events = [query["sql"] for query in asked if "numbers_event" in query["sql"]]
    assert events
    for sql in events:
        steps = steps_of(sql)
        assert not [
            step for step in steps if step.startswith("SCAN numbers_event") and "INDEX" not in step
        ], sql


def test_a_number_of_the_newest_is_taken_from_all_actions(db):
    for n in range(6):
        Event.objects.create(action=["gate.paused", "gate.opened", "sync.finished"][n % 3], reason=str(n))
    asked = history.Asked(actions=["gate.paused", "gate.opened", "journal.begun"])
    assert [event.reason for event in asked.first(3)] == ["4", "3", "1"]
    assert {event.reason for event in asked.all} == {"0", "1", "3", "4"}


def test_numbers_are_those_of_the_books(staff):
    numbers(2)
    assert Number.objects.filter(search_text="").count() == 0
