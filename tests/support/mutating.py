"""Breaks the product on purpose, one check at a time, in a copy: the test of the check must fail.

The tests that are named are run on the sound copy first: a test that fails anyway proves nothing.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.stack import ROOT

SKIPPED = shutil.ignore_patterns(
    ".venv", ".git", "var", ".env", "__pycache__", ".pytest_cache", ".ruff_cache"
)


@dataclass(frozen=True)
class Mutation:
    """What the mutation is of; SOUND in FILE, which becomes BROKEN; and the TEST that has to notice."""

    of: str
    file: str
    sound: str
    broken: str
    test: str


def passes(folder: Path, *tests: str, **env: str) -> bool:
    """Whether all TESTS pass in the copy. Raises RuntimeError when they cannot even be run."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), **env},
        capture_output=True,
        text=True,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-3000:])
    if done.returncode:
        sys.stdout.write("".join(line for line in done.stdout.splitlines(True) if line.startswith("FAILED")))
    return done.returncode == 0


def survives(folder: Path, mutation: Mutation, **env: str) -> bool:
    """Whether the tests overlook MUTATION."""
    path = folder / mutation.file
    sound = path.read_text()
    if sound.count(mutation.sound) != 1:
        raise RuntimeError(f"{mutation.of}: its line is not in {mutation.file} any more")
    path.write_text(sound.replace(mutation.sound, mutation.broken))
    try:
        return passes(folder, mutation.test, **env)
    finally:
        path.write_text(sound)


def run(mutations: Sequence[Mutation], **env: str) -> int:
    """Try each of MUTATIONS and print what came of it; 1 if one was overlooked. ENV is for the tests."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutations-") as name:
        folder = Path(name) / "copy"
        shutil.copytree(ROOT, folder, ignore=SKIPPED)
        if not passes(folder, *dict.fromkeys(mutation.test for mutation in mutations), **env):
            sys.stdout.write("The tests fail without any mutation; fix that first.\n")
            return 1
        survivors = 0
        for mutation in mutations:
            survived = survives(folder, mutation, **env)
            survivors += survived
            test = mutation.test.rsplit("::", 1)[1]
            sys.stdout.write(f"{mutation.of} {'SURVIVED' if survived else 'caught by'} {test}\n")
            sys.stdout.flush()
    caught, took = len(mutations) - survivors, time.monotonic() - began
    sys.stdout.write(f"{caught} of {len(mutations)} mutations caught in {took:.0f} s\n")
    return int(bool(survivors))
