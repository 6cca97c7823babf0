"""By which filter the database gets to a page, and what the page says where it did not look at everything."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.listing import match, page, query
from numbers.listing.match import leading
from numbers.listing.query import FILTERS, ORDERS, Query
from numbers.models import Number
from tests.support.queries import steps_of
from tests.views.test_list import at, many, one_of_each, shown  # noqa: F401 -- a fixture

pytestmark = pytest.mark.django_db


@pytest.fixture
def short(monkeypatch):
    """Few numbers are many, and a page walks along five."""
    for module in (match, page):
        monkeypatch.setattr(module, "WINDOW", 5)
    monkeypatch.setattr(match, "MOST", 2)
    monkeypatch.setattr(match, "FEW", 2)
    monkeypatch.setattr(query, "FEW", 2)
    match.sizes.cache_clear()
    yield
    match.sizes.cache_clear()


@pytest.mark.parametrize(
    ("found", "order", "lead"),
    [
        ({"region": 100, "agent": 50_000}, "label", "region"),
        ({"region": 15_000, "agent": 50_000}, "label", ""),
        ({"region": 15_000, "agent": 50_000}, "number", "region"),
        ({"region": 15_000, "agent": 50_000}, "", "region"),
        ({"region": 50_000, "agent": 50_000}, "-number", "region"),
        ({"area_code": 15_000, "agent": 50_000}, "number", "area_code"),
        ({"provider": 50_000, "agent": 50_000}, "", "agent"),
        ({"tag": 50_000}, "", ""),
        ({"bought": 50_000, "tag": 50_000}, "-bought", "bought"),
        ({"bought": 50_000, "tag": 50_000}, "label", ""),
        ({}, "label", ""),
    ],
)
def test_the_filter_that_finds_fewest_leads_where_these_are_few(found, order, lead):
    assert leading(found, order) == lead


@pytest.mark.parametrize("sort", ORDERS)
@pytest.mark.parametrize("filters", ["tag=spring&provider=twilio", "q=desk&region=CA", "agent=a1&region=CA"])
def test_a_page_walks_so_far_and_the_next_goes_on(staff, short, sort, filters):
    many(23)
    wanted = {number.e164 for number in Query.of(filters).numbers()}
    url, found, steps = f"/numbers/?{filters}&sort={sort}", [], []
    while url:
        text = staff.get(url).content.decode()
        steps.append("A page searches 10,000 numbers at a time" in text)
        found += re.findall(r'data-number="([^"]+)"', text)
        link = re.search(r'id="older" href="([^"]+)"', text)
        url = link and link[1].replace("&amp;", "&")
    assert sorted(found) == sorted(wanted)
    assert len(steps) >= 2
    assert steps[0]


def test_the_way_back_walks_as_far(staff, short):
    many(23)
    oldest = Number.objects.earliest("pk").pk
    url, found = f"/numbers/?tag=spring&provider=twilio&after={oldest}", []
    while url:
        text = staff.get(url).content.decode()
        found += re.findall(r'data-number="([^"]+)"', text)
        link = re.search(r'id="newer" href="([^"]+)"', text)
        url = link and link[1].replace("&amp;", "&")
    wanted = set(Query.of("tag=spring&provider=twilio").numbers().values_list("e164", flat=True))
    assert wanted == {e164 for e164 in found if e164 in wanted}
    assert len(found) == len(set(found))


def test_many_are_not_counted(staff, short):
    many(23)
    assert Query.of("agent=a1&region=CA").count() is None
    assert Query.of("agent=a1").count() == 6  # an index alone knows
    assert "so far" in staff.get("/numbers/?agent=a1&region=CA").content.decode()


def test_a_search_that_takes_long_to_count_is_of_many(staff, monkeypatch):
    many(60)
    monkeypatch.setattr(query, "is_dear", lambda text, enough: True)
    assert "Many numbers" in staff.get("/numbers/?q=desk").content.decode()
    assert Query.of("q=desk&agent=a1").count() is not None  # which the agent's index leads


def test_what_finds_very_many_is_not_sorted(staff, monkeypatch):
    many(12)
    monkeypatch.setattr(query, "is_many", lambda text: True)
    text = staff.get("/numbers/?q=desk&sort=label").content.decode()
    assert "Too many to sort: newest first." in text
    assert at(staff, q="desk", sort="label") == at(staff, q="desk")


@pytest.mark.parametrize(
    "params",
    [
        "agent=r&status=any",
        "agent=none",
        "provider=telnyx&region=NY",
        "connection=m&tag=vip&status=inactive",
        "area_code=212&drifted=1&bought_from=2026-03-02",
        "q=5550003&agent=r",
    ],
)
def test_whichever_leads_the_same_numbers_are_found(staff, one_of_each, monkeypatch, params):  # noqa: F811
    asked = dict(part.split("=") for part in params.split("&"))
    for sort in ("", "label", "-bought"):
        wanted = at(staff, **asked, sort=sort)
        assert wanted != []
        for lead in ("", *FILTERS):
            with monkeypatch.context() as patched:
                patched.setattr(query, "leading", lambda found, order, lead=lead: lead)
                assert at(staff, **asked, sort=sort) == wanted, lead


def test_an_unknown_agent_costs_nothing(staff):
    many(60)
    with CaptureQueriesContext(connection) as asked:
        assert at(staff, agent="nobody has this id", sort="label") == []
    [plan] = [sql["sql"] for sql in asked if 'FROM "numbers_number" LEFT' in sql["sql"]]
    steps = " ".join(steps_of(plan))
    assert "number_by_agent" in steps
    assert "number_by_label" not in steps


@pytest.mark.parametrize("sort", [sort for sort in ORDERS if sort])
def test_numbers_that_differ_are_filtered_and_sorted_in_their_index_alone(staff, sort, monkeypatch):
    many(12)
    monkeypatch.setattr(query, "leading", lambda found, order: "drifted")
    every = {
        "agent": "a1", "connection": "c1", "provider": "twilio", "region": "CA", "area_code": "415",
        "status": "active", "wrong": "1", "bought_from": "2026-01-01",
    }  # fmt: skip
    for filters in ({}, every):
        with CaptureQueriesContext(connection) as asked:
            at(staff, drifted="1", sort=sort, **filters)
        [plan] = [sql["sql"] for sql in asked if 'FROM "numbers_number" LEFT' in sql["sql"]]
        assert "USING COVERING INDEX number_drifted" in " ".join(steps_of(plan)), filters


def test_all_numbers_are_on_the_books(staff):
    many(3)
    assert Number.objects.count() == len(at(staff))
