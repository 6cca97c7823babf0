"""The client against a server that misbehaves, over real HTTP."""

import time

import pytest

from numbers import fluents
from tests.support.stack import TOKEN, free_port

BUY = "/v1/numbers/buy"
UNKNOWN, REFUSED = fluents.OutcomeUnknown, fluents.Refused

ON_BUY = [
    ({"fault": "error_before", "status": 500}, UNKNOWN),
    ({"fault": "error_before", "status": 502, "body": "html"}, UNKNOWN),
    ({"fault": "error_after", "status": 503}, UNKNOWN),
    ({"fault": "reset_before"}, UNKNOWN),
    ({"fault": "reset_after"}, UNKNOWN),
    ({"fault": "hang_before", "seconds": 9}, UNKNOWN),
    ({"fault": "hang_after", "seconds": 9}, UNKNOWN),
    ({"fault": "rate_limited", "retry_after": "5"}, fluents.RateLimited),
    ({"fault": "status", "status": 400}, fluents.Invalid),
    ({"fault": "status", "status": 401}, fluents.Unauthorized),
    ({"fault": "status", "status": 402}, fluents.PaymentRequired),
    ({"fault": "status", "status": 404}, fluents.NotFound),
    ({"fault": "truncated"}, UNKNOWN),
    ({"fault": "empty"}, UNKNOWN),
    ({"fault": "wrong_type"}, UNKNOWN),
    ({"fault": "huge"}, UNKNOWN),
    ({"fault": "slow_drip", "interval": 0.2}, UNKNOWN),
    ({"fault": "redirect", "status": 307}, UNKNOWN),
    ({"fault": "redirect", "status": 303}, UNKNOWN),
    ({"fault": "late_commit", "delay": 0}, UNKNOWN),
    ({"fault": "taken"}, fluents.Conflict),
    ({"fault": "replay"}, fluents.Conflict),
]


@pytest.fixture
def client(sandbox):
    return fluents.Client(base_url=sandbox.url, token=TOKEN, timeout=(0.5, 0.5))


def buy(client, sandbox, **want):
    want = want or {"phone_number": sandbox.offered()[0]}
    return client.buy(telephony_provider="twilio", telephony_account_connection=sandbox.connection, **want)


@pytest.mark.parametrize(
    ("fault", "kind"), ON_BUY, ids=[f"{f['fault']}-{f.get('status', '')}" for f, _ in ON_BUY]
)
def test_every_fault_of_a_purchase_has_its_kind_one_request_and_an_end(client, sandbox, fault, kind):
    sandbox.control("faults", [fault])
    number = sandbox.offered()[0]
    begun = time.monotonic()
    with pytest.raises(fluents.FluentsError) as error:
        buy(client, sandbox, phone_number=number)
    assert type(error.value) is kind
    assert time.monotonic() - begun < 1.5
    assert len(sandbox.requests(path=BUY)) == 1
    assert TOKEN not in f"{error.value!r} {error.value} {error.value.user_message}"


def test_nobody_listening_means_not_sent(sandbox):
    nowhere = fluents.Client(base_url=f"http://127.0.0.1:{free_port()}", token=TOKEN, timeout=(0.5, 0.5))
    with pytest.raises(fluents.NotSent) as error:
        buy(nowhere, sandbox)
    assert error.value.user_message == "Fluents can't be reached. Nothing was sent, so nothing was spent."


def test_a_name_that_nobody_knows_means_not_sent(sandbox):
    nowhere = fluents.Client(base_url="http://nowhere.invalid", token=TOKEN, timeout=(0.5, 0.5))
    with pytest.raises(fluents.NotSent):
        buy(nowhere, sandbox)


def test_a_server_that_does_not_speak_tls_gets_no_request(sandbox):
    plain = fluents.Client(base_url=sandbox.url.replace("http:", "https:"), token=TOKEN, timeout=(0.5, 0.5))
    with pytest.raises(UNKNOWN):
        buy(plain, sandbox)
    assert sandbox.charges() == sandbox.requests(path=BUY) == []


