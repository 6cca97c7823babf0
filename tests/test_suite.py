"""`make test`: every part runs, and the end says how each went."""

import sys

from tests.support.suite import PARTS, run


def test_a_part_that_fails_keeps_no_other_from_running_and_fails_the_whole(capfd):
    said = [sys.executable, "-c", "print('here')"]
    assert run({"first": [sys.executable, "-c", "raise SystemExit(3)"], "second": said}) == 1
    out = capfd.readouterr().out
    assert out.count("here") == 1
    assert [line.split()[:2] for line in out.splitlines() if line.endswith(" s")] == [
        ["FAILED", "first"],
        ["passed", "second"],
    ]


def test_it_passes_when_all_parts_do():
    assert run({"only": [sys.executable, "-c", ""]}) == 0
    assert list(PARTS) == ["unit", "PostgreSQL", "browser", "storm"]
