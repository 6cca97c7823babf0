"""The ancestor's dialect: the same endpoints in other shapes."""

import pytest

NORMALIZED = {
    "id", "user_id", "active", "label", "inbound_agent", "outbound_only", "example_context", "number",
    "telephony_provider", "telephony_account_connection",
}  # fmt: skip


@pytest.fixture
def vocode(sandbox):
    assert sandbox.connection
    assert sandbox.control("dialect", {"name": "vocode"}) == {"name": "vocode"}
    return sandbox


def test_a_reset_speaks_fluents_again(sandbox):
    assert sandbox.call("POST", "/_sandbox/dialect", json={"name": "klingon"}).status_code == 400
    sandbox.control("dialect", {"name": "vocode"})
    sandbox.control("reset")
    assert sandbox.control("dialect", method="GET") == {"name": "fluents"}


def test_buys_with_nothing_asked_for(vocode):
    answer = vocode.call("POST", "/v1/numbers/buy")
    number = answer.json()
    assert (answer.status_code, set(number)) == (200, NORMALIZED)
    assert number["number"].isdigit()
    assert (number["telephony_provider"], number["telephony_account_connection"]) == ("vonage", None)
    assert number["inbound_agent"] is None
    assert vocode.charged() == ["+" + number["number"]]


def test_writes_nest_and_lists_do_not(vocode):
    bought = vocode.buy(area_code="312", inbound_agent="default").json()
    assert bought["number"].startswith("1312")
    assert "CANARY" in bought["inbound_agent"]["prompt"]["content"]
    assert "CANARY" in bought["telephony_account_connection"]["credentials"]["twilio_auth_token"]
    listed = vocode.get("/v1/numbers/list").json()["items"][0]
    assert listed["inbound_agent"] == bought["inbound_agent"]["id"]
    assert listed["telephony_account_connection"] == vocode.connection
    assert vocode.get("/v1/numbers", phone_number=bought["number"]).json() == bought
    changed = vocode.call(
        "POST",
        "/v1/numbers/update",
        params={"phone_number": bought["number"]},
        json={"label": "Bar", "example_context": {"seats": 4, "name": "Ann"}},
    )
    assert changed.status_code == 200
    assert (changed.json()["label"], changed.json()["example_context"]) == (
        "Bar",
        {"seats": "4", "name": "Ann"},
    )
    agent = vocode.get("/v1/agents/list").json()["items"][0]
    assert {type(agent[key]) for key in ("prompt", "voice", "webhook", "openai_account_connection")} == {str}
    assert "label" not in agent
    assert vocode.get("/v1/agents", id=agent["id"]).json()["prompt"]["id"] == agent["prompt"]


def test_problems_are_details(vocode):
    refused = vocode.buy(area_code="41")
    assert refused.status_code == 422
    assert refused.json()["detail"] == [
        {"loc": ["body"], "msg": "area_code must be 3 digits", "type": "value_error"}
    ]
    missing = vocode.get("/v1/numbers", phone_number="14155550100")
    assert (missing.status_code, missing.json()) == (404, {"detail": "Phone number 14155550100 not found"})
    for method, path in (("GET", "/v1/numbers/available"), ("POST", "/v1/numbers/detach")):
        assert vocode.call(method, path).json() == {"detail": f"Cannot {method} {path}"}


def test_faults_speak_the_dialect_too(vocode):
    for name in ("replay", "wrong_type", "pending", "status"):
        vocode.fault(name)
    again, listed, pending, refused = (vocode.buy() for _ in range(4))
    assert (again.status_code, isinstance(listed.json(), list)) == (200, True)
    assert (pending.status_code, pending.json()["active"]) == (200, False)
    assert refused.json() == {"detail": [{"loc": ["body"], "msg": "Refused", "type": "value_error"}]}


def test_what_the_ancestor_did_not_know_is_not_shown(vocode):
    kinds = [c["type"] for c in vocode.get("/v1/account_connections/list").json()["items"]]
    assert sorted(kinds) == ["account_connection_openai"] + ["account_connection_twilio"] * 2
    vocode.control("numbers", {"telephony_account_connection": telnyx(vocode)})
    (number,) = vocode.get("/v1/numbers/list").json()["items"]
    assert (number["telephony_provider"], number["telephony_account_connection"]) == ("vonage", None)


def telnyx(sandbox) -> str:
    sandbox.control("dialect", {"name": "fluents"})
    items = sandbox.get("/v1/account_connections/list").json()["items"]
    sandbox.control("dialect", {"name": "vocode"})
    return next(c["id"] for c in items if c["type"] == "account_connection_telnyx")
