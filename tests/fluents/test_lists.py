"""Lists as the API may send them: read whole, or an error that names what is wrong; never in silence."""

from datetime import UTC, datetime
from itertools import count

import pytest

from numbers import fluents
from numbers.fluents.types import Agent, Connection, RemoteNumber

BASE = "https://fluents.test"
LIST = f"{BASE}/v1/numbers/list"


def page(*last: int, **fields) -> dict:
    """A page of numbers that end in LAST."""
    items = [{"id": f"n-{n}", "number": f"+141555501{n:02}"} for n in last]
    return {"items": items, "has_more": False, "total": len(items)} | fields


def listed(client) -> list[int]:
    return [int(number.number[-2:]) for number in client.numbers()]


TWO_RECORDS = {"items": [{"id": "a", "number": "+14155550101"}, {"id": "b", "number": "14155550101"}]}
ENDED = {
    "one page": ([page(1, 2)], [1, 2]),
    "nothing": ([page()], []),
    "two pages": ([page(1, has_more=True, total=2), page(2, total=2)], [1, 2]),
    "an empty last page": ([page(1, has_more=True, total=1), page(total=1)], [1]),
    "one shown twice as rows shifted": ([page(1, 2, has_more=True, total=3), page(2, 3, total=3)], [1, 2, 3]),
    "a last page of known ones": ([page(1, 2, has_more=True, total=2), page(2, total=2)], [1, 2]),
    "fewer in all than there are": ([page(1, has_more=True, total=1), page(2, 3, total=1)], [1, 2, 3]),
    "an estimate of more": ([page(1, total=900, total_is_estimated=True)], [1]),
    "no total": ([page(1, total=None)], [1]),
    "a total in words": ([page(1, total="900")], [1]),
    "two records of one number": ([TWO_RECORDS | {"has_more": False, "total": 2}], [1]),
}


@pytest.mark.parametrize("name", ENDED)
def test_a_list_is_read_to_its_end_and_every_number_once(client, wire, name):
    pages, numbers = ENDED[name]
    for body in pages:
        wire.get(LIST, json=body)
    assert listed(client) == numbers
    assert len(wire.calls) == len(pages)


