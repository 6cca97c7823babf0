"""The search finds the same with its index as without, and the database keeps the index up to date."""

import random

import pytest
from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Concat

from numbers.listing import match, page, query, search
from numbers.listing.query import MANY_FOUND, Query
from numbers.models import Agent, Number
from tests.views.test_list import at, keep

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered():
    search.counted.cache_clear()
    match.estimated.cache_clear()
    yield
    match.estimated.cache_clear()


WORDS = ["clinic 12", "Store-7", "línea", "night desk", 'say "hi"', "50% off", "a_b", "24/7", "Ω mega", "x"]


def books(count: int = 60) -> None:
    dice = random.Random(7)
    for n in range(count):
        e164 = f"+1{dice.choice(['415', '212', '646'])}555{n:04}"
        keep(e164, label=dice.choice([*WORDS, ""]), tags=dice.sample(WORDS, dice.randrange(3)))


def found(text: str) -> set[str]:
    return set(Number.objects.filter(search.Search.of(text).holding).values_list("e164", flat=True))


def by_hand(text: str) -> set[str]:
    """What TEXT means, worked out in Python."""
    rows = Number.objects.values_list("e164", "search_text")
    terms = search.terms_of(text)
    return {e164 for e164, held in rows if all(any(part in held for part in parts) for parts in terms)}


TYPED = [
    "5550", "(555) 00", "+1 415", "clinic", "CLINIC 12", "nic", "línea", "LÍN", 'say "hi"', '"', "50%", "a_b",
    "24/7", "ω meg", "store-7", "desk 415", "x", "q", "zz", "41", "4", "st", "e-7", "AND", "NOT clinic", "*",
    "clin*", "415-555-0001 night", "é",
]  # fmt: skip


@pytest.mark.parametrize("index", ["index", "broad", "no index"])
def test_a_search_means_the_same_with_and_without_the_index(index, monkeypatch):
    books()
    if index == "broad":
        monkeypatch.setattr(search, "BROAD", 2)
    if index == "no index":
        monkeypatch.setattr(search, "is_broad", lambda matches: True)
    for text in TYPED:
        assert found(text) == by_hand(text), text
    assert found("clinic 12")
    assert found("41") == {e164 for e164 in found("415") if e164.startswith("+141")}


@pytest.mark.parametrize(
    "typed",
    [
        "813\u2011913\u20110768",
        "813\u2013913\u22120768",
        "+1\xa0813\u202f913\u20090768",
        "\u202a+18139130768\u202c",
        "8139130768\u200e",
        "\uff18\uff11\uff13\uff19\uff11\uff13\uff10\uff17\uff16\uff18",
        "(813) 913-0768",
        "813.913.0768",
        "1-813-913-0768",
        "tel:+1-813-913-0768",
        "001 813 913 0768",
        "813/913-0768",
        "913\u20110768",
        "813\u2014913",
        "\u201c813-913-0768\u201d",
        "Tampa",
        "tampa, fl",
        "Tampa,FL",
        "FL",
        "fl",
        "Florida",
        "florida front",
        "O'Brien",
        "O\u2019Brien",
        "cafe\u0301",
        "cafe",
        "CAF\xc9",
        '"Front"',
        "\u201cfront o\u2019brien\u201d",
        '"813"',
        "Tampa (FL)",
        "tampa , florida",
        "813-913-0768 and 813-913-0769",
    ],
)
def test_a_number_is_found_by_whatever_people_paste_and_by_where_it_is(typed):
    keep("+18139130768", label="Front O\u2019Brien", tags=["Caf\u00e9"])
    keep("+16175550100", label="Other")
    assert found(typed) == {"+18139130768"}


@pytest.mark.parametrize("typed", ["Texas", "TX", "Miami", "813-913-0769", "FLA", "1-800-FLOWERS"])
def test_it_is_not_found_by_anything_else(typed):
    keep("+18139130768", label="Front")
    assert found(typed) == set()


def test_marks_that_nobody_sees_are_no_search():
    assert Query.read({"q": "\u200b\u200e"}).q == ""
    assert Query.read({"q": "'"}).q == "'"


