"""What the proof names is there. Trying mutations takes long: `make mutations`, `make mutations-security`."""

import os
import re
import subprocess
import sys

import pytest

from tests.faults.mutations import MUTATIONS
from tests.security.mutations import mutations
from tests.support.stack import ROOT

PAGE = ROOT / "tests/faults/README.md"
NAMED = re.compile(r"`(test_\w+)(…)?(?:\[[^`]*\])?`")  # with what its name begins with, or all of it


def functions() -> set[str]:
    """The names of all tests."""
    files = [path.read_text() for path in ROOT.glob("tests/**/test_*.py")]
    return {name for text in files for name in re.findall(r"^def (test_\w+)", text, re.M)}


@pytest.mark.parametrize("mutation", [*MUTATIONS, *mutations()], ids=lambda mutation: mutation.of)
def test_what_a_mutation_breaks_stands_once_in_its_file(mutation):
    assert (ROOT / mutation.file).read_text().count(mutation.sound) == 1
    path, name = mutation.test.split("[")[0].split("::")
    assert f"def {name}(" in (ROOT / path).read_text()
    assert mutation.sound != mutation.broken


def test_each_test_that_the_table_of_faults_names_is_there():
    named, known = set(NAMED.findall(PAGE.read_text())), functions()
    assert len(named) > 90
    whole = {name for name, more in named if not more}
    begun = tuple(name for name, more in named if more)
    assert whole - known == set()
    assert [name for name in begun if not any(one.startswith(name) for one in known)] == []


def test_every_test_that_a_mutation_names_can_be_run(collected):
    """With its parameters, which somebody may have named anew."""
    known = collected | {name.split("[")[0] for name in collected}
    tests = {mutation.test for mutation in [*MUTATIONS, *mutations()]} - known
    if not tests:
        return
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--collect-only", *sorted(tests)]
    found = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"FAULTS": "all"}, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
