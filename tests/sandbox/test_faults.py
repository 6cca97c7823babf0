"""Each fault: what the client sees, and what the ledger says."""

import contextlib
import http.client
import json
import socket
import time

import pytest
import requests

from numbers.sandbox import malformed
from tests.support.stack import TOKEN, wait_until


def raw_buy(sandbox, **fields) -> socket.socket:
    """Sends a purchase over a plain socket, to see what comes back byte by byte."""
    body = {"telephony_provider": "twilio", "telephony_account_connection": sandbox.connection, **fields}
    content = json.dumps(body).encode()
    client = socket.create_connection(("127.0.0.1", sandbox.port), timeout=5)
    head = f"POST /v1/numbers/buy HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    client.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    return client


@pytest.mark.parametrize(("name", "charges"), [("error_before", 0), ("error_after", 1)])
def test_errors(sandbox, name, charges):
    sandbox.fault(name, status=502, body="html")
    answer = sandbox.buy()
    assert answer.status_code == 502
    assert answer.headers["Content-Type"].startswith("text/html")
    assert len(sandbox.charges()) == charges
    sandbox.fault(name)
    assert sandbox.buy().json()["statusCode"] == 500


@pytest.mark.parametrize(("name", "charges"), [("reset_before", 0), ("reset_after", 1)])
def test_resets_are_real(sandbox, name, charges):
    sandbox.fault(name)
    with raw_buy(sandbox, area_code="415") as client, pytest.raises(ConnectionResetError):
        client.recv(1)
    assert len(sandbox.charges()) == charges
    (seen,) = sandbox.requests(path="/v1/numbers/buy")
    assert (seen["fault"], seen["status"]) == (name, 0)


@pytest.mark.parametrize(("name", "charges"), [("hang_before", 0), ("hang_after", 1)])
def test_hangs_and_then_closes(sandbox, name, charges):
    sandbox.fault(name)
    with pytest.raises(requests.ReadTimeout):
        sandbox.call(
            "POST",
            "/v1/numbers/buy",
            timeout=0.1,
            json={
                "telephony_provider": "twilio",
                "telephony_account_connection": sandbox.connection,
                "area_code": "415",
            },
        )
    assert len(sandbox.charges()) == charges
    wait_until(lambda: sandbox.requests(path="/v1/numbers/buy")[0]["status"] == 0)  # the client is gone
    sandbox.fault(name, seconds=0.05)
    with raw_buy(sandbox, area_code="415") as client:
        assert client.recv(1) == b""


@pytest.mark.parametrize("answer", ["reset", "hang", "500"])
def test_late_commit(sandbox, answer):
    sandbox.fault("late_commit", answer=answer, delay=0.15, seconds=0.01)
    wanted = sandbox.offered()[0]
    if answer == "500":
        assert sandbox.buy(phone_number=wanted).status_code == 500
    else:
        with pytest.raises(requests.ConnectionError):
            sandbox.buy(phone_number=wanted)
    assert sandbox.charges() == []
    assert sandbox.control("faults", method="GET")["late_commits_due"] == 1
    wait_until(lambda: sandbox.charged() == [wanted])
    assert sandbox.owned() == [wanted]


def test_late_commit_finds_the_number_ours_already(sandbox):
    sandbox.control("config", {"repeat_buy": "charge"})
    wanted = sandbox.offered()[0]
    sandbox.fault("late_commit", answer="500", delay=0.1)
    assert [sandbox.buy(phone_number=wanted).status_code for _ in range(2)] == [500, 201]
    wait_until(lambda: sandbox.charged() == [wanted, wanted])
    assert sandbox.owned() == [wanted]


@pytest.mark.parametrize(
    "retry_after", ["7", "Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1000000000", "soon", None]
)
def test_rate_limited(sandbox, retry_after):
    sandbox.fault("rate_limited", retry_after=retry_after)
    answer = sandbox.buy()
    assert answer.status_code == 429
    assert answer.headers.get("Retry-After") == retry_after
    assert sandbox.charges() == []


