"""The sandbox keeps to the API's documents, whatever is sent. `make contract` sends thousands of cases."""

import os

import pytest

from tests.contract import documents
from tests.contract.conformance import run

#: Generated cases an operation, on top of those that schemathesis works out from the document.
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "20"))


def test_buying_is_as_documented(sandbox, tmp_path):
    outcome = run(sandbox, documents.official(), tmp_path, examples=EXAMPLES * 5)
    assert outcome.ok, outcome.report
    assert outcome.cases > EXAMPLES * 5
    assert {201, 400, 401, 404, 409} <= set(outcome.statuses["POST /v1/numbers/buy"])
    assert len(sandbox.charged()) == outcome.statuses["POST /v1/numbers/buy"][201]


def test_everything_else_is_as_we_wrote_it_down(sandbox, tmp_path):
    document = documents.rest()
    outcome = run(sandbox, document, tmp_path, examples=EXAMPLES)
    assert outcome.ok, outcome.report
    assert outcome.cases > EXAMPLES * len(document["paths"])
    for path, methods in document["paths"].items():
        for method in methods:
            seen = outcome.statuses[f"{method.upper()} {path}"]
            assert {200, 201} & set(seen), f"nothing but refusals of {method} {path}: {seen}"
    assert sandbox.charges() == []


def test_a_sandbox_that_breaks_its_word_is_found_out(sandbox, tmp_path):
    outcome = run(sandbox, documents.official(), tmp_path, examples=20, list_messages=True)
    assert not outcome.ok
    assert "Response violates schema: 1" in outcome.report


def test_the_overlay_fits_the_document():
    number = documents.official()["components"]["schemas"]["NormalizedNumberDto"]["properties"]
    assert number["inbound_agent"] == {
        "example": "agent_123",
        "nullable": True,
        "anyOf": [{"type": "string"}, {"type": "object"}],
    }
    stray = {"actions": [{"target": "$.components.schemas.Nobody.type", "remove": True}]}
    with pytest.raises(KeyError, match="Nobody"):
        documents.overlaid(documents.official(), stray)
