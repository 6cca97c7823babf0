"""The client at the wire: what leaves, and what comes in."""

import json
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import HTTPException

import pytest
import requests
import yaml
from responses.matchers import (
    header_matcher,
    json_params_matcher,
    query_param_matcher,
    request_kwargs_matcher,
)
from urllib3.exceptions import LocationParseError

from numbers import fluents
from numbers.fluents import transport
from numbers.fluents.types import Agent, Connection, RemoteNumber
from tests.support.stack import ROOT

BASE = "https://fluents.test"
BUY = f"{BASE}/v1/numbers/buy"
TOKEN = "secret-token-of-this-test"
WANT = {"telephony_provider": "twilio", "telephony_account_connection": "connection-1"}
NUMBER = {"id": "n-1", "user_id": "u-1", "number": "+14155550123", "example_context": {}}
AREA = {"area_code": "415"}


@pytest.fixture
def client():
    return fluents.Client(base_url=f"{BASE}/", token=TOKEN, timeout=(3, 45))


def urls(wire) -> list[str]:
    return [call.request.url for call in wire.calls]


def schema(name: str) -> dict:
    document = yaml.safe_load((ROOT / "tests/data/fluents_openapi.yml").read_text())
    return document["components"]["schemas"][name]


@pytest.mark.parametrize(
    ("want", "body"),
    [
        ({"area_code": "415"}, {"area_code": "415"}),
        ({"phone_number": "+14155550123"}, {"phone_number": "+14155550123"}),
        (
            {"area_code": "415", "inbound_agent": "agent-1"},
            {"area_code": "415", "inbound_agent": "agent-1"},
        ),
    ],
)
def test_a_purchase_sends_what_is_wanted_and_nothing_else(client, wire, want, body):
    wire.post(
        BUY,
        json=NUMBER,
        status=201,
        match=[
            json_params_matcher(WANT | body),
            header_matcher(
                {
                    "Authorization": f"Bearer {TOKEN}",
                    "X-Request-Id": "request-1",
                    "Connection": "close",
                    "Content-Type": "application/json",
                }
            ),
        ],
    )
    assert client.buy(**WANT, **want, request_id="request-1").number == "+14155550123"
    assert urls(wire) == [BUY]


def test_a_purchase_waits_long_and_a_read_a_short_while_and_neither_is_redirected(client, wire):
    kept = {"stream": True, "verify": True, "cert": None, "proxies": {}}
    wire.post(BUY, json=NUMBER, match=[request_kwargs_matcher(kept | {"timeout": (3, 45)})])
    patient = request_kwargs_matcher(kept | {"timeout": (3, 10)})
    wire.get(f"{BASE}/v1/numbers", json=NUMBER, match=[patient])
    client.buy(**WANT, **AREA)
    client.find_number("+14155550123")
    assert urls(wire) == [BUY, f"{BASE}/v1/numbers?phone_number=%2B14155550123"]


def test_the_purchase_and_its_answer_are_those_of_the_published_document(client, wire):
    asked, answered = schema("BuyNumberDto"), schema("NormalizedNumberDto")
    example = {name: field.get("example", {}) for name, field in answered["properties"].items()}
    assert set(answered["required"]) <= set(example)
    wire.post(BUY, json=example, status=201)
    number = client.buy(**WANT, **AREA, inbound_agent="agent-1")
    sent = json.loads(wire.calls[0].request.body)
    assert set(sent) <= set(asked["properties"])
    assert set(asked["required"]) <= set(sent)
    assert all(isinstance(value, str) for value in sent.values())
    assert (number.number, number.id) == ("+1234567890", example["id"])
    assert (number.telephony_provider, number.inbound_agent) == ("twilio", "agent_123")
    assert (number.inbound_agent_name, number.label) == ("Agent Name", "My Phone Number")
    assert number.telephony_account_connection == example["telephony_account_connection"]


@pytest.mark.parametrize("name", ["BadRequestError", "NotFoundError"])
def test_errors_are_read_as_the_published_document_shapes_them(client, wire, name):
    status = {"BadRequestError": 400, "NotFoundError": 404}[name]
    assert set(schema(name)["required"]) == {"message", "error", "statusCode"}
    wire.post(BUY, status=status, json={"message": "No such agent.", "error": "x", "statusCode": status})
    with pytest.raises(fluents.Refused) as refused:
        client.buy(**WANT, **AREA)
    assert (refused.value.detail, refused.value.status) == ("No such agent", status)


