"""The honest side of the sandbox: what every endpoint accepts and answers."""

from concurrent.futures import ThreadPoolExecutor

import phonenumbers
import pytest

NORMALIZED = {
    "id", "user_id", "number", "active", "label", "inbound_agent_name", "outbound_only", "example_context",
    "telephony_provider", "description", "inbound_agent", "telephony_account_connection",
}  # fmt: skip


def agents(sandbox):
    return {agent["name"]: agent["id"] for agent in sandbox.get("/v1/agents/list").json()["items"]}


def test_buys_in_an_area_code(sandbox):
    answer = sandbox.buy(area_code="312", inbound_agent="Reception")
    number = answer.json()
    assert answer.status_code == 201
    assert set(number) == NORMALIZED
    assert number["number"].startswith("+1312")
    assert phonenumbers.is_valid_number(phonenumbers.parse(number["number"]))
    assert number["inbound_agent"] == agents(sandbox)["Reception"]
    assert number["inbound_agent_name"] == "Reception"
    assert number["telephony_account_connection"] == sandbox.connection
    assert number["active"] is True
    (charge,) = sandbox.charges()
    assert (charge["n"], charge["number"], charge["number_id"]) == (1, number["number"], number["id"])
    assert (charge["area_code"], charge["phone_number"]) == ("312", None)


def test_buys_an_exact_number_which_wins_over_the_area_code(sandbox):
    wanted = sandbox.offered()[3]
    answer = sandbox.call(
        "POST",
        "/v1/numbers/buy",
        json={
            "telephony_provider": "twilio",
            "telephony_account_connection": sandbox.connection,
            "phone_number": wanted,
            "area_code": "212",
        },
        headers={"X-Request-Id": "line-7"},
    )
    assert answer.status_code == 201
    assert answer.json()["number"] == wanted
    assert sandbox.owned() == [wanted]
    assert wanted not in sandbox.offered(limit=100)
    assert sandbox.charges()[0]["request_id"] == "line-7"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "telephony_provider should not be empty"),
        ({"telephony_provider": 1}, "telephony_provider must be a string"),
        ({"area_code": 415}, "area_code must be a string"),
        ({"area_code": "41"}, "area_code must be 3 digits"),
        ({"phone_number": "4155550100"}, "phone_number must be a valid phone number in E.164 format"),
        ({"inbound_agent": {"id": "x"}}, "inbound_agent must be a string"),
        ({"telephony_provider": "twilio"}, "either area_code or phone_number should be given"),
        ([], "telephony_account_connection should not be empty"),
    ],
)
def test_refuses_bad_bodies_with_a_string_or_if_asked_with_a_list(sandbox, body, words):
    answer = sandbox.call("POST", "/v1/numbers/buy", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "Bad Request"
    sandbox.control("config", {"list_messages": True})
    listed = sandbox.call("POST", "/v1/numbers/buy", json=body).json()["message"]
    assert words in listed
    assert answer.json()["message"] == ", ".join(listed)
    assert sandbox.charges() == []


def test_refuses_what_does_not_fit_together(sandbox):
    items = sandbox.get("/v1/account_connections/list").json()["items"]
    openai = next(c["id"] for c in items if c["type"] == "account_connection_openai")
    sandbox.control("agents", {"name": "Reception"})
    cases = [
        ({"telephony_provider": "telnyx"}, 400, "not a telnyx connection"),
        ({"telephony_account_connection": openai}, 400, "not a telephony connection"),
        ({"telephony_account_connection": "nobody"}, 404, "not found"),
        ({"inbound_agent": "Nobody"}, 404, "Agent Nobody not found"),
        ({"inbound_agent": "Reception"}, 400, "More than one agent"),
        ({"area_code": "907"}, 404, "No numbers available in area code 907"),
        ({"area_code": "555"}, 404, "No numbers available in area code 555"),
        ({"phone_number": "+14155550100"}, 404, "is not available"),
        ({"phone_number": "+442071838750"}, 404, "is not available"),
    ]
    for fields, status, words in cases:
        answer = sandbox.buy(**fields)
        assert (answer.status_code, answer.json()["statusCode"]) == (status, status), fields
        assert words in answer.json()["message"]
    assert sandbox.charges() == []


@pytest.mark.parametrize(
    ("rule", "status", "charges"), [("conflict", 409, 1), ("ok", 201, 1), ("charge", 201, 2)]
)
def test_repeated_purchase_follows_the_rule(sandbox, rule, status, charges):
    sandbox.control("config", {"repeat_buy": rule})
    first = sandbox.buy().json()
    again = sandbox.buy(phone_number=first["number"])
    assert again.status_code == status
    assert sandbox.charged() == [first["number"]] * charges
    assert sandbox.owned() == [first["number"]]
    if status == 201:
        assert again.json()["id"] == first["id"]


def test_scarce_area_codes_run_out(sandbox):
    assert [sandbox.buy(area_code="212").status_code for _ in range(4)] == [201, 201, 201, 404]
    assert len(set(sandbox.charged())) == 3


def test_stock_can_be_raised_and_keeps_its_first_numbers(sandbox):
    before = set(sandbox.offered(limit=100))
    sandbox.control("config", {"stock_per_area_code": {"415": 90, "907": 1}})
    after = set(sandbox.offered(limit=100))
    assert (len(before), len(after)) == (40, 90)
    assert before < after
    assert sandbox.buy(area_code="907").status_code == 201


def test_sixteen_at_once_never_share_a_number(sandbox):
    sandbox.control("config", {"stock_per_area_code": 200})
    wanted = sandbox.offered("646")[0]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: sandbox.buy().status_code, range(200)))
        race = list(pool.map(lambda _: sandbox.buy(phone_number=wanted).status_code, range(16)))
    assert answers == [201] * 200
    assert sorted(race) == [201] + [409] * 15
    assert len(sandbox.charged()) == len(set(sandbox.charged())) == 201


