"""Our export, opened and saved again by a spreadsheet: only what a person has edited is a change."""

import io

import pytest

from numbers.listing.export import NUMBER_COLUMNS, number_rows
from numbers.models import Number
from numbers.services.csv_tables import csv_lines
from numbers.services.plans.csv_import import read_changes
from tests.intake.resaved import keep_numbers
from tests.support.stack import ROOT

pytestmark = pytest.mark.django_db
FOLDER = ROOT / "tests/data/resaved"
FILES = sorted(path.name for path in FOLDER.iterdir())


@pytest.fixture(autouse=True)
def books():
    keep_numbers()


def read(name: str, *edits: tuple[str, str]) -> tuple[list, list, list[str]]:
    """The changes in a file of FOLDER after EDITS of its text, what is wrong, and what a person is told."""
    content = (FOLDER / name).read_bytes()
    for old, new in edits:
        assert content.count(old.encode()) == 1
        content = content.replace(old.encode(), new.encode())
    warnings: list[str] = []
    wanted, mistakes = read_changes(io.BytesIO(content), warnings=warnings)
    return [changes for _, changes in wanted], mistakes, warnings


def test_the_files_are_of_our_export():
    """As it was before it had calls: what was exported then is still read."""
    lines = csv_lines(number_rows(Number.objects.all()), [c for c in NUMBER_COLUMNS if "call" not in c])
    assert "".join(lines).encode() == (FOLDER / "export.csv").read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_what_a_spreadsheet_saves_again_changes_nothing(name):
    changes, mistakes, warnings = read(name)
    assert (changes, mistakes) == ([{}] * 6, [])
    assert len(warnings) == (name == "libreoffice-windows-1252.csv")


@pytest.mark.parametrize("name", [name for name in FILES if "utf16" not in name])
def test_one_cell_that_was_edited_is_one_change(name):
    changes, mistakes, _ = read(name, ("two  spaces", "two spaces"))
    assert (changes, mistakes) == ([{}, {}, {"label": "two spaces"}, {}, {}, {}], [])