@pytest.mark.parametrize("want", [{}, {"area_code": "415", "phone_number": "+14155550123"}])
def test_a_purchase_names_either_an_area_or_a_number(client, wire, want):
    with pytest.raises(fluents.NotSent, match="either an area code or a phone number"):
        client.buy(**WANT, **want)
    assert urls(wire) == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, fluents.OutcomeUnknown),
        (302, fluents.OutcomeUnknown),
        (303, fluents.OutcomeUnknown),
        (307, fluents.OutcomeUnknown),
        (308, fluents.OutcomeUnknown),
        (400, fluents.Invalid),
        (401, fluents.Unauthorized),
        (402, fluents.PaymentRequired),
        (403, fluents.Unauthorized),
        (404, fluents.NotFound),
        (405, fluents.Unsupported),
        (408, fluents.OutcomeUnknown),
        (409, fluents.Conflict),
        (418, fluents.Refused),
        (422, fluents.Invalid),
        (429, fluents.RateLimited),
        (500, fluents.OutcomeUnknown),
        (501, fluents.Unsupported),
        (502, fluents.OutcomeUnknown),
        (503, fluents.OutcomeUnknown),
        (504, fluents.OutcomeUnknown),
        (599, fluents.OutcomeUnknown),
    ],
)
def test_every_status_has_its_kind_of_error_and_one_request(client, wire, status, kind):
    wire.post(BUY, status=status, json={"message": "Why"}, headers={"Location": "https://elsewhere.test/"})
    with pytest.raises(fluents.FluentsError) as error:
        client.buy(**WANT, **AREA)
    assert (type(error.value), error.value.status) == (kind, status)
    assert error.value.request == "POST /v1/numbers/buy"
    assert urls(wire) == [BUY]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"message": "One."}, "One"),
        ({"message": ["One", "Two"]}, "One; Two"),
        (
            {"detail": [{"loc": ["body"], "msg": "field required"}, {"msg": "too short"}]},
            "field required; too short",
        ),
        ({"detail": "Not here"}, "Not here"),
        ({"message": {"msg": "nested"}}, "nested"),
        ({"message": [{"msg": 7}, {"msg": None}, {}]}, "7"),
        ({"message": 12}, "12"),
        ({"message": None}, ""),
        ({}, ""),
        (["a list"], ""),
        ("a string", ""),
        ({"message": "x" * 1000}, "x" * 300),
    ],
)
def test_fluents_own_words_are_found_in_every_shape(client, wire, body, detail):
    wire.post(BUY, status=422, json=body)
    with pytest.raises(fluents.Invalid) as error:
        client.buy(**WANT, **AREA)
    assert error.value.detail == detail


def in_seconds(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("0", 0),
        ("7", 7),
        ("1.5", 1.5),
        ("-5", None),
        ("1e9", 3600),
        ("inf", 3600),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Thu, 99 Foo 2026 00:00:00 GMT", None),
        ("Mon, 01 Jan 2024 00:00:00 -0000", None),
    ],
)
def test_retry_after_in_seconds_or_not_at_all(client, wire, header, pause):
    wire.post(BUY, status=429, headers={} if header is None else {"Retry-After": header})
    with pytest.raises(fluents.RateLimited) as error:
        client.buy(**WANT, **AREA)
    assert error.value.retry_after == pause


@pytest.mark.parametrize(("seconds", "low", "high"), [(90, 85, 90), (10_000, 3600, 3600), (-60, None, None)])
def test_retry_after_as_a_date(seconds, low, high):
    pause = transport.retry_after(in_seconds(seconds))
    assert pause is None if low is None else low <= pause <= high


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("+14155550123", "+14155550123"),
        ("14155550123", "+14155550123"),
        (" +1 (415) 555-0123 ", "+14155550123"),
        (14155550123, "+14155550123"),
        ("+49301234567", "+49301234567"),
        ("123456", ""),
        ("+1234567", "+1234567"),
        ("+44" + "1" * 13, "+44" + "1" * 13),
        ("+44" + "1" * 14, ""),
        ("+" + "1" * 12, ""),
        # without a plus sign: the national form of +1, or whole, as the older API stored them
        ("(415) 555-0123", "+14155550123"),
        ("415-555-0123", "+14155550123"),
        ("415.555.0123", "+14155550123"),
        ("4155550123", "+14155550123"),
        (4155550123, "+14155550123"),
        ("1 (415) 555-0123", "+14155550123"),
        ("tel:+1-415-555-0123", "+14155550123"),
        ("+1\u00a0415\u2011555\u20110123", "+14155550123"),
        (14155550123.0, "+14155550123"),
        ("441415550101", "+441415550101"),
        # of which country, or which number?
        ("5550123", ""),
        ("1234567", ""),
        ("4930123456", ""),
        ("49 30 123456789", ""),
        ("415 555 0123 7", ""),
        ("04155550123", ""),
        ("+04155550123", ""),
        ("011 44 20 7946 0958", ""),
        # an extension, or more than one
        ("+14155550123 x12", ""),
        ("+14155550123;ext=7", ""),
        ("+14155550123,,9", ""),
        ("+14155550123 ext. 7", ""),
        ("+14155550123#9", ""),
        ("+14155550123-12", ""),
        ("+1 (415) 555-0123 12", ""),
        ("+14155550123.0", ""),
        ("141555501237", ""),
        ("+14155550123 / +14155550124", ""),
        ("+14155550123+14155550124", ""),
        # nothing that a number is written as
        (14155550123.5, ""),
        (1e300, ""),
        (float("nan"), ""),
        (-4155550123, ""),
        ({"e164": "+14155550123"}, ""),
        (["+14155550123"], ""),
        ("", ""),
        (None, ""),
        (True, ""),
        ("not a number", ""),
        ("١٤١٥٥٥٥٠١٢٣", ""),
    ],
)
def test_e164(value, number):
    assert fluents.e164(value) == number