@pytest.mark.parametrize("status", [401, 402, 403, 404, 409, 422])
def test_status(sandbox, status):
    sandbox.fault("status", status=status, message=["no", "never"])
    answer = sandbox.buy()
    assert (answer.status_code, answer.json()["message"]) == (status, ["no", "never"])
    assert sandbox.charges() == []


def test_truncated(sandbox):
    sandbox.fault("truncated")
    with raw_buy(sandbox, area_code="415") as client:
        answer = http.client.HTTPResponse(client)
        answer.begin()
        with pytest.raises(http.client.IncompleteRead) as cut:
            answer.read()
        answer.close()
    assert cut.value.partial.startswith(b'{"id":')
    assert len(sandbox.charges()) == 1


def test_empty_wrong_type_and_huge(sandbox):
    for name in ("empty", "wrong_type", "huge"):
        sandbox.fault(name)
    empty, listed, huge = sandbox.buy(), sandbox.buy(), sandbox.buy()
    assert (empty.status_code, empty.content) == (201, b"")
    assert isinstance(listed.json(), list)
    assert len(huge.content) > 10_000_000
    assert huge.json()["number"] == sandbox.charged()[2]


def test_slow_drip(sandbox):
    sandbox.fault("slow_drip", interval=0.02)
    started = time.monotonic()
    with raw_buy(sandbox, area_code="415") as client:
        while b"\r\n\r\n{" not in (seen := client.recv(65_536, socket.MSG_PEEK)):
            pass
        assert len(seen.partition(b"\r\n\r\n")[2]) < 5
    assert time.monotonic() - started < 1
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize(
    ("commit", "asked", "other"), [("asked", 1, 0), ("other", 0, 1), ("both", 1, 1), ("none", 0, 0)]
)
def test_wrong_number(sandbox, commit, asked, other):
    wanted = sandbox.offered()[0]
    sandbox.fault("wrong_number", commit=commit)
    shown = sandbox.buy(phone_number=wanted).json()["number"]
    assert shown != wanted
    assert shown[:5] == wanted[:5]
    assert sandbox.charged() == sandbox.owned() == [wanted] * asked + [shown] * other


