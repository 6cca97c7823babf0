"""Our package `numbers` and the standard module `numbers` work side by side, however Python is started."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import ROOT, Stack, free_port, wait_until

pytestmark = [pytest.mark.storm, pytest.mark.xdist_group("guard")]
BIN = Path(sys.executable).parent
PROOF = """
import decimal, fractions, json, statistics
import numbers
import numbers.models
found = {
    "mean": str(statistics.mean([decimal.Decimal("1.10"), decimal.Decimal("2.30")])),
    "half": str(fractions.Fraction(1, 3) + fractions.Fraction(1, 6)),
    "abc": [
        isinstance(decimal.Decimal(1), numbers.Number),
        isinstance(1, numbers.Integral),
        issubclass(float, numbers.Real),
    ],
    "line": numbers.models.Line._meta.label,
}
"""
FOUND = {"mean": "1.7", "half": "1/2", "abc": [True, True, True], "line": "numbers.Line"}
TEST = (
    PROOF
    + f"""
def test_both():
    assert found == {FOUND!r}
"""
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("guard"), "http://127.0.0.1:9", cold=True)
    yield stack
    stack.close()


def test_under_manage_py(stack):
    assert json.loads(stack.shell(PROOF + "print(json.dumps(found))")) == FOUND


@pytest.mark.parametrize(
    "command",
    [
        [str(BIN / "pytest")],
        [sys.executable, "-m", "pytest"],
        [sys.executable, "-c", "import decimal, sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"],
    ],
    ids=["pytest", "python -m pytest", "decimal first"],
)
def test_under_pytest(stack, command, tmp_path):
    file = tmp_path / "test_both.py"
    file.write_text(TEST)
    arguments = [
        "-q",
        "-c",
        str(ROOT / "pyproject.toml"),
        f"--rootdir={ROOT}",
        "-p",
        "no:cacheprovider",
        str(file),
    ]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr


def test_under_gunicorn(stack, tmp_path):
    out, config, port = tmp_path / "found.json", tmp_path / "gunicorn_conf.py", free_port()
    hook = "\n".join("    " + row for row in PROOF.strip().splitlines())
    config.write_text(
        f"def post_worker_init(worker):\n{hook}\n    open({str(out)!r}, 'w').write(json.dumps(found))\n"
    )
    stack.start(
        "-m", "gunicorn", "dashboard.wsgi", "-c", str(config), f"--bind=127.0.0.1:{port}", log="web.txt"
    )
    stack.web_url = f"http://127.0.0.1:{port}"
    wait_until(stack.web_answers)
    assert json.loads(out.read_text()) == FOUND


def test_in_a_worker(stack):
    """Where both modules of the name meet in the process that buys."""
    code = "from numbers.services.worker import Worker; Worker(in_flight=2); "
    assert json.loads(stack.shell(code + PROOF + "print(json.dumps(found))")) == FOUND


def test_the_standard_module_offers_the_same_classes():
    code = (
        "import importlib.util, sysconfig, numbers; path = sysconfig.get_path('stdlib') + '/numbers.py';"
        "spec = importlib.util.spec_from_file_location('standard', path);"
        "standard = importlib.util.module_from_spec(spec); spec.loader.exec_module(standard);"
        "print(sorted(standard.__all__) == sorted(numbers.__all__), numbers.__file__)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"True {ROOT / 'numbers' / '__init__.py'}\n"