def test_a_list_is_read_until_has_more_is_false_whatever_its_total_says(client, wire):
    for page, more in [(1, True), (2, True), (3, False)]:
        wire.get(
            f"{BASE}/v1/numbers/list",
            json={"items": [{"number": f"+1415555010{page}"}], "has_more": more, "total": 1},
            match=[query_param_matcher({"page": page, "size": 100})],
        )
    assert [number.number for number in client.numbers()] == [f"+1415555010{n}" for n in (1, 2, 3)]
    assert len(wire.calls) == 3


@pytest.mark.parametrize("body", [{}, {"items": None}, {"items": {"0": NUMBER}}, [NUMBER]])
def test_a_list_that_cannot_be_read_is_not_an_empty_one(client, wire, body):
    wire.get(f"{BASE}/v1/numbers/list", json=body)
    with pytest.raises(fluents.OutcomeUnknown):
        list(client.numbers())


def test_odd_rows_do_not_hide_the_others(client, wire):
    items = [None, "text", 7, [], {}, {"number": None}, {"number": "x"}, NUMBER, {"number": {"a": 1}}]
    wire.get(f"{BASE}/v1/numbers/list", json={"items": items, "has_more": False})
    assert [number.number for number in client.numbers()] == ["+14155550123"]


@pytest.mark.parametrize("path", ["numbers", "agents", "account_connections"])
@pytest.mark.parametrize(
    ("status", "message"), [(404, "Cannot GET"), (404, "Not Found"), (405, ""), (501, "")]
)
def test_a_list_that_is_not_there_is_unsupported(client, wire, path, status, message):
    wire.get(f"{BASE}/v1/{path}/list", status=status, json={"message": message})
    read = {"numbers": client.numbers, "agents": client.agents, "account_connections": client.connections}[
        path
    ]
    with pytest.raises(fluents.Unsupported):
        list(read())


@pytest.mark.parametrize(
    "found", ["+14155550123", "14155550123", "1 415 555 0123", "(415) 555-0123", 4155550123]
)
def test_a_look_up_compares_digits(client, wire, found):
    wire.get(f"{BASE}/v1/numbers", json={"number": found})
    assert client.find_number("+14155550123").number == "+14155550123"


def test_a_404_is_not_found_and_any_other_error_is_raised(client, wire):
    wire.get(f"{BASE}/v1/numbers", status=404, json={"message": "Phone number not found"})
    assert client.find_number("+14155550123") is None
    wire.reset()
    wire.get(f"{BASE}/v1/numbers", status=401)
    with pytest.raises(fluents.Unauthorized):
        client.find_number("+14155550123")


def test_the_search_asks_for_the_area_and_believes_nothing_else(client, wire):
    offers = [{"number": "+14155550101"}, {"number": "+12125550101"}, {"number": "+441415550101"}]
    params = {"limit": 20, "filters": '{"area_code": "415"}', **WANT}
    wire.get(f"{BASE}/v1/numbers/available", json={"items": offers}, match=[query_param_matcher(params)])
    assert [offer.number for offer in client.available(**WANT, area_code="415")] == ["+14155550101"]


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_search_that_is_not_there_is_unsupported(client, wire, status):
    wire.get(f"{BASE}/v1/numbers/available", status=status)
    with pytest.raises(fluents.Unsupported):
        client.available(**WANT, area_code="415")


@pytest.mark.parametrize("body", ["[]", "null", '"text"', "{", "", '{"number": "none"}', "[" * 100_000])
def test_a_good_status_with_an_unreadable_body_leaves_the_outcome_unknown(client, wire, body):
    wire.post(BUY, status=201, body=body)
    with pytest.raises(fluents.OutcomeUnknown, match="couldn't be read"):
        client.buy(**WANT, **AREA)


