"""`make mutations`: break each invariant on purpose, one line each, in a copy. The harness must notice.

The tests named here are run on the sound copy first: a test that fails anyway proves nothing.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.stack import ROOT

SKIPPED = shutil.ignore_patterns(
    ".venv", ".git", "var", ".env", "__pycache__", ".pytest_cache", ".ruff_cache"
)


@dataclass(frozen=True)
class Mutation:
    invariant: str
    file: str
    sound: str
    broken: str
    test: str


MUTATIONS = (
    Mutation(  # one form makes one order
        "I1",
        "numbers/services/placing.py",
        "                form_token=form_token,\n",
        '                form_token=f"{form_token[:20]} {now}",\n',
        "tests/faults/test_people.py::test_34_twenty_times_the_same_form[sqlite]",
    ),
    Mutation(  # order, lines and doorbells in one transaction
        "I2",
        "numbers/services/placing.py",
        "        with transaction.atomic():\n            now = db_now()\n",
        '        with __import__("contextlib").nullcontext():\n            now = db_now()\n',
        "tests/faults/test_processes.py::test_24_killed_while_placing[sqlite]",
    ),
    Mutation(  # every write names the state and the generation it believes in
        "I3",
        "numbers/services/moves.py",
        'filter(pk=slot("pk"), state=slot("state"), generation=slot("generation"))',
        'filter(pk=slot("pk"))',
        "tests/faults/test_processes.py::test_25_stopped_past_lease_and_window[sqlite]",
    ),
    Mutation(  # a number that is ours already is not taken for a purchase
        "I4",
        "numbers/services/choosing.py",
        "    return owned or client().find_number(phone_number) is not None\n",
        "    return owned\n",
        "tests/faults/test_provider.py::test_16_search_offers_what_is_gone[sqlite]",
    ),
    Mutation(  # nothing leaves before it is on disk
        "I5",
        "numbers/services/sending.py",
        "def send_purchase(",
        "@transaction.atomic\ndef send_purchase(",
        "tests/faults/test_provider.py::test_on_disk_before_it_leaves[sqlite]",
    ),
    Mutation(  # only an answer with exactly that number is a purchase
        "I6",
        "numbers/services/sending.py",
        "    expected = info.number == asked if line.phone_number else info.number.startswith(asked)\n",
        "    expected = True\n",
        "tests/faults/test_provider.py::test_12_another_number[sqlite-none]",
    ),
    Mutation(  # an unknown purchase keeps its number
        "I7",
        "numbers/services/settling.py",
        "    if attempt.outcome == Outcome.UNAVAILABLE and not line.by_area_code:\n",
        "    if not line.by_area_code:\n",
        "tests/faults/test_provider.py::test_answer[sqlite-02_reset_before_commit]",
    ),
)


def passes(folder: Path, *tests: str) -> bool:
    """Whether all TESTS pass in the copy. Raises RuntimeError when they cannot even be run."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env={**os.environ, "FAULTS": "all", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-3000:])
    return done.returncode == 0


def survives(folder: Path, mutation: Mutation) -> bool:
    """Whether the harness overlooks MUTATION."""
    path = folder / mutation.file
    sound = path.read_text()
    if sound.count(mutation.sound) != 1:
        raise RuntimeError(f"{mutation.invariant}: its line is not in {mutation.file} any more")
    path.write_text(sound.replace(mutation.sound, mutation.broken))
    try:
        return passes(folder, mutation.test)
    finally:
        path.write_text(sound)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="mutations-") as name:
        folder = Path(name) / "copy"
        shutil.copytree(ROOT, folder, ignore=SKIPPED)
        if not passes(folder, *(mutation.test for mutation in MUTATIONS)):
            sys.stdout.write("The tests fail without any mutation; mend that first.\n")
            return 1
        survivors = 0
        for mutation in MUTATIONS:
            test = mutation.test.rsplit("::", 1)[1]
            survived = survives(folder, mutation)
            survivors += survived
            sys.stdout.write(f"{mutation.invariant} {'SURVIVED' if survived else 'caught by'} {test}\n")
            sys.stdout.flush()
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
