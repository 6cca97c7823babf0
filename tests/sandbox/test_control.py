"""The other side of /_sandbox: config, storms, changes behind everybody's back, and survival."""

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
import requests

from tests.support.stack import ROOT, TOKEN, wait_until


def test_requests_are_recorded_without_the_token(sandbox):
    sandbox.buy(area_code="312")
    sandbox.get("/v1/numbers", phone_number="+13125550100")
    seen = sandbox.requests()
    assert [(r["method"], r["path"], r["status"]) for r in seen[-2:]] == [
        ("POST", "/v1/numbers/buy", 201),
        ("GET", "/v1/numbers", 404),
    ]
    assert seen[-2]["body"]["area_code"] == "312"
    assert seen[-1]["query"] == {"phone_number": "+13125550100"}
    assert TOKEN not in str(seen)
    assert len(sandbox.requests(path="/v1/numbers/buy", method="POST")) == 1
    sandbox.control("config", {"requests_kept": 1})
    assert len(sandbox.requests()) == 1


def test_look_up_lag_hides_young_purchases_from_reads(sandbox):
    sandbox.control("config", {"lookup_lag": 0.3})
    bought_at = time.time()
    number = sandbox.buy(area_code="310").json()["number"]
    hidden = (sandbox.get("/v1/numbers", phone_number=number).status_code, sandbox.owned())
    offered = sandbox.offered("310")
    if time.time() < bought_at + 0.3:
        assert hidden == (404, [])
        assert number in offered
    assert sandbox.buy(phone_number=number).status_code == 409
    wait_until(lambda: sandbox.owned() == [number])
    assert number not in sandbox.offered("310")


def test_config_is_checked_as_a_whole(sandbox):
    answer = sandbox.call("POST", "/_sandbox/config", json={"repeat_buy": "ok", "speed": 1, "only_buy": 2})
    assert answer.status_code == 400
    assert len(answer.json()["message"]) == 2
    config = sandbox.control("config", method="GET")
    assert (config["repeat_buy"], config["stock_per_area_code"]) == ("conflict", 40)
    for bad in ({"latency_ms": [5, 1]}, {"storm": {"share": 2}}, {"storm": {"kinds": ["no_stock"]}}, []):
        assert sandbox.call("POST", "/_sandbox/config", json=bad).status_code == 400


def test_paths_can_be_taken_away(sandbox):
    sandbox.control("config", {"disabled_paths": ["/v1/numbers/available"]})
    assert sandbox.get("/v1/numbers/available").json()["message"] == "Cannot GET /v1/numbers/available"
    assert sandbox.get("/v1/numbers/list").status_code == 200
    sandbox.control("config", {"only_buy": True, "disabled_paths": []})
    assert sandbox.get("/v1/numbers/list").status_code == 404
    assert sandbox.buy().status_code == 201


def test_token_and_latency_change_at_once(sandbox):
    sandbox.control("config", {"token": "fresh", "latency_ms": [30, 40]})
    started = time.monotonic()
    assert sandbox.get("/v1/numbers/list").status_code == 401
    assert time.monotonic() - started >= 0.03
    sandbox.control("reset")
    assert sandbox.get("/v1/numbers/list").status_code == 200


def test_a_storm_is_the_same_for_the_same_seed(sandbox):
    kinds = ["error_after", {"fault": "status", "status": 429}, {"fault": "late_commit", "answer": "500"}]

    def weather(seed: int) -> list[str | None]:
        sandbox.control("reset")
        sandbox.control("config", {"storm": {"seed": seed, "share": 0.5, "kinds": kinds, "late_max": 0.05}})
        for _ in range(40):
            sandbox.buy(area_code="646")
        wait_until(lambda: sandbox.control("faults", method="GET")["late_commits_due"] == 0)
        faults = [r["fault"] for r in sandbox.requests(path="/v1/numbers/buy")]
        assert len(sandbox.charges()) == sum(fault != "status" for fault in faults)
        return faults

    first = weather(1)
    assert first == weather(1) != weather(2)
    assert 10 < sum(fault is not None for fault in first) < 30
    assert {fault for fault in first if fault} == {"error_after", "status", "late_commit"}


def test_numbers_change_behind_everybodys_back(sandbox):
    added = sandbox.control("numbers", {"area_code": "617", "label": "Console", "inbound_agent": "Reception"})
    number = added["number"]
    assert number.startswith("+1617")
    assert sandbox.owned() == [number]
    assert sandbox.call("POST", "/_sandbox/numbers", json={"number": number}).status_code == 409
    path = "numbers?phone_number=%2B" + number[1:]
    changed = sandbox.control(path, {"inbound_agent": None, "active": False, "tags": ["x"]}, "PATCH")
    assert "inbound_agent" not in changed
    assert (changed["active"], changed["tags"]) == (False, ["x"])
    changed = sandbox.control(path, {"telephony_account_connection": None}, "PATCH")
    assert "telephony_account_connection" not in changed
    assert changed["telephony_provider"] == "twilio"
    detached = sandbox.call("POST", "/v1/numbers/detach", params={"phone_number": number})
    assert (detached.status_code, sandbox.owned()) == (400, [number])
    sandbox.control(path, method="DELETE")
    assert sandbox.owned() == sandbox.charges() == []