def test_the_list_is_paged(sandbox):
    sandbox.control("reset", {"numbers": 25})
    pages = [sandbox.get("/v1/numbers/list", page=page).json() for page in (1, 2, 3)]
    assert [len(page["items"]) for page in pages] == [10, 10, 5]
    assert [page["has_more"] for page in pages] == [True, True, False]
    assert {page["total"] for page in pages} == {25}
    assert len({item["id"] for page in pages for item in page["items"]}) == 25
    assert sum("inbound_agent" not in item for page in pages for item in page["items"]) == 5
    assert sandbox.charges() == []
    for bad in ({"size": 101}, {"size": 0}, {"page": 0}, {"page": "x"}, {"sort_column": "price"}):
        assert sandbox.get("/v1/numbers/list", **bad).status_code == 400
    ordered = sandbox.get("/v1/numbers/list", size=100, sort_column="number", sort_desc="true").json()[
        "items"
    ]
    numbers = [item["number"] for item in ordered]
    assert numbers == sorted(numbers, reverse=True)


def test_reads_leak_secrets_and_writes_do_not(sandbox):
    bought = sandbox.buy(inbound_agent="Spanish line")
    assert "CANARY" not in bought.text
    found = sandbox.get("/v1/numbers", phone_number=bought.json()["number"])
    number = found.json()
    assert "CANARY" in number["telephony_account_connection"]["credentials"]["twilio_auth_token"]
    assert "CANARY" in number["inbound_agent"]["prompt"]["content"]
    assert "CANARY" in number["inbound_agent"]["openai_account_connection"]["credentials"]["openai_api_key"]
    assert {"config", "is_routing_number", "sms_enabled", "tags"} < set(number)
    assert "inbound_agent_name" not in number


def test_looks_up_one_number(sandbox):
    number = sandbox.buy().json()["number"]
    assert sandbox.get("/v1/numbers", phone_number=number).json()["number"] == number
    assert sandbox.get("/v1/numbers", phone_number=number[1:]).status_code == 200
    assert sandbox.call("GET", f"/v1/numbers?phone_number={number}").status_code == 404  # "+" is a space
    assert sandbox.get("/v1/numbers", phone_number="+14155550100").status_code == 404
    assert sandbox.get("/v1/numbers").status_code == 400


def test_searches_what_is_for_sale(sandbox):
    first, second = sandbox.offered(), sandbox.offered()
    assert len(first) == len(second) == 10
    assert first != second
    assert all(number.startswith("+1415") for number in first)
    by_digits = sandbox.get("/v1/numbers/available", limit=5, filters='{"contains": "77"}').json()
    assert len(by_digits["items"]) == 5
    assert all("77" in item["number"] for item in by_digits["items"])
    assert by_digits["total_is_estimated"] is True
    assert len({n["number"][:5] for n in sandbox.get("/v1/numbers/available").json()["items"]}) > 2
    assert sandbox.offered("907") == []
    item = by_digits["items"][0]
    assert item["inbound_agent_name"] == item["inbound_agent"]["name"] == "Reception"
    assert "telephony_account_connection" not in item
    for bad in (
        {"filters": "{"},
        {"filters": "[]"},
        {"filters": '{"area_code": "4x5"}'},
        {"filters": '{"contains": "four"}'},
        {"limit": 0},
    ):
        assert sandbox.get("/v1/numbers/available", **bad).status_code == 400


def test_updates_by_number_or_id(sandbox):
    number = sandbox.buy().json()
    keys = {"phone_number": number["number"], "id": number["id"]}
    answer = sandbox.call(
        "POST",
        "/v1/numbers/update",
        params=keys,
        json={
            "label": "Bar",
            "inbound_agent": "Billing desk",
            "outbound_only": True,
            "example_context": {"a": 1},
        },
    )
    assert answer.status_code == 201
    assert set(answer.json()) == NORMALIZED
    assert answer.json()["inbound_agent"] == agents(sandbox)["Billing desk"]
    cleared = sandbox.call(
        "POST", "/v1/numbers/update", params={"id": number["id"]}, json={"inbound_agent": None}
    )
    assert set(cleared.json()) == NORMALIZED - {"inbound_agent", "inbound_agent_name"}
    assert cleared.json()["label"] == "Bar"
    for params, body, status in (
        ({}, {}, 400),
        ({"id": "other", "phone_number": number["number"]}, {}, 404),
        (keys, {"label": 5}, 400),
        (keys, {"inbound_agent": "Nobody"}, 404),
    ):
        assert sandbox.call("POST", "/v1/numbers/update", params=params, json=body).status_code == status