@pytest.mark.parametrize(
    "failure",
    [
        requests.ReadTimeout("x"),
        requests.ConnectionError("Connection aborted."),
        requests.exceptions.SSLError("EOF in violation of protocol"),
        requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED"),
        requests.exceptions.ChunkedEncodingError("x"),
        requests.exceptions.ContentDecodingError("x"),
        requests.exceptions.InvalidHeader("x"),
        requests.exceptions.InvalidURL("x"),
        LocationParseError("x"),
        HTTPException("x"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "x"),
        UnicodeError("x"),
        LookupError("x"),
        ValueError("x"),
        TypeError("x"),
        OSError("x"),
        RecursionError("x"),
        MemoryError("x"),
        zlib.error("x"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_whatever_is_raised_once_a_request_is_under_way_leaves_the_outcome_unknown(client, wire, failure):
    wire.post(BUY, body=failure)
    with pytest.raises(fluents.OutcomeUnknown):
        client.buy(**WANT, **AREA)
    assert len(wire.calls) == 1


@pytest.mark.parametrize("token", ["", "with\nnewline", "with\r\nX-Other: header", "tok€n", "\x00"])
def test_without_a_usable_token_nothing_is_sent(wire, token):
    client = fluents.Client(base_url=BASE, token=token, timeout=(3, 45))
    for call in (lambda: client.buy(**WANT, **AREA), lambda: client.find_number("+14155550123")):
        with pytest.raises(fluents.NotConfigured) as error:
            call()
        assert "FLUENTS_API_TOKEN" in error.value.user_message
    assert urls(wire) == []


@pytest.mark.parametrize("url", ["", "fluents.test", "ftp://fluents.test", "https://", "http://[bad"])
def test_an_address_that_is_none_means_not_sent(url):
    with pytest.raises(fluents.NotSent):
        fluents.Client(base_url=url, token=TOKEN, timeout=(1, 1)).buy(**WANT, **AREA)


def test_the_token_is_in_no_repr_and_no_error(client, wire):
    wire.post(BUY, body=requests.ConnectionError(f"Bearer {TOKEN}"))
    with pytest.raises(fluents.FluentsError) as error:
        client.buy(**WANT, **AREA)
    texts = [repr(client), str(client), repr(client._auth), str(client._auth)]
    texts += [repr(error.value), str(error.value), error.value.user_message, error.value.detail]
    assert [text for text in texts if TOKEN in text] == []
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ is True


def test_an_error_shows_nothing_of_the_body(client, wire):
    wire.post(BUY, status=500, body="<html>stack trace</html>")
    with pytest.raises(fluents.OutcomeUnknown) as error:
        client.buy(**WANT, **AREA)
    assert str(error.value) == "POST /v1/numbers/buy: 500"
    assert error.value.user_message == "Fluents gave no clear answer."


def test_nested_secrets_have_no_place_to_go():
    secret = {"twilio_auth_token": "CANARY", "prompt": {"content": "CANARY"}}
    row = {
        "number": "+14155550123",
        "inbound_agent": {"id": "agent-1", "name": "Reception", **secret},
        "telephony_account_connection": {"id": "connection-1", "credentials": secret},
        "telephony_provider": {"id": "twilio", **secret},
        "example_context": {"key": "CANARY"},
        "config": secret,
        "tags": ["a", secret, 7, "b"],
        "label": secret,
        **secret,
    }
    number = RemoteNumber.from_json(row)
    agent = Agent.from_json({"id": "agent-1", "name": "Reception", "language": secret, **secret})
    connection = Connection.from_json({"id": "c", "type": "account_connection_twilio", "credentials": secret})
    shown = repr((number, number.as_json(), agent, connection))
    assert "CANARY" not in shown
    assert (number.inbound_agent, number.inbound_agent_name, number.tags) == (
        "agent-1",
        "Reception",
        ("a", "b"),
    )
    assert (number.telephony_account_connection, number.telephony_provider) == ("connection-1", "twilio")
    assert connection.provider == "twilio"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("agent-1", "agent-1"),
        ({"id": "agent-1"}, "agent-1"),
        ({"id": "agent-1", "name": None}, "agent-1"),
        (7, "7"),
        ({"id": 7}, "7"),
        (0, "0"),
    ],
)
def test_a_reference_may_be_an_id_or_a_nested_object_and_a_whole_number_is_an_id(value, key):
    assert RemoteNumber.from_json(NUMBER | {"inbound_agent": value}).inbound_agent == key


@pytest.mark.parametrize("value", [None, "", {}, {"id": None}, {"id": {"id": "x"}}, [], 7.5, True, 10**40])
def test_anything_else_refers_to_nothing(value):
    assert RemoteNumber.from_json(NUMBER | {"inbound_agent": value}).inbound_agent == ""


@pytest.mark.parametrize("row", [{}, {"id": ""}, {"id": None}, {"id": []}])
@pytest.mark.parametrize("kind", [Agent, Connection])
def test_a_row_without_an_id_is_no_row(kind, row):
    with pytest.raises(ValueError, match="no id"):
        kind.from_json(row)