def test_the_database_keeps_the_index_up_to_date():
    number = keep("+14155550100", label="Front desk")
    assert found("front") == {"+14155550100"}
    Number.objects.update(search_text=Concat(F("search_text"), Value("\nafter hours")))
    assert found("hours") == found("front") == {"+14155550100"}
    Number.objects.filter(pk=number.pk).update(search_text="+14155550100\nback office")
    assert (found("front"), found("back office")) == (set(), {"+14155550100"})
    Number.objects.bulk_create(
        [Number(e164="+14155550100", search_text="+14155550100\nattic")],
        update_conflicts=True, unique_fields=["e164"], update_fields=["search_text"],
    )  # fmt: skip
    assert (found("back office"), found("attic")) == (set(), {"+14155550100"})
    number.delete()
    assert found("attic") == found("5550100") == set()


def test_a_lost_trigger_is_put_back_and_what_it_missed_is_read_again():
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has triggers for it")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER numbers_search_insert")
    keep("+14155550100", label="Front desk")
    assert search.missing(connection) == ["numbers_search_insert"]
    assert found("front") == set()
    search.put_up(connection)
    assert search.missing(connection) == []
    assert found("front") == {"+14155550100"}


def test_without_an_index_the_search_still_finds():
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL chooses by itself")
    keep("+14155550100", label="Front desk")
    with connection.cursor() as cursor:
        for name in search.TRIGGERS:
            cursor.execute(f"DROP TRIGGER {name}")
        cursor.execute("DROP TABLE numbers_search")
    assert found("front") == {"+14155550100"}
    assert Query(q="front").count() == 1


def test_what_the_index_knows_to_be_many_is_not_counted(monkeypatch):
    books(20)
    assert Query(q="555").count() == 20
    if connection.vendor == "sqlite":
        monkeypatch.setattr(search, "BROAD", 10)
        assert Query(q="555").count() == MANY_FOUND + 1
        assert Query(q="555", area_code="415").count() < 20


def test_the_index_serves_the_search():
    books(40)
    query = Number.objects.filter(search.Search.of("clinic").holding).order_by("-pk")[:51]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_indexscan = off")
    plan = query.explain()
    assert "numbers_search" in plan if connection.vendor == "postgresql" else "VIRTUAL TABLE" in plan


@pytest.mark.parametrize("soon", [0, 1000])
@pytest.mark.parametrize("more", [{}, {"agent": "r"}, {"sort": "-number"}])
def test_what_few_numbers_hold_is_found_however_many_there_are(staff, monkeypatch, more, soon):
    monkeypatch.setattr(page, "SOON", soon)
    for module in (match, page):
        monkeypatch.setattr(module, "WINDOW", 5)
    reception = Agent.objects.create(api_id="r", name="Reception")
    oldest = keep("+12125550199", agent=reception, label="clinic 12")
    for n in range(10):
        keep(f"+1213555{n:04}", agent=reception)
    books(40)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # which would read so small a table from end to end
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_indexscan = off")
    answer = staff.get("/numbers/", {"q": "2125550199", **more})
    assert "A page searches 10,000 numbers" not in answer.content.decode()
    assert at(staff, q="2125550199", **more) == [oldest.e164]


@pytest.mark.parametrize("typed", ["(415)", "+1 415", "\uff14\uff11\uff15", "415", " 415-"])
def test_the_filter_takes_an_area_code_as_people_write_it(typed):
    assert Query.read({"area_code": typed}).area_code == "415"
    assert Query.read({"area_code": "41"}).area_code == Query.read({"area_code": "Boston"}).area_code == ""


def test_postgresql_counts_no_search_that_finds_many(staff, monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite's index gives one after the other")
    for n in range(60):
        keep(f"+1415555{n:04}", label="desk")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE numbers_number")
    monkeypatch.setattr(query, "FEW", 5)
    assert Query.of("q=desk").count() is None
    assert Query.of("q=%2B14155550007").count() == 1
