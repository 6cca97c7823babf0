"""Calls as the API may tell of them: our own side and how it went, and nothing else."""

from dataclasses import asdict
from datetime import UTC, datetime

import pytest

from numbers import fluents

BASE = "https://fluents.test"
LIST = f"{BASE}/v1/calls/list"
START = "2026-11-26T11:13:00.000Z"
WHOLE = {
    "id": "c-1",
    "is_outgoing": False,
    "to_number": "+14155550123",
    "from_number": "+12025550142",
    "start_time": START,
    "end_time": "2026-11-26T11:13:42.400Z",
    "status": "ended",
    "stage_outcome": "human_disconnected",
    "agent": {"id": "a-1", "name": "Desk"},
    "transcript": "HUMAN: My name is secret.",
    "context": {"caller": "secret"},
    "recording_url": "https://secret",
}


def read(**fields) -> fluents.Call:
    return fluents.Call.from_json(WHOLE | fields)


def page(*items, **fields) -> dict:
    return {"items": list(items), "has_more": False, "total": len(items)} | fields


def test_only_our_own_side_is_kept():
    assert asdict(read()) == {
        "id": "c-1",
        "number": "+14155550123",
        "outgoing": False,
        "agent": "a-1",
        "start": datetime(2026, 11, 26, 11, 13, tzinfo=UTC),
        "is_over": True,
        "answered": True,
        "seconds": 42,
    }
    assert read(is_outgoing=True).number == "+12025550142"


@pytest.mark.parametrize(
    ("fields", "is_over", "answered", "seconds"),
    [
        ({"stage_outcome": "human_unanswered"}, True, False, 0),
        ({"stage_outcome": "call_did_not_connect"}, True, False, 0),
        ({"stage_outcome": "transfer_disconnected"}, True, True, 42),
        ({"status": "error"}, True, False, 0),
        ({"stage_outcome": None}, True, True, 42),
        ({"stage_outcome": None, "errors": ["busy"]}, True, False, 0),
        ({"end_time": None}, True, True, 0),
        ({"end_time": None, "status": "in_progress"}, False, False, 0),
        ({"end_time": None, "status": "not_started", "stage_outcome": None}, False, False, 0),
        ({"end_time": "2026-11-26T11:00:00Z"}, True, True, 0),
        ({"end_time": "2099-11-26T11:00:00Z"}, True, True, 86_400),
        ({"end_time": "soon", "status": 7}, False, False, 0),
    ],
)
def test_how_it_went(fields, is_over, answered, seconds):
    call = read(**fields)
    assert (call.is_over, call.answered, call.seconds) == (is_over, answered, seconds)


@pytest.mark.parametrize(
    "fields",
    [
        {"id": None},
        {"start_time": None},
        {"start_time": "soon"},
        {"is_outgoing": None},
        {"is_outgoing": "false"},
        {"to_number": None},
        {"to_number": "sip:desk@example.com"},
    ],
)
def test_a_call_without_what_it_needs_is_unreadable(client, wire, fields):
    wire.get(LIST, json=page(WHOLE | fields, WHOLE, 7, None))
    found = client.calls(1)
    assert ([call.id for call in found.calls], found.unreadable, found.more) == (["c-1"], 3, False)


def test_it_asks_for_the_latest_first(client, wire):
    wire.get(LIST, json=page(WHOLE, has_more=True, total=300))
    assert client.calls(3).more
    assert wire.calls[0].request.params == {
        "page": "3",
        "size": "100",
        "sort_column": "start_time",
        "sort_desc": "true",
        "filters": "",
    }


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (page(WHOLE, WHOLE | {"start_time": "2026-11-26T11:14:00Z"}), "order"),
        (page(WHOLE, has_more=None), "has_more"),
        (page(WHOLE, total=500), "1 of 500 items"),
        (page(has_more=True), "nothing new"),
        ({"items": None}, "aren't a list"),
    ],
)
def test_a_page_that_contradicts_itself_is_no_page(client, wire, body, why):
    wire.get(LIST, json=body)
    with pytest.raises(fluents.OutcomeUnknown, match=why):
        client.calls(1)


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_api_without_calls(client, wire, status):
    wire.get(LIST, status=status, json={"message": "x"})
    with pytest.raises(fluents.Unsupported):
        client.calls(1)
