"""Finding area codes by what people type, and their neighbours."""

from datetime import UTC, datetime

import pytest

from numbers.telephony.area_codes import (
    REGIONS,
    TABLE,
    ZONES,
    areas,
    checked_on,
    nearest,
    search,
    suggestion,
)
from numbers.telephony.place_names import NICKNAMES, canonical


def codes(text: str) -> list[str]:
    return [area.code for area in search(text)]


def test_every_area_has_a_region_a_zone_a_place_and_a_position():
    for area in areas().values():
        assert area.region in REGIONS
        assert area.time_zone in ZONES
        assert area.places, area.code
        assert 18 < area.latitude < 72
        assert -180 < area.longitude < -50


def test_overlays_know_of_each_other_and_lie_in_one_country():
    for area in areas().values():
        for code in area.overlays:
            assert code != area.code
            assert areas()[code].country == area.country
    assert areas()["617"].overlays == ("857",)
    assert set(areas()["212"].overlays) == {"332", "646", "917"}


def test_no_area_of_a_region_lies_far_from_all_the_others_of_it():
    """A mistyped position would."""
    for area in areas().values():
        others = [other for other in areas().values() if other.region == area.region and other != area]
        if others:
            assert min(area.km_to(other) for other in others) < 900, area.code


@pytest.mark.parametrize("text", ["boston", "Boston", " BOSTON ", "boston ma", "Boston, MA"])
def test_a_city_finds_its_codes(text):
    assert {"617", "857"} <= set(codes(text))


@pytest.mark.parametrize("text", ["MA", "ma", "Massachusetts"])
def test_a_state_finds_all_of_its_codes_and_nothing_else(text):
    assert codes(text) == sorted(area.code for area in areas().values() if area.region == "MA")


def test_a_code_finds_itself_and_its_beginning_all_that_begin_so():
    assert codes("617") == ["617"]
    assert codes("41") == ["410", "412", "413", "414", "415", "416", "417", "418", "419"]


def test_a_time_zone_finds_the_codes_that_lie_in_it():
    assert {area.zone for area in search("mountain")} == {"Mountain"}
    assert {"303", "801", "406"} <= set(codes("Mountain time"))


def test_towns_of_the_same_name_are_told_apart_by_their_state():
    assert {area.region for area in search("portland")} == {"ME", "OR"}
    assert codes("portland or") == ["503", "971"]


@pytest.mark.parametrize("text", ["", "   ", "999", "6170", "zzz", "\x00", "%", "'", "a" * 5000])
def test_what_is_nowhere_finds_nothing(text):
    assert codes(text) == []


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("(415)", "415"), ("+1 415", "415"), ("1-415", "415"), ("\uff14\uff11\uff15", "415"), ("415.", "415"),
        ("\u201c415\u201d", "415"), ("\u2019415", "415"),
        ("+1 617 555 0123", "617"), ("617-555-0123", "617"), ("nyc", "212 332 347 465 646 718 917 929"),
        ("The Big Apple", "212 332 347 465 646 718 917 929"), ("New York, NY", "212 332 646 917"),
        ("Philly", "215 267 445"), ("vegas", "702 725"), ("SF", "415 628"), ("L.A.", "213"),
        ("D.C.", "202 771"),
        ("Washington, DC", "202 771"), ("St Louis", "314 557"), ("Saint Louis MO", "314 557"),
        ("st paul", "651"), ("Ft. Worth", "817"), ("Montr\xe9al", "263 438 514"),
        ("Miami, FL", "305 645 786"),
        ("bosten", "617 857"), ("Pheonix", "602 623"), ("pheonix az", "602 623"),
        ("san fransisco", "415 628"),
        ("N.Y.C.", "212 332 347 465 646 718 917 929"), ("nyc, n.y.", "212 646"), ("B-More", "410 443 667"),
        ("Boston, Mass.", "617 857"), ("mont.", "406"), ("W.Va.", "304 681"), ("sf calif", "415 628"),
        ("Minneapolis-St. Paul", "612 651"), ("Dallas/Ft. Worth", "214 817"), ("winston-salem", "336 743"),
        ("area code 617", "617"), ("Houston TX USA", "281 713"), ("Pittsburg", "412 620 878"),
        ("St.-J\xe9r\xf4me", "450 579"), ("P.E.I.", "782 902"),
        ("415, 628", "415 628"), ("628;415", "415 628"), ("415 628 415", "415 628"), ("415 999", "415"),
        ("tornto", "416 437 647 942"), ("masachusetts", "617 857"), ("Portland OR", "503 971"),
    ],
)  # fmt: skip
def test_the_finder_knows_codes_nicknames_and_slips_of_the_finger(typed, expected):
    assert set(expected.split()) <= set(codes(typed))
    assert len(codes(typed)) < 12


def test_a_shortened_region_finds_it_and_leaves_cities_findable():
    assert {area.region for area in search("Fla.")} == {"FL"}
    assert {area.region for area in search("N.Y.")} == {"NY"}
    assert {"FL", "AZ"} == {area.region for area in search("fla")}  # Flagstaff, as far as it was typed
    assert {"514", "406"} <= set(codes("mont"))
    assert {area.region for area in search("LA")} == {"LA"}


@pytest.mark.parametrize("typed", ["usa", "U.S.A.", "us", "United States", "the USA"])
def test_a_country_is_all_of_its_areas(typed):
    assert {area.country for area in search(typed)} == {"US"}
    assert len(search(typed)) > 300


def test_every_nickname_means_a_place():
    assert [name for name in NICKNAMES if not codes(name)] == []
    assert [name for name in NICKNAMES if canonical(name) != name] == ["l.a", "l.a."]


def test_the_table_says_when_it_was_checked_and_from_what():
    assert checked_on() <= datetime.now(UTC).date()
    head = [line for line in TABLE.read_text().splitlines() if line.startswith("#")]
    assert "phonenumbers" in "".join(head)


def test_codes_that_are_newer_than_the_library_are_overlays_of_their_place():
    newer = {"357": "559", "436": "440", "457": "318", "465": "718", "471": "662", "565": "912",
             "621": "713", "624": "716", "679": "313", "729": "423", "837": "530", "861": "309",
             "924": "507"}  # fmt: skip
    for code, old in newer.items():
        assert (areas()[code].region, code in areas()[old].overlays) == (areas()[old].region, True)


def test_a_slip_of_the_finger_is_guessed():
    assert suggestion("bosten") == "Boston"
    assert suggestion("massachusets") == "Massachusetts"
    assert suggestion("qqqq") == ""


def test_the_nearest_areas_begin_with_the_same_place():
    near = [area.code for area in nearest("617")]
    assert near[:3] == ["857", "339", "781"]
    assert len(near) == len(areas()) - 1
    assert [area.code for area in nearest("415")][:3] == ["628", "341", "510"]


def test_an_area_abroad_comes_after_all_at_home():
    near = nearest("313")  # Detroit; Windsor lies across the river
    countries = [area.country for area in near]
    assert countries == sorted(countries, reverse=True)