def test_agents_come_and_go(sandbox):
    agent = sandbox.control("agents", {"name": "Night porter"})
    number = sandbox.buy(inbound_agent="Night porter").json()
    assert number["inbound_agent"] == agent["id"]
    path = f"agents?id={agent['id']}"
    sandbox.control(path, {"name": "Day porter"}, "PATCH")
    assert sandbox.get("/v1/agents", id=agent["id"]).json()["name"] == "Day porter"
    sandbox.control(path, method="DELETE")
    assert sandbox.get("/v1/agents", id=agent["id"]).status_code == 404
    assert "inbound_agent" not in sandbox.get("/v1/numbers", phone_number=number["number"]).json()


def test_a_large_fleet(sandbox):
    assert sandbox.control("reset", {"numbers": 3000})["numbers"] == 3000
    page = sandbox.get("/v1/numbers/list", page=30, size=100).json()
    assert (len(page["items"]), page["total"], page["has_more"]) == (100, 3000, False)
    assert sandbox.call("POST", "/_sandbox/reset", json={"numbers": -1}).status_code == 400


def test_everything_survives_kill_9(own_sandbox):
    sandbox = own_sandbox("--seed", "5")
    offered = sandbox.offered("206", limit=100)
    ours = sandbox.buy(phone_number=offered[0]).json()["number"]
    sandbox.fault("taken")
    sandbox.buy(phone_number=offered[1])
    sandbox.control("config", {"repeat_buy": "ok", "lookup_lag": 0})
    sandbox.fault("late_commit", answer="reset", delay=0.6)
    with pytest.raises(requests.ConnectionError):
        sandbox.buy(phone_number=offered[2])
    sandbox.fault("status", status=402, skip=1)
    last_n = sandbox.requests()[-1]["n"]
    sandbox.crash()
    sandbox.options = ()
    sandbox.start()
    assert sandbox.charged()[:1] == sandbox.owned()[:1] == [ours]
    assert sandbox.control("config", method="GET")["repeat_buy"] == "ok"
    assert set(sandbox.offered("206", limit=100)) <= set(offered[2:])
    wait_until(lambda: sandbox.charged() == [ours, offered[2]])
    assert [sandbox.buy(area_code="206").status_code for _ in "abc"] == [201, 402, 201]
    assert sandbox.requests()[-1]["n"] > last_n


def test_a_file_of_an_older_version_begins_anew(own_sandbox):
    sandbox = own_sandbox()
    sandbox.buy()
    sandbox.crash()
    with closing(sqlite3.connect(sandbox.db)) as db:
        db.execute("ALTER TABLE owned DROP COLUMN provider")
        db.execute("PRAGMA user_version = 1")
    sandbox.start()
    assert sandbox.owned() == sandbox.charges() == []
    assert sandbox.buy().status_code == 201


def test_given_options_win_over_the_file_and_a_reset_goes_back_to_them(own_sandbox):
    sandbox = own_sandbox("--latency", "5-10")
    sandbox.control("config", {"latency_ms": [0, 0], "repeat_buy": "ok"})
    sandbox.crash()
    sandbox.start()
    config = sandbox.control("config", method="GET")
    assert (config["latency_ms"], config["repeat_buy"]) == ([5, 10], "ok")
    sandbox.control("config", {"latency_ms": [1, 2]})
    sandbox.control("reset")
    config = sandbox.control("config", method="GET")
    assert (config["latency_ms"], config["repeat_buy"]) == ([5, 10], "conflict")


def test_the_same_seed_has_the_same_stock(own_sandbox):
    sandbox = own_sandbox("--seed", "9")
    stock = set(sandbox.offered("503", limit=100))
    sandbox.crash()
    sandbox.db = sandbox.db.with_name("second.sqlite3")
    sandbox.start()
    assert set(sandbox.offered("503", limit=100)) == stock
    sandbox.crash()
    sandbox.options = ("--seed", "10")
    sandbox.start()
    assert not set(sandbox.offered("503", limit=100)) & stock


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_at_once_even_while_requests_hang(own_sandbox, signum):
    sandbox = own_sandbox()
    assert (
        sandbox.ready_line
        == f"Sandbox of the Fluents API on {sandbox.url} (token: {TOKEN}, data: {sandbox.db})\n"
    )
    sandbox.fault("hang_before", path="/v1/agents")
    with socket.create_connection(("127.0.0.1", sandbox.port)) as client:
        client.sendall(f"GET /v1/agents HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        wait_until(lambda: sandbox.requests(path="/v1/agents"))
        started = time.monotonic()
        assert sandbox.end(signum) == 0
        assert time.monotonic() - started < 2


def test_a_taken_port_is_said_in_one_line(running, tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "numbers.sandbox", "--port", str(running.port), "--db", str(tmp_path / "x")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("The sandbox cannot start: ")
    assert result.stderr.count("\n") == 1


def test_it_imports_neither_django_nor_the_rest_of_the_project():
    code = (
        "import sys, numbers.sandbox.__main__\n"
        "ours = {m for m in sys.modules if m.startswith(('numbers.', 'dashboard'))}\n"
        "assert all(m.startswith('numbers.sandbox') for m in ours), ours\n"
        "assert 'django' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=10)


def test_the_management_command_is_the_same_program(own_sandbox):
    sandbox = own_sandbox()
    assert sandbox.end(signal.SIGTERM) == 0
    code = (
        "import sys, django\n"
        "from django.conf import settings\n"
        "settings.configure()\n"
        "django.setup()\n"
        "from numbers.management.commands.sandbox import Command\n"
        "Command().run_from_argv(['manage.py', 'sandbox', *sys.argv[1:]])\n"
    )
    sandbox.start(command=("-c", code))
    assert sandbox.control("health", method="GET") == {"ok": True}
    assert sandbox.end(signal.SIGTERM) == 0
