"""Peers that misbehave: which family of error follows, and had they received the request?

Only a failure that proves that nothing left may say so. Whatever else a peer does leaves the outcome unknown.
"""

import gzip
import socket
import threading
import time

import pytest
import requests

from numbers import fluents
from tests.fluents.peers import BODY, HEAD, Authority, Peer, plain, reset
from tests.support.stack import free_port

CONNECT, READ = 0.4, 0.6
SLACK = 0.6  # seconds, for a busy machine
WANT = {"telephony_provider": "twilio", "telephony_account_connection": "c-1", "phone_number": "+14155550123"}
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
EVIDENCE = {"number": "+14155550123", "id": "n-1"}
UNKNOWN = fluents.OutcomeUnknown


def buy(url: str, **want) -> fluents.RemoteNumber:
    return fluents.Client(base_url=url, token="token", timeout=(CONNECT, READ)).buy(**WANT | want)


def after_request(data: bytes, act=lambda peer, connection: None):
    """A script: the whole request is read, DATA is sent, and then ACT happens."""

    def script(peer: Peer, connection: socket.socket) -> None:
        peer.read_request(connection)
        connection.sendall(data)
        act(peer, connection)

    return script


def wait(peer: Peer, connection: socket.socket) -> None:
    peer.ending.wait(5)


def dripping(data: bytes):
    return after_request(b"", lambda peer, connection: peer.drip(connection, data, 0.05))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


BOMB = gzip.compress(b"[" * 20_000_000)
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: %s\r\n"
EMPTY = b"Content-Length: 0\r\n\r\n"

