"""The table of cases names every case."""

import pytest

from tests.fluents import test_bad_peers, test_lists
from tests.support.stack import ROOT


@pytest.mark.parametrize(
    "cases",
    [
        test_bad_peers.AFTER_THE_REQUEST,
        test_bad_peers.PLAIN,
        test_bad_peers.HANDSHAKES,
        test_lists.ENDED,
        test_lists.WRONG,
    ],
    ids=len,
)
def test_every_case_stands_in_the_table(cases):
    table = (ROOT / "tests/fluents/README.md").read_text()
    assert [
        name for name in cases if f"| {name} |" not in table and f"| handshake: {name} |" not in table
    ] == []
