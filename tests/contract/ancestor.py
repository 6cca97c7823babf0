"""The ancestor's own client against the sandbox: ``python -m tests.contract.ancestor PYTHON``.

PYTHON is an interpreter that has the vocode-api package. Exits 1 unless every call works under the
dialect; what works without it is printed for comparison.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.stack import TOKEN, Sandbox

CALLS = Path(__file__).with_name("vocode_calls.py")


def errors(sandbox: Sandbox, python: str, dialect: str) -> dict[str, str]:
    """What went wrong with each call, "" where nothing did."""
    sandbox.control("reset")
    connection = sandbox.get("/v1/account_connections", id=sandbox.connection).json()
    found = {
        "agent": sandbox.get("/v1/agents/list").json()["items"][0]["id"],
        "connection": sandbox.connection,
        "owned": sandbox.buy().json()["number"],
        "held": connection["steering_pool"][:2],
    }
    sandbox.control("dialect", {"name": dialect})
    command = [python, str(CALLS), sandbox.url, TOKEN, json.dumps(found)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise SystemExit(done.stderr)
    if dialect == "vocode":
        bought, owned = len(sandbox.charges()), len(sandbox.owned())
        assert (bought, owned) == (4, 5), f"the ledger has {bought} purchases, {owned} numbers are owned"
    calls = [json.loads(line) for line in done.stdout.splitlines()]
    return {call["call"]: call["error"] for call in calls}


def main(python: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox(Path(folder) / "sandbox.sqlite3")
        try:
            found = {dialect: errors(sandbox, python, dialect) for dialect in ("vocode", "fluents")}
        finally:
            sandbox.close()
    for dialect, calls in found.items():
        works = sum(not error for error in calls.values())
        sys.stdout.write(f"vocode-api under {dialect}: {works} of {len(calls)} calls\n")
        sys.stdout.writelines(f"  {call}: {error}\n" for call, error in calls.items() if error)
    return int(any(found["vocode"].values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