@pytest.mark.parametrize("fault", ["reset_before", "error_before"])
def test_a_read_is_tried_three_times(client, sandbox, fault):
    sandbox.fault(fault, path="/v1/numbers", times=2)
    assert client.find_number("+14155550123") is None
    assert len(sandbox.requests(path="/v1/numbers")) == 3


def test_a_read_gives_up_after_three_times(client, sandbox):
    sandbox.fault("error_before", path="/v1/numbers", times=9)
    with pytest.raises(UNKNOWN):
        client.find_number("+14155550123")
    assert len(sandbox.requests(path="/v1/numbers")) == 3


def test_a_read_does_not_sleep_as_long_as_fluents_likes(client, sandbox):
    sandbox.fault("rate_limited", path="/v1/numbers", retry_after="600", times=3)
    begun = time.monotonic()
    with pytest.raises(fluents.RateLimited) as error:
        client.find_number("+14155550123")
    assert error.value.retry_after == 600
    assert time.monotonic() - begun < 3


def test_a_redirect_of_a_read_is_not_followed_either(client, sandbox):
    sandbox.fault("redirect", path="/v1/numbers", location=f"{sandbox.url}/v1/numbers/list")
    with pytest.raises(UNKNOWN) as error:
        client.find_number("+14155550123")
    assert error.value.status == 307
    assert sandbox.requests(path="/v1/numbers/list") == []


@pytest.mark.parametrize("fault", [{"fault": "huge"}, {"fault": "slow_drip", "interval": 0.2}], ids=str)
def test_a_read_is_bounded_in_time_and_size(client, sandbox, fault):
    sandbox.control("numbers", {"number": "+14155550123"})
    sandbox.control("faults", [{"path": "/v1/numbers", **fault}])
    begun = time.monotonic()
    with pytest.raises(UNKNOWN):
        client.find_number("+14155550123")
    assert time.monotonic() - begun < 2


def test_proxies_and_netrc_of_the_environment_are_ignored(client, sandbox, monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("NO_PROXY", "")
    assert buy(client, sandbox).number == sandbox.charged()[0]


def test_a_purchase_shows_its_number_and_its_request_id_in_the_ledger(client, sandbox):
    number = sandbox.offered()[0]
    client.buy(
        telephony_provider="twilio",
        telephony_account_connection=sandbox.connection,
        phone_number=number,
        request_id="request-1",
    )
    (charge,) = sandbox.charges()
    assert (charge["number"], charge["request_id"]) == (number, "request-1")


def test_every_list_is_read_to_its_end_without_secrets(client, sandbox):
    sandbox.control("reset", {"numbers": 230})
    numbers, agents, connections = list(client.numbers()), list(client.agents()), list(client.connections())
    assert (len({n.number for n in numbers}), len(agents), len(connections)) == (230, 8, 4)
    assert len(sandbox.requests(path="/v1/numbers/list")) == 3
    assert "CANARY" not in repr((numbers, agents, connections, [n.as_json() for n in numbers]))


def test_a_plus_sign_reaches_the_server_as_one(client, sandbox):
    sandbox.control("numbers", {"number": "+14155550123"})
    assert client.find_number("+14155550123").number == "+14155550123"
    assert sandbox.requests(path="/v1/numbers")[0]["query"] == {"phone_number": "+14155550123"}


@pytest.mark.parametrize("path", ["/v1/numbers/available", "/v1/numbers/list"])
def test_an_api_without_a_path_says_so(client, sandbox, path):
    sandbox.control("config", {"disabled_paths": [path]})
    want = {"telephony_provider": "twilio", "telephony_account_connection": sandbox.connection}
    read = {
        "/v1/numbers/list": lambda: list(client.numbers()),
        "/v1/numbers/available": lambda: client.available(**want, area_code="415"),
    }[path]
    with pytest.raises(fluents.Unsupported):
        read()
    assert client.has_list() is (path != "/v1/numbers/list")
