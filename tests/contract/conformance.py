"""Runs schemathesis with a document against a sandbox, and reads what it came to."""

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.stack import TOKEN, Sandbox

#: How often a field gets a value that means something, in place of an invented one.
_MEANINGFUL = 0.7
#: Where the document lets more pass than can be right, such as any text as area code.
_LOOSE = ("/v1/numbers/buy", "/v1/numbers/available")


@dataclass(frozen=True)
class Outcome:
    """What a run came to. ``statuses`` counts the answers of "GET /v1/numbers" and so on."""

    ok: bool
    cases: int
    statuses: dict[str, Counter[int]]
    report: str


def run(sandbox: Sandbox, document: dict[str, Any], folder: Path, *, examples: int, **config: Any) -> Outcome:
    """All checks of schemathesis, with up to EXAMPLES generated cases an operation, the same every time.

    The sandbox begins with 100 numbers and as many calls, and is set up with CONFIG.
    """
    sandbox.control("reset", {"numbers": 100})
    sandbox.control("calls", {"count": 100})
    (folder / "document.json").write_text(json.dumps(document))
    settings = folder / "schemathesis.toml"
    settings.write_text("\n".join(_settings(sandbox, document["paths"])))
    sandbox.control("config", {"requests_kept": 1_000_000, **config})
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--no-color", f"--config-file={settings}"),
            *("run", str(folder / "document.json"), f"--url={sandbox.url}"),
            *(f"--header=Authorization: Bearer {TOKEN}", f"--max-examples={examples}"),
            *("--generation-deterministic", "--continue-on-failure"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=3600,
    )
    generated = re.search(r"Test cases:\s+(\d+) generated", done.stdout)
    statuses: dict[str, Counter[int]] = {}
    for request in sandbox.requests():
        statuses.setdefault(f"{request['method']} {request['path']}", Counter())[request["status"]] += 1
    report = done.stdout + done.stderr
    return Outcome(done.returncode == 0, int(generated[1]) if generated else 0, statuses, report)


def _settings(sandbox: Sandbox, paths: dict[str, Any]) -> list[str]:
    """Dictionaries of what is there: with invented ids alone no case would get past a 404."""
    connections = sandbox.get("/v1/account_connections/list").json()["items"]
    telephony = [c for c in connections if c["steering_pool"]]
    agents = sandbox.get("/v1/agents/list").json()["items"]
    owned = [number["number"] for number in sandbox.get("/v1/numbers/list", size=100).json()["items"]]
    calls = sandbox.get("/v1/calls/list", size=30).json()["items"]
    everywhere = {
        "body.telephony_account_connection": [c["id"] for c in telephony],
        "body.inbound_agent": [agents[0]["id"], agents[1]["name"]],
        "body.area_code": ["415", "312", "646", "907"],
        "query.phone_number": owned[:30],
    }
    special = {
        "/v1/numbers/available": {
            "query.telephony_provider": ["twilio", "telnyx"],
            "query.telephony_account_connection": [c["id"] for c in telephony],
        },
        "/v1/numbers/buy": {
            "body.telephony_provider": ["twilio"],
            "body.telephony_account_connection": [sandbox.connection],
            "body.phone_number": [*sandbox.offered(limit=5), *owned[:5]],
        },
        "/v1/numbers/cancel": {"query.phone_number": owned[30:60]},
        "/v1/numbers/detach": {"query.phone_number": owned[60:]},
        "/v1/numbers/link": {"body.phone_number": [n for c in telephony for n in c["steering_pool"]]},
        "/v1/calls": {"query.id": [call["id"] for call in calls]},
        "/v1/calls/create": {
            "body.from_number": owned[:30],
            "body.to_number": owned[:10],
            "body.agent": [agents[0]["id"], agents[1]["name"]],
        },
        "/v1/agents": {"query.id": [agent["id"] for agent in agents]},
        "/v1/account_connections": {"query.id": [c["id"] for c in connections]},
    }
    lines = ['warnings = { fail-on = ["missing_test_data"] }']
    bound: list[str] = []
    for path, fields in {"": everywhere, **special}.items():
        if path and path not in paths:
            continue
        bound += ["[[operations]]", f'include-path = "{path}"'] if path else []
        if path in _LOOSE:
            bound.append('checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "409"]')
        for field, values in fields.items():
            name = re.sub(r"\W", "_", f"{field}{path}")
            lines.append(f"dictionaries.{name} = {{ values = {json.dumps(values)} }}")
            binding = f'{{ dictionary = "{name}", probability = {_MEANINGFUL} }}'
            bound.append(f'parameters."{field}" = {binding}')
    return [*lines, *bound, ""]