# name: (script, status, evidence)
AFTER_THE_REQUEST = {
    "reset": (after_request(b"", lambda peer, c: reset(c)), None, {}),
    "closed without a word": (after_request(b""), None, {}),
    "silence": (after_request(b"", wait), None, {}),
    "not HTTP": (after_request(b"\x16\x03\x01 what?\r\n\r\n"), None, {}),
    "a status that is none": (after_request(b"HTTP/1.1 2O1 Created\r\n\r\n"), None, {}),
    "HTTP of another age": (after_request(b"HTTP/9.9 201 Created\r\n\r\n"), None, {}),
    "two lengths": (after_request(HEAD + LENGTH + b"Content-Length: 7\r\n\r\n" + BODY), 201, EVIDENCE),
    "too many headers": (after_request(HEAD + b"X: y\r\n" * 200 + LENGTH + b"\r\n" + BODY), 201, EVIDENCE),
    "a header without an end": (after_request(HEAD + b"X: " + b"y" * 80_000), 201, {}),
    "headers byte by byte": (dripping(HEAD + b"X: " + b"y" * 1000), 201, {}),
    "only interim answers": (
        after_request(b"", lambda peer, c: peer.drip(c, b"HTTP/1.1 100 Continue\r\n\r\n" * 50, 0.01)),
        None,
        {},
    ),
    "body byte by byte": (dripping(HEAD + LENGTH + b"\r\n" + BODY), 201, {}),
    "body in bits with pauses": (
        after_request(
            HEAD + b"Content-Length: 9999\r\n\r\n" + BODY, lambda p, c: p.drip(c, b" " * 100, 0.3)
        ),
        201,
        EVIDENCE,
    ),
    "endless body": (after_request(HEAD + b"\r\n", lambda p, c: p.endless(c, b" " * 65_536)), 201, {}),
    "half of the body": (after_request(HEAD + LENGTH + b"\r\n" + BODY[:60]), 201, EVIDENCE),
    "a chunk of no size": (after_request(HEAD + CHUNKED + b"zz\r\n" + BODY), 201, EVIDENCE),
    "chunks without an end": (after_request(HEAD + CHUNKED + chunk(BODY)), 201, EVIDENCE),
    "gzip that is none": (
        after_request(HEAD + b"Content-Encoding: gzip\r\n" + LENGTH + b"\r\n" + BODY),
        201,
        EVIDENCE,
    ),
    "a bomb": (
        after_request(
            HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB, wait
        ),
        201,
        {},
    ),
    "no body": (after_request(HEAD + b"Content-Length: 0\r\n\r\n"), 201, {}),
    "a list": (after_request(HEAD + b"\r\n[" + BODY + b"]"), 201, EVIDENCE),
    "wrapped": (after_request(HEAD + b'\r\n{"id":"x","data":' + BODY + b"}"), 201, EVIDENCE),
    "nested beyond reading": (after_request(HEAD + b"\r\n" + b"[" * 100_000), 201, {}),
    "a number of 5000 digits": (after_request(HEAD + b'\r\n{"number": ' + b"9" * 5000 + b"}"), 201, {}),
    "text in no known encoding": (
        after_request(HEAD + b'\r\n{"label":"\xff\xfe","id":7,"area_code":"415"}'),
        201,
        {"id": "7", "area_code": "415"},
    ),
    "a number as an object": (
        after_request(HEAD + b'\r\n{"number": {"e164": "+14155550123"}, "id": "n-2"}'),
        201,
        {"id": "n-2"},
    ),
    "a number with an extension": (
        after_request(HEAD + b'\r\n{"number": "+14155550123;ext=7", "id": "n-2"}'),
        201,
        {"number": "+14155550123;ext=7", "id": "n-2"},
    ),
    "refused, in half a sentence": (
        after_request(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 99\r\n\r\n{"),
        400,
        {},
    ),
    "redirected to no address": (after_request(REDIRECT % b"http://[" + EMPTY), 302, {}),
    "redirected to bytes": (after_request(REDIRECT % b"\xff\xfe\xe9" + EMPTY), 302, {}),
    "redirected, at length": (
        after_request(REDIRECT % b"/" + b"\r\n", lambda p, c: p.endless(c, b" " * 65_536)),
        302,
        {},
    ),
    "redirected, byte by byte": (
        after_request(
            REDIRECT % b"/" + b"Content-Length: 500\r\n\r\n", lambda p, c: p.drip(c, b"x" * 500, 0.05)
        ),
        302,
        {},
    ),
}  # fmt: skip

# TLS: what follows past the encryption, once the peer has the whole request.
PLAIN = {
    "plaintext": b"HTTP/1.1 201 Created\r\n\r\n{}",
    "zeros": bytes(64),
    "a bad record version": b"\x17\x09\x09\x00\x10" + b"x" * 16,
    "a record that does not decrypt": b"\x17\x03\x03\x00\x20" + b"x" * 32,
    "half a record": b"\x17\x03\x03\x40\x00" + b"x" * 8,
    "an oversized record": b"\x17\x03\x03\xff\xff" + b"x" * 32,
    "an alert in clear": b"\x15\x03\x03\x00\x02\x02\x28",
    "a second handshake": b"\x16\x03\x03\x00\x04\x01\x00\x00\x00",
    "nothing": b"",
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority, monkeypatch):
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(authority.ca))
    return authority


def failure(url: str, **want) -> fluents.FluentsError:
    """What a purchase at URL raises; it must belong to the families, and come in time."""
    begun = time.monotonic()
    with pytest.raises(fluents.FluentsError) as caught:
        buy(url, **want)
    assert time.monotonic() - begun < CONNECT + READ + SLACK
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize("name", AFTER_THE_REQUEST)
def test_whatever_follows_the_request_leaves_the_outcome_unknown(name):
    script, status, evidence = AFTER_THE_REQUEST[name]
    with Peer(script) as peer:
        error = failure(peer.url)
        assert (type(error), error.status, error.evidence) == (UNKNOWN, status, evidence)
        assert len(peer.requests) == peer.connections == 1
    if status == 201:
        done = "Fluents reported success, but its answer couldn't be read"
        assert error.user_message.startswith(done)


@pytest.mark.parametrize("name", ["endless body", "redirected, at length"])
def test_a_body_without_an_end_is_read_no_further_than_to_its_limit(name):
    with Peer(AFTER_THE_REQUEST[name][0]) as peer:
        assert failure(peer.url).detail == "the answer is too large"


@pytest.mark.parametrize("name", PLAIN)
def test_tls_that_breaks_after_the_request_leaves_the_outcome_unknown(trusted, name):
    def script(peer, connection):
        peer.read_request(connection)
        plain(connection, PLAIN[name])

    with Peer(script, tls=trusted.context()) as peer:
        error = failure(peer.url)
        assert (type(error), error.status) == (UNKNOWN, None)
        assert len(peer.requests) == 1


@pytest.mark.parametrize("end", [reset, lambda connection: None], ids=["reset", "cut"])
def test_tls_that_ends_in_the_answer_leaves_the_outcome_unknown(trusted, end):
    script = after_request(HEAD + LENGTH + b"\r\n" + BODY[:70], lambda peer, connection: end(connection))
    with Peer(script, tls=trusted.context()) as peer:
        error = failure(peer.url)
        assert (type(error), error.status, len(peer.requests)) == (UNKNOWN, 201, 1)


def test_a_purchase_over_tls_is_sent_once_and_its_answer_read(trusted):
    with Peer(after_request(HEAD + LENGTH + b"\r\n" + BODY), tls=trusted.context()) as peer:
        number = buy(peer.url)
    assert (number.number, number.status, len(peer.requests)) == ("+14155550123", 201, 1)
    assert b"Host: 127.0.0.1" in peer.requests[0]


CHARSET = HEAD.replace(b"json", b"json; charset=no-such-thing") + LENGTH


@pytest.mark.parametrize(
    "head", [CHARSET, HEAD + LENGTH + b"Set-Cookie: \xff=;;=; expires=never\r\n"], ids=str
)
def test_odd_headers_around_a_good_answer_do_no_harm(head):
    with Peer(after_request(head + b"\r\n" + BODY)) as peer:
        assert buy(peer.url).number == "+14155550123"


@pytest.mark.parametrize(
    "certificate", [{"address": "127.0.0.9"}, {"days": -1}, None], ids=["another host", "expired", "unknown"]
)
def test_a_certificate_that_fails_means_not_sent(authority, monkeypatch, certificate):
    if certificate:
        monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(authority.ca))
    with Peer(after_request(b""), tls=authority.context(**certificate or {})) as peer:
        error = failure(peer.url)
        assert (type(error), peer.requests) == (fluents.NotSent, [])
        assert error.detail == "its certificate isn't valid"