def test_a_cancelled_number_can_be_bought_again(sandbox):
    number = sandbox.buy(area_code="310").json()
    assert sandbox.call("POST", "/v1/numbers/cancel", params={"id": number["id"]}).status_code == 201
    assert sandbox.owned() == []
    assert sandbox.call("POST", "/v1/numbers/cancel", params={"id": number["id"]}).status_code == 404
    again = sandbox.buy(phone_number=number["number"])
    assert again.status_code == 201
    assert again.json()["id"] != number["id"]


def test_nested_agents_are_whole(sandbox):
    number = sandbox.buy(inbound_agent="French line").json()["number"]
    agent = sandbox.get("/v1/numbers", phone_number=number).json()["inbound_agent"]
    action = agent["actions"][0]
    parts = (
        agent,
        agent["prompt"],
        agent["prompt"]["prompt_template"],
        agent["voice"],
        agent["webhook"],
        action,
    )
    assert len({part["user_id"] for part in parts}) == 1
    assert (action["config"], agent["prompt"]["type"]) == ({}, "prompt")
    assert agent["openai_account_connection"]["config"] == {}


def test_links_and_detaches(sandbox):
    held = sandbox.get("/v1/account_connections", id=sandbox.connection).json()["steering_pool"]
    body = {"phone_number": held[0], "telephony_account_connection": sandbox.connection}
    linked = sandbox.call("POST", "/v1/numbers/link", json={**body, "inbound_agent": "Reception"})
    assert linked.status_code == 201
    assert sandbox.owned() == [held[0]]
    assert sandbox.call("POST", "/v1/numbers/link", json=body).status_code == 409
    assert (
        sandbox.call("POST", "/v1/numbers/link", json={**body, "phone_number": "+14155550100"}).status_code
        == 404
    )
    assert sandbox.call("POST", "/v1/numbers/link", json={}).status_code == 400
    detached = sandbox.call("POST", "/v1/numbers/detach", params={"phone_number": held[0]})
    assert detached.json()["inbound_agent"]["name"] == detached.json()["inbound_agent_name"] == "Reception"
    assert detached.json()["telephony_account_connection"]["id"] == sandbox.connection
    assert sandbox.owned() == []
    assert sandbox.call("POST", "/v1/numbers/link", json=body).status_code == 201
    assert sandbox.charges() == []


def test_agents_and_connections(sandbox):
    page = sandbox.get("/v1/agents/list", size=3).json()
    assert (len(page["items"]), page["total"], page["has_more"]) == (3, 8, True)
    agent = page["items"][0]
    assert sandbox.get("/v1/agents", id=agent["id"]).json() == agent
    assert sandbox.get("/v1/agents", id="nobody").status_code == 404
    assert sandbox.get("/v1/agents").status_code == 400
    kinds = [c["type"] for c in sandbox.get("/v1/account_connections/list").json()["items"]]
    assert kinds.count("account_connection_twilio") == 2
    assert kinds.count("account_connection_telnyx") == 1


def test_token_and_routes(sandbox):
    for header in ("", "Bearer wrong", "Basic eDp5"):
        answer = sandbox.call("GET", "/v1/numbers/list", headers={"Authorization": header})
        assert answer.status_code == 401
        assert answer.json() == {"message": "Unauthorized", "statusCode": 401}
    unknown = sandbox.call("GET", "/v1/x", headers={"Authorization": ""})
    assert unknown.json() == {"message": "Cannot GET /v1/x", "error": "Not Found", "statusCode": 404}
    for method, path, allowed in (
        ("DELETE", "/v1/numbers/buy", "POST"),
        ("TRACE", "/v1/numbers", "GET, HEAD"),
        ("OPTIONS", "/v1/agents/list", "GET, HEAD"),
    ):
        answer = sandbox.call(method, path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
        assert answer.json()["message"] == f"Cannot {method} {path}"
    assert sandbox.call("TRACE", "/v1/x").status_code == 404
    assert sandbox.call("BREW", "/v1/numbers").json()["message"] == "Cannot BREW /v1/numbers"
    head = sandbox.call("HEAD", "/v1/numbers/list")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["Content-Length"]) > 50
    broken = sandbox.call("POST", "/v1/numbers/buy", data="{")
    assert (broken.status_code, broken.json()["error"]) == (400, "Bad Request")
    huge = sandbox.call("POST", "/v1/numbers/buy", data=b"x" * 1_000_001)
    assert huge.status_code == 413
