"""All parts of the suite, one after the other: `python -m tests.support.suite`, which is `make test`.

A part that fails keeps none of the others from running. One summary ends the run; it fails if any part did.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.support.on_postgres import ALL
from tests.support.stack import ROOT

CACHES = ROOT / ".pytest_cache"
FAILED = "v/cache/lastfailed"  # where pytest keeps the names of what failed
PYTEST = [sys.executable, "-m", "pytest", "-q"]
ON_POSTGRES = [sys.executable, "-m", "tests.support.on_postgres"]
TOGETHER = ["--dist", "loadgroup"]
SLOWEST = ["--durations", "20"]
MARK = "mark.storm"
#: The only files in which tests are marked so.
STORMS = [
    "tests/faults",
    *sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if MARK in path.read_text()
    ),
]
#: How a part runs a test, and which ones. One after the other: the tests that wait for real processes have
#: deadlines of their own.
PARTS = {
    "unit": (PYTEST, [*TOGETHER, "-n", "2", "-m", "not browser and not storm", *SLOWEST]),
    "PostgreSQL": (ON_POSTGRES, ALL),
    # Looking for the browser's tests everywhere takes seconds.
    "browser": (PYTEST, [*TOGETHER, "-n", "2", "tests/browser", *SLOWEST]),
    "storm": (PYTEST, [*TOGETHER, "-n", "3", "-m", "storm", *STORMS, *SLOWEST]),
}
GROUP = re.compile(r"@[^@\]]+$")  # what the name of a test has in addition where tests run beside others
#: A few tests may fail because others kept the machine busy. More of them are no accident.
FEW = 5
#: Their inputs are random: run again, they look at something else.
ONCE = ("tests/faults/test_storm.py",)


def run(parts: dict[str, tuple[list[str], list[str]]]) -> int:
    """Run PARTS and print how each ended; 1 if any failed, else 0.

    Tests that fail beside others run once more, alone. They pass only if they pass then, and the summary
    names them: such a test is unsteady and needs fixing.
    """
    lines, failed = [], False
    for name, (command, which) in parts.items():
        began, cache = time.monotonic(), CACHES / name
        (cache / FAILED).unlink(missing_ok=True)
        code = pytest(command, which, cache)
        unsteady = code == 1 and deserve_another_go(cache)
        if unsteady:
            code = pytest(command, ["-n", "0", *unsteady], cache)
        failed = failed or bool(code)
        lines.append(f"{'FAILED' if code else 'passed':8}{name:12}{time.monotonic() - began:6.0f} s")
        lines += [f"        unsteady: {test}" for test in unsteady or []]
    sys.stdout.write("\n".join(["", *lines, ""]))
    return int(failed)


def pytest(command: list[str], which: list[str], cache: Path) -> int:
    kept = [f"--rootdir={ROOT}", "-o", f"cache_dir={cache}"]
    return subprocess.run([*command, *which, *kept], cwd=ROOT).returncode


def deserve_another_go(cache: Path) -> list[str]:
    """Which tests failed, if they are few and each has the same inputs every time."""
    kept = cache / FAILED
    tests = [re.sub(GROUP, "", test) for test in json.loads(kept.read_text())] if kept.exists() else []
    return tests if len(tests) <= FEW and not any(test.startswith(ONCE) for test in tests) else []


if __name__ == "__main__":
    sys.exit(run(PARTS))