def test_redirect(sandbox):
    sandbox.fault("redirect", status=308, location="http://169.254.169.254/")
    answer = sandbox.call("POST", "/v1/numbers/buy", json={}, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (308, "http://169.254.169.254/")
    assert sandbox.charges() == []


def test_taken_by_somebody_else(sandbox):
    wanted = sandbox.offered()[0]
    sandbox.fault("taken")
    assert [sandbox.buy(phone_number=wanted).status_code for _ in range(2)] == [409, 409]
    assert wanted not in sandbox.offered(limit=100)
    assert sandbox.owned() == sandbox.charges() == []


def test_replay_answers_for_the_second_copy(sandbox):
    wanted = sandbox.offered()[0]
    sandbox.fault("replay")
    assert sandbox.buy(phone_number=wanted).status_code == 409
    assert sandbox.charged() == sandbox.owned() == [wanted]


def test_pending_becomes_active(sandbox):
    sandbox.fault("pending", seconds=0.1)
    number = sandbox.buy().json()
    assert number["active"] is False
    wait_until(lambda: sandbox.get("/v1/numbers", phone_number=number["number"]).json()["active"])


def test_stock_faults(sandbox):
    ours = sandbox.buy().json()["number"]
    path = "/v1/numbers/available"
    for name in ("stale_stock", "no_stock", "wrong_area"):
        sandbox.fault(name, path=path)
    assert sandbox.offered()[0] == ours
    assert sandbox.offered() == []
    elsewhere = sandbox.offered()
    assert elsewhere
    assert not any(number.startswith("+1415") for number in elsewhere)
    assert ours not in sandbox.offered(limit=100)


def test_ignored_filter(sandbox):
    sandbox.control("reset", {"numbers": 3})
    sandbox.fault("ignore_filter", times=2)
    for asked in ("+14155550100", sandbox.owned()[0]):
        shown = sandbox.get("/v1/numbers", phone_number=asked).json()["number"]
        assert shown in sandbox.owned()
        assert shown != asked


def test_page_drift_loses_numbers_that_a_second_look_finds(sandbox):
    sandbox.control("reset", {"numbers": 25})
    everything = set(sandbox.owned())
    sandbox.fault("page_drift", times=6)

    def look() -> set[str]:
        pages = [sandbox.get("/v1/numbers/list", page=page).json() for page in (1, 2, 3)]
        return {item["number"] for page in pages for item in page["items"]}

    first, second = look(), look()
    assert first < everything
    assert first | second == everything


def test_faults_wait_in_order_per_path(sandbox):
    sandbox.control(
        "faults",
        [
            {"fault": "status", "status": 402, "skip": 1, "times": 2},
            "taken",
            {"fault": "status", "path": "/v1/numbers", "method": "GET", "status": 503},
        ],
    )
    waiting = sandbox.control("faults", method="GET")["faults"]
    assert [(f["fault"], f["path"], f["times"], f["skip"]) for f in waiting] == [
        ("status", "/v1/numbers/buy", 2, 1),
        ("taken", "/v1/numbers/buy", 1, 0),
        ("status", "/v1/numbers", 1, 0),
    ]
    assert [sandbox.buy().status_code for _ in range(5)] == [201, 402, 402, 409, 201]
    assert [sandbox.get("/v1/numbers", phone_number="+14155550100").status_code for _ in "ab"] == [503, 404]
    sandbox.fault("empty", times=9)
    assert sandbox.control("faults", method="DELETE") == {"cleared": 1}
    assert sandbox.buy().json()["number"]


def test_faults_spare_requests_without_a_token(sandbox):
    sandbox.fault("status", status=402)
    assert sandbox.call("POST", "/v1/numbers/buy", headers={"Authorization": ""}).status_code == 401
    assert sandbox.buy().status_code == 402


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"fault": "gremlin"}, "known: error_before"),
        ({"fault": "empty", "interval": 1}, "unknown param interval of empty; known: none"),
        ({"fault": "slow_drip", "interval": "1"}, "interval must be seconds"),
        ({"fault": "taken", "path": "/v1/numbers"}, "taken works on /v1/numbers/buy only"),
        ({"fault": "empty", "path": "/v1/nowhere"}, "unknown path"),
        ({"fault": "empty", "times": 0}, "times must be from 1"),
        ({"fault": "rate_limited", "retry_after": "1\r\nX: y"}, "a string of one line"),
        ({"fault": ["x"]}, "unknown fault"),
        (None, "unknown fault"),
    ],
)
def test_unknown_faults_are_refused_and_none_is_queued(sandbox, entry, words):
    answer = sandbox.call("POST", "/_sandbox/faults", json=["empty", entry])
    assert answer.status_code == 400
    assert words in str(answer.json()["message"])
    assert sandbox.control("faults", method="GET")["total"] == 0


@pytest.mark.parametrize("path", ["/v1/numbers/buy", "/v1/numbers/list", "/v1/numbers/cancel", "/v1/agents"])
def test_no_fault_breaks_a_request_that_would_fail_anyway(sandbox, path):
    known = sandbox.call("POST", "/_sandbox/faults", json={"fault": "?"}).json()["message"]
    names = known.split("known: ")[1].split(", ")
    assert len(names) == 33
    for name in names:
        if name == "endless":
            continue  # it ends nothing, whatever the request
        quick = {"seconds": 0} if name.startswith("hang") else {"interval": 0} if "slow" in name else {}
        entry = {"fault": name, "path": path, **quick}
        if sandbox.call("POST", "/_sandbox/faults", json=entry).status_code == 400:
            continue  # for another path only
        method = "POST" if path in ("/v1/numbers/buy", "/v1/numbers/cancel") else "GET"
        with contextlib.suppress(requests.RequestException):
            answer = sandbox.call(method, path, json={}, params={"id": "x"}, allow_redirects=False)
            assert answer.status_code != 500 or name.startswith("error_"), (name, answer.text)
    assert sandbox.control("faults", method="GET")["total"] == 0
    assert sandbox.charges() == []