MORE = {"items": [{"number": "+14155550101"}], "total": 1}
WRONG = {
    "has_more is missing": ([MORE], "has_more"),
    "has_more is empty": ([MORE | {"has_more": None}], "has_more"),
    "has_more is text": ([MORE | {"has_more": "false"}], "has_more"),
    "has_more is a number": ([MORE | {"has_more": 0}], "has_more"),
    "has_more is a list": ([MORE | {"has_more": []}], "has_more"),
    "missing on an empty page": ([{"items": []}], "has_more"),
    "false too early": ([page(1, total=2)], "1 of 2 items"),
    "a total with a fraction": ([page(1, total=2.0)], "1 of 2 items"),
    "false too early, later": ([page(1, has_more=True, total=9), page(2, total=9)], "2 of 9 items"),
    "page is ignored": ([page(1, 2, has_more=True), page(1, 2, has_more=True)], "it repeats"),
    "empty for ever": ([page(1, has_more=True), page(has_more=True)], "it repeats"),
    "empty from the start": ([page(has_more=True)], "it repeats"),
    "only rows beyond reading for ever": ([{"items": [7], "has_more": True}], "it repeats"),
    "no items": ([{"has_more": False}], "items"),
    "items are an object": ([{"items": {"0": 1}, "has_more": False}], "items"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_list_that_contradicts_itself_is_an_error_that_names_how(client, wire, name):
    pages, why = WRONG[name]
    for body in pages:
        wire.get(LIST, json=body)
    with pytest.raises(fluents.OutcomeUnknown, match=why) as error:
        list(client.numbers())
    assert why in error.value.user_message
    assert len(wire.calls) == len(pages)


def test_a_list_that_never_ends_is_an_error(client, wire, monkeypatch):
    monkeypatch.setattr("numbers.fluents.lists.MOST_PAGES", 5)
    fresh = count(1)
    wire.add_callback("GET", LIST, lambda request: (200, {}, more(next(fresh))))
    with pytest.raises(fluents.OutcomeUnknown, match="more than 5 pages"):
        list(client.numbers())
    assert len(wire.calls) == 5


def more(n: int) -> str:
    return f'{{"items": [{{"number": "+1415555{n:04}"}}], "has_more": true}}'


@pytest.mark.parametrize(
    ("pages", "hidden"),
    [
        ([page(1, 2, has_more=True, total=3), page(2, total=3)], 1),  # a new first one has hidden the third
        ([page(1, 2, has_more=True, total=4), page(2, 3, total=4)], 1),
        ([page(1, 2, has_more=True, total=4), page(4, total=3)], 1),  # the first is gone, the third went by
        ([page(1, 2, has_more=True, total=3), page(2, 3, total=3)], 0),
        ([TWO_RECORDS | {"has_more": False, "total": 2}], 0),
        ([page(1, 2, has_more=True, total=9, total_is_estimated=True), page(2)], 0),
    ],
)
def test_what_shifts_between_two_pages_is_counted_as_hidden(client, wire, pages, hidden):
    for body in pages:
        wire.get(LIST, json=body)
    listing = client.numbers()
    assert len({number.number for number in listing}) == len(list_of(pages))
    assert (listing.unreadable, listing.hidden) == (0, hidden)


def list_of(pages: list[dict]) -> set[str]:
    return {item["number"][-10:] for body in pages for item in body["items"]}


UNREADABLE = [
    None, 7, "text", [], {}, {"id": "n-1"}, {"number": None}, {"number": ""}, {"number": "x"},
    {"number": {"e164": 1}}, {"number": "+14155550101 x7"}, {"number": 1.5}, {"number": True},
    {"number": ["+14155550101"]}, {"number": "4155550\n101"}, {"number": "+14155550101\n+14155550102"},
]  # fmt: skip


@pytest.mark.parametrize("item", UNREADABLE, ids=str)
def test_a_number_that_cannot_be_read_is_counted_and_hides_no_other(client, wire, item):
    wire.get(LIST, json={"items": [item, {"number": "+14155550123"}], "has_more": False, "total": 2})
    listing = client.numbers()
    assert [number.number for number in listing] == ["+14155550123"]
    assert listing.unreadable == 1


@pytest.mark.parametrize(
    ("path", "kind"), [("agents", "agents"), ("account_connections", "connections")], ids=lambda v: v
)
def test_agents_and_connections_without_an_id_are_counted_and_whole_numbers_are_ids(client, wire, path, kind):
    items = [{"id": 7}, {"id": "b"}, {"id": None}, {"id": 1.5}, {"id": True}, {}, None, "text"]
    wire.get(f"{BASE}/v1/{path}/list", json={"items": items, "has_more": False, "total": len(items)})
    listing = getattr(client, kind)()
    assert [thing.id for thing in listing] == ["7", "b"]
    assert listing.unreadable == 6


@pytest.mark.parametrize(
    "written", ["4155550123", "(415) 555-0123", 14155550123, 4155550123.0, "1-415-555-0123"]
)
def test_a_number_in_another_form_is_the_same_number(client, wire, written):
    wire.get(LIST, json={"items": [{"number": written}], "has_more": False})
    assert [number.number for number in client.numbers()] == ["+14155550123"]


@pytest.mark.parametrize("written", ["+44 (0)20 7946 0958", "+44(0) 20 7946 0958", "+44 ( 0 ) 2079460958"])
def test_a_trunk_prefix_in_brackets_is_not_part_of_the_number(written):
    assert RemoteNumber.from_json({"number": written}).number == "+442079460958"


@pytest.mark.parametrize("number", ["+14155550199", "14155550124", "+44 20 7946 0958"])
def test_a_look_up_that_answers_about_another_number_is_an_error(client, wire, number):
    wire.get(f"{BASE}/v1/numbers", json={"number": number})
    with pytest.raises(fluents.OtherNumber) as error:
        client.find_number("+14155550123")
    assert isinstance(error.value, fluents.OutcomeUnknown)
    assert "a different number" in error.value.user_message


@pytest.mark.parametrize("number", [None, {"e164": "+14155550123"}, "+14155550123 x7", "5550123"])
def test_a_look_up_whose_number_cannot_be_read_is_an_error(client, wire, number):
    wire.get(f"{BASE}/v1/numbers", json={"number": number, "id": "n-1"})
    with pytest.raises(fluents.OutcomeUnknown, match="couldn't be read"):
        client.find_number("+14155550123")


NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("Sat, 28 Nov 2026 12:00:00 GMT", NOON),
        ("Sat, 28 Nov 2026 12:00:00 -0000", NOON),
        ("Sat, 28 Nov 2026 14:00:00 +0200", NOON),
        ("28 Nov 2026 12:00:00", NOON),
        ("Saturday, 28-Nov-26 12:00:00 GMT", NOON),
        ("Sat Nov 28 12:00:00 2026", NOON),
        ("2026-11-28T12:00:00Z", NOON),
        ("2026-11-28T12:00:00", NOON),
        ("2026-11-28 13:00:00+01:00", NOON),
        (" 2026-11-28T12:00:00.000Z ", NOON),
        ("0001-01-01T00:00:00+14:00", None),
        ("", None),
        ("soon", None),
        ("Thu, 99 Foo 2026 00:00:00 GMT", None),
        (None, None),
        (1.5, None),
        ({}, None),
    ],
)
def test_dates_of_every_kind_are_read_by_one_parser(written, at):
    assert fluents.moment(written) == at