def greeted(data: bytes, act=lambda peer, connection: None):
    def script(peer: Peer, connection: socket.socket) -> None:
        connection.recv(65_536)  # its part of the handshake
        connection.sendall(data)
        act(peer, connection)

    return script


HANDSHAKES = {
    "plain HTTP": greeted(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "zeros": greeted(bytes(64)),
    "closed": greeted(b""),
    "reset": greeted(b"", lambda peer, connection: reset(connection)),
    "an alert": greeted(b"\x15\x03\x03\x00\x02\x02\x28", wait),
    "silence": greeted(b"", wait),
    "byte by byte": greeted(b"", lambda p, c: p.drip(c, b"\x16\x03\x03\x40\x00" + bytes(999), 0.05)),
}


@pytest.mark.parametrize("name", HANDSHAKES)
def test_any_other_handshake_that_fails_proves_nothing_and_sends_nothing(trusted, name):
    with Peer(HANDSHAKES[name]) as peer:
        error = failure(peer.url.replace("http:", "https:"))
        assert (type(error), peer.requests, peer.connections) == (UNKNOWN, [], 1)


def test_a_refused_connection_means_not_sent():
    assert type(failure(f"http://127.0.0.1:{free_port()}")) is fluents.NotSent


def test_a_connection_that_is_not_taken_in_time_means_not_sent():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address, waiting = full.getsockname(), []
        try:
            for _ in range(8):  # more than the kernel lets wait
                waiting.append(socket.socket())
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(address)
            error = failure(f"http://127.0.0.1:{address[1]}")
        finally:
            for one in waiting:
                one.close()
    assert (type(error), error.detail) == (fluents.NotSent, "no connection in time")


def test_a_name_that_is_looked_up_too_long_means_not_sent_and_nothing_is_sent_afterwards(monkeypatch):
    answered, found = threading.Event(), socket.getaddrinfo

    def slow(*args, **kwargs):
        answered.wait(10)
        try:
            return found(*args, **kwargs)
        finally:
            done.set()

    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with Peer(after_request(HEAD + LENGTH + b"\r\n" + BODY)) as peer:
        error = failure(peer.url)
        assert (type(error), error.detail) == (fluents.NotSent, "the address lookup timed out")
        answered.set()
        assert done.wait(5)
        time.sleep(0.1)
        assert peer.connections == 0


def test_a_slow_look_up_leaves_less_time_for_the_rest(monkeypatch):
    found = socket.getaddrinfo

    def slow(*args, **kwargs):
        time.sleep(0.7)
        return found(*args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with Peer(after_request(b"", wait)) as peer:
        begun = time.monotonic()
        error = failure(peer.url)
        assert time.monotonic() - begun < CONNECT + READ + 0.25
        assert (type(error), len(peer.requests)) == (UNKNOWN, 1)


@pytest.mark.parametrize(
    "host", ["no-such-name.invalid", "a" * 70 + ".test", "a..b", "\u2603.invalid", "127.1.1.1.1"]
)
def test_a_name_without_an_address_means_not_sent(host):
    assert isinstance(failure(f"http://{host}"), fluents.NotSent)


@pytest.mark.parametrize(
    "act",
    [
        lambda client: client.buy(**WANT, request_id="a\r\nX-Other: b"),
        lambda client: client.buy(**WANT, request_id=" leading"),
        lambda client: client.buy(**WANT, request_id="\u20ac"),
        lambda client: client.buy(**WANT, request_id="\x00"),
        lambda client: client.buy(**WANT, request_id=7),
        lambda client: client.buy(**WANT, inbound_agent=object()),
        lambda client: client.buy(**WANT, inbound_agent=float("nan")),
        lambda client: client.buy(**WANT, area_code="415"),
        lambda client: client.update(phone_number="\ud800", changes={}),
        lambda client: client.find_number("12"),
    ],
)
def test_what_cannot_be_sent_is_found_before_a_connection_is_opened(act):
    with Peer(after_request(HEAD + LENGTH + b"\r\n" + BODY)) as peer:
        with pytest.raises(fluents.Unsendable) as error:
            act(fluents.Client(base_url=peer.url, token="token", timeout=(CONNECT, READ)))
        assert isinstance(error.value, fluents.NotSent)
        assert "Nothing was sent" in error.value.user_message
        assert peer.connections == 0


@pytest.mark.parametrize("tail", [":99999", ":x", ":-1", "/%zz\x00", "]", "@[", "\\@x"])
def test_an_address_that_cannot_be_used_is_found_before_a_connection_is_opened(tail):
    with Peer(after_request(b"")) as peer:
        error = failure(peer.url.rsplit(":", 1)[0] + tail)
        assert (isinstance(error, fluents.NotSent), peer.connections) == (True, 0)


def test_a_bundle_of_certificates_that_is_none_is_found_before_a_connection_is_opened(monkeypatch, tmp_path):
    nothing = tmp_path / "ca.pem"
    for content in (None, "no certificate"):
        if content:
            nothing.write_text(content)
        monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(nothing))
        with Peer(after_request(b"")) as peer:
            assert type(failure(peer.url.replace("http:", "https:"))) is fluents.Unsendable
            assert peer.connections == 0


def test_a_read_with_its_further_tries_ends_by_the_same_deadline():
    with Peer(dripping(HEAD + b"X: " + b"y" * 1000)) as peer:
        client = fluents.Client(base_url=peer.url, token="token", timeout=(CONNECT, READ))
        begun = time.monotonic()
        with pytest.raises(UNKNOWN):
            client.find_number("+14155550123")
        assert time.monotonic() - begun < CONNECT + READ + SLACK


def test_reads_share_a_connection_until_it_is_gone():
    answer = HEAD.replace(b"201 Created", b"200 OK") + LENGTH + b"\r\n" + BODY

    def script(peer, connection):
        for _ in range(2):
            peer.read_request(connection)
            connection.sendall(answer)

    with Peer(script) as peer:
        client = fluents.Client(base_url=peer.url, token="token", timeout=(CONNECT, READ))
        for opened in (1, 1, 2):
            assert client.find_number("+14155550123").id == "n-1"
            assert peer.connections == opened
            time.sleep(0.05)


def test_a_cookie_is_not_kept_and_spoils_no_later_call():
    head = HEAD.replace(b"201 Created", b"200 OK") + LENGTH + b"Set-Cookie: a=\xff\xfe\r\n\r\n"
    with Peer(after_request(head + BODY)) as peer:
        client = fluents.Client(base_url=peer.url, token="token", timeout=(CONNECT, READ))
        for _ in range(2):
            assert client.find_number("+14155550123").id == "n-1"
        assert not any(b"cookie" in request.lower() for request in peer.requests)


def test_every_purchase_opens_a_connection_of_its_own():
    with Peer(after_request(HEAD + LENGTH + b"\r\n" + BODY, wait)) as peer:
        client = fluents.Client(base_url=peer.url, token="token", timeout=(CONNECT, READ))
        for _ in range(2):
            client.buy(**WANT)
        assert (peer.connections, len(peer.requests)) == (2, 2)
