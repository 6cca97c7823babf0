"""All parts of the suite, one after the other: `python -m tests.support.suite`, which is `make test`.

A part that fails keeps none of the others from running. One summary ends the run; it fails if any part did.
"""

import os
import subprocess
import sys
import time

from tests.support.stack import ROOT

PYTEST = [sys.executable, "-m", "pytest", "-q", "--dist", "loadgroup"]
#: One after the other: the tests that wait for real processes have deadlines of their own.
PARTS = {
    "unit": [*PYTEST, "-n", "2", "-m", "not browser and not storm", "--durations", "20"],
    "PostgreSQL": [sys.executable, "-m", "tests.support.on_postgres"],
    "browser": [*PYTEST, "-n", "2", "-m", "browser"],
    "storm": [*PYTEST, "-n", "3", "-m", "storm"],
}


def run(parts: dict[str, list[str]]) -> int:
    """Run PARTS and print how each ended; 1 if any failed, else 0."""
    lines, failed = [], 0
    for name, command in parts.items():
        began = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, env=os.environ).returncode
        failed += bool(code)
        lines.append(f"{'FAILED' if code else 'passed':8}{name:12}{time.monotonic() - began:6.0f} s")
    sys.stdout.write("\n".join(["", *lines, ""]))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(run(PARTS))
