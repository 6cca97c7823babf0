"""`make test`: every part runs, and the end says how each went."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.stack import ROOT
from tests.support.suite import CACHES, FAILED, FEW, ONCE, PARTS, PYTEST, STORMS, deserve_another_go, run

PYTHON = [sys.executable, "-c"]
UNSTEADY = """
from pathlib import Path

def test_that_fails_once():
    been = Path(__file__).with_name("been")
    assert been.exists() or been.touch()
"""


@pytest.fixture
def folder():
    """A folder of the project, as names of tests begin there."""
    CACHES.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=CACHES) as name:
        yield Path(name)


def test_a_part_that_fails_keeps_no_other_from_running_and_fails_the_whole(capfd):
    assert run({"first": (PYTHON, ["raise SystemExit(3)"]), "second": (PYTHON, ["print('here')"])}) == 1
    out = capfd.readouterr().out
    assert out.count("here") == 1
    assert ends(out) == [["FAILED", "first"], ["passed", "second"]]


def test_it_passes_when_all_parts_do():
    assert run({"only": (PYTHON, [""])}) == 0
    assert list(PARTS) == ["unit", "PostgreSQL", "browser", "storm"]


def test_storms_are_looked_for_wherever_tests_are_marked_so():
    """In their files, or by the folder's own rules."""
    folders = [path.parent for path in (ROOT / "tests").rglob("conftest.py") if "storm" in path.read_text()]
    assert [str(folder.relative_to(ROOT)) for folder in folders] == STORMS[:1]
    assert {"tests/faults/test_speed.py", "tests/security/test_outage.py"} < set(STORMS)


@pytest.mark.parametrize(("text", "code"), [(UNSTEADY, 0), ("def test_wrong(): assert False", 1)])
def test_what_fails_beside_others_runs_again_alone_and_is_named(folder, capfd, text, code):
    """It fails the whole if it fails again."""
    file = folder / "test_some.py"
    file.write_text(text)
    assert run({folder.name: (PYTEST, [str(file)])}) == code
    assert capfd.readouterr().out.count("unsteady: ") == 1


@pytest.mark.parametrize(
    "failed", [[], [f"tests/test_{n}.py::test_it" for n in range(FEW + 1)], [f"{ONCE[0]}::test_it"]]
)
def test_neither_many_nor_random_ones_run_again(tmp_path, failed):
    kept = tmp_path / FAILED
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps(dict.fromkeys(failed, True)))
    assert deserve_another_go(tmp_path) == []


@pytest.mark.parametrize("group", ["", "@speed", "@killed sqlite"])
def test_the_name_is_that_of_the_test_alone(tmp_path, group):
    kept = tmp_path / FAILED
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps({f"tests/test_a.py::test_it[a@b]{group}": True}))
    assert deserve_another_go(tmp_path) == ["tests/test_a.py::test_it[a@b]"]


@pytest.mark.xdist_group("one process")
@pytest.mark.parametrize("nth", range(4))
def test_tests_of_a_group_go_to_one_process(request, nth):
    """Where there are several: the name tells pytest-xdist."""
    grouped = request.config.getoption("loadgroup", default=False)
    assert request.node.nodeid.endswith(f"[{nth}]" + ("@one process" if grouped else ""))


def ends(out: str) -> list[list[str]]:
    return [line.split()[:2] for line in out.splitlines() if line.endswith(" s")]