@pytest.mark.parametrize("how", malformed.HOWS)
def test_malformed_answers_come_after_the_purchase(sandbox, how):
    sandbox.fault("malformed", how=how)
    with raw_buy(sandbox, area_code="415") as client:
        seen = b""
        while part := client.recv(65_536):
            seen += part
    [number] = sandbox.charged()
    head, _, body = seen.partition(b"\r\n\r\n")
    marks = {
        "two_lengths": head.count(b"Content-Length") == 2 and number.encode() in body,
        "many_headers": head.count(b"\r\n") > 200,
        "not_http": seen.startswith(b"\x15\x03"),
        "bad_gzip": b"Content-Encoding: gzip" in head and body.startswith(b'{"id"'),
        "bad_chunks": b"chunked" in head and body.startswith(b"zz\r\n"),
        "nested_deep": body == b"[" * 100_000,
        "not_utf8": body.endswith(b'"\xff\xfe"}'),
        "wrapped": body.startswith(b'{"data":{"id"'),
    }
    assert marks[how], seen[:2000]


@pytest.mark.parametrize("name", ["slow_head", "endless"])
def test_a_head_in_drops_and_a_body_without_an_end_last_until_the_client_leaves(sandbox, name):
    sandbox.fault(name, **({"interval": 0.02} if name == "slow_head" else {}))
    with raw_buy(sandbox, area_code="415") as client:
        seen = b""
        while len(seen) < (20 if name == "slow_head" else 1_000_000):
            seen += client.recv(65_536)
    assert seen.startswith(b"HTTP/1.1 201 Created"[:20])
    assert (b"\r\n\r\n" in seen) is (name == "endless")
    assert len(sandbox.charges()) == 1


def test_a_redirect_may_come_after_the_purchase(sandbox):
    sandbox.fault("redirect", commit=True, location="http://[")
    with raw_buy(sandbox, area_code="415") as client:
        assert b"Location: http://[\r\n" in client.recv(65_536)
    assert len(sandbox.charges()) == 1


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("national", "(415) 555-0123"),
        ("digits", "4155550123"),
        ("integer", 14155550123),
        ("float", 14155550123.0),
        ("object", {"e164": "+14155550123"}),
        ("extension", "+14155550123;ext=7"),
    ],
)
def test_numbers_in_other_forms(sandbox, form, written):
    sandbox.control("numbers", {"number": "+14155550123"})
    sandbox.fault("number_form", path="/v1/numbers/list", form=form)
    sandbox.fault("number_form", path="/v1/numbers", form=form)
    assert sandbox.get("/v1/numbers/list").json()["items"][0]["number"] == written
    assert sandbox.get("/v1/numbers", phone_number="+14155550123").json()["number"] == written
    assert sandbox.owned() == ["+14155550123"]


@pytest.mark.parametrize(
    ("how", "more", "total", "items"),
    [
        ("no_has_more", None, 1, 1),
        ("has_more_text", "false", 1, 1),
        ("ends_early", False, 2, 1),
        ("never_ends", True, 1, 1),
        ("strange_items", False, 1, 4),
    ],
)
def test_lists_that_contradict_themselves(sandbox, how, more, total, items):
    sandbox.control("numbers", {"number": "+14155550123"})
    sandbox.fault("odd_list", how=how)
    listed = sandbox.get("/v1/numbers/list").json()
    assert (listed.get("has_more"), listed["total"], len(listed["items"])) == (more, total, items)
