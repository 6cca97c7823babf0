"""Finding area codes by what people type, and their neighbours."""

import pytest

from numbers.areas import REGIONS, ZONES, areas, nearest, search, suggestion


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