@pytest.mark.parametrize("written", ["Sat, 28 Nov 2026 12:00:00 -0000", "28 Nov 2026 12:00:00", "soon", ""])
def test_the_clock_of_fluents_has_a_zone_or_is_not_known(client, wire, written):
    wire.get(f"{BASE}/v1/agents/list", json=page(), headers={"Date": written})
    assert client.clock() == (NOON if "Nov" in written else None)


def test_a_number_is_kept_whole_without_secrets():
    data = {
        "id": 12,
        "number": "+14155550123",
        "user_id": "u-1",
        "example_context": {"customer": "Ann", "deep": {"keep": [1, 2.5, None, True], "api_key": "CANARY"}},
        "config": {
            "voicemail_detection": {"enabled": True, "keywords": ["beep"]},
            "twilio_auth_token": "CANARY",
            "credentials": {"a": "CANARY"},
            "apiKey": "CANARY",
            "clientSecret": "CANARY",
            "account_sid": "CANARY",
            "password": "CANARY",
            "prompt": {"content": "CANARY"},
            "note": "sk_live_CANARY",
            "header": "Bearer CANARY",
            "author": "Bob",
            "odd": float("inf"),
            "\x00": "a\x00\ud800",
        },
        "sms_enabled": True,
        "is_routing_number": False,
        "tags": ["front", "desk"],
    }
    kept = RemoteNumber.from_json(data).as_json()
    assert "CANARY" not in repr(kept)
    assert (kept["id"], kept["user_id"], kept["tags"]) == ("12", "u-1", ["front", "desk"])
    assert (kept["sms_enabled"], kept["is_routing_number"]) == (True, False)
    assert kept["example_context"] == {"customer": "Ann", "deep": {"keep": [1, 2.5, None, True]}}
    assert kept["config"] == {
        "voicemail_detection": {"enabled": True, "keywords": ["beep"]},
        "note": "",
        "header": "",
        "author": "Bob",
        "odd": None,
        "": "a?",
    }
    assert "status" not in kept


@pytest.mark.parametrize(
    "value", [None, [], "text", 7, {"a": {"b": {"c": {"d": {"e": 1}}}}}, {"x": ["y" * 500] * 50}]
)
def test_free_form_fields_of_another_shape_or_size_are_kept_in_bounds(value):
    number = RemoteNumber.from_json({"number": "+14155550123", "config": value, "sms_enabled": "yes"})
    assert isinstance(number.config, dict)
    assert len(repr(number.config)) < 20_000
    assert (number.sms_enabled, number.example_context, hash(number) is not None) == (None, {}, True)


@pytest.mark.parametrize("kind", [RemoteNumber, Agent, Connection])
@pytest.mark.parametrize("data", [None, 7, "text", [], {}])
def test_what_is_no_object_with_a_key_is_refused(kind, data):
    with pytest.raises(ValueError, match="in the answer"):
        kind.from_json(data)
