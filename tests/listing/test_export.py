"""The export: every number, streamed, and safe to open in a spreadsheet."""

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.models import Number, Tag
from numbers.reports import NUMBER_COLUMNS, csv_lines, csv_safe, number_rows
from numbers.services.importing import unguarded
from tests.plans import owned

pytestmark = pytest.mark.django_db
CELLS = ["=1+1", "+14155550100", "-1", "@cmd", "\tx", "\rx", "'=x", "''+x", "'plain", "plain", "", "a=b", "'"]


@pytest.mark.parametrize("cell", CELLS)
def test_no_cell_is_a_formula_and_each_comes_back_as_it_was(cell):
    safe = csv_safe(cell)
    assert safe[:1] not in {"=", "+", "-", "@", "\t", "\r"}
    assert unguarded(safe) == cell


def test_rows_say_what_the_list_says(fluents):
    owned(fluents, 5)
    number = Number.objects.exclude(agent=None).first()
    number.tags.set([Tag.objects.create(name="b"), Tag.objects.create(name="a")])
    rows = list(number_rows(Number.objects.all()))
    assert len(rows) == 5
    row = next(row for row in rows if row["number"] == number.e164)
    assert list(row) == NUMBER_COLUMNS
    assert (row["agent"], row["agent_name"], row["tags"]) == (
        number.agent.api_id,
        number.agent.name,
        ["a", "b"],
    )
    assert (row["status"], row["origin"], row["bought_at"]) == ("active", "found", None)


def test_the_csv_has_a_row_for_each_number_and_no_formula(fluents):
    owned(fluents, 5)
    Number.objects.update(label='=HYPERLINK("http://evil")')
    table = list(csv.reader(io.StringIO("".join(csv_lines(number_rows(Number.objects.all()))), newline="")))
    assert (len(table), table[0]) == (6, NUMBER_COLUMNS)
    assert not [cell for row in table for cell in row if cell[:1] in {"=", "+", "-", "@"}]


def test_rows_are_read_in_portions(fluents):
    owned(fluents, 25)

    def cost(portion: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(list(number_rows(Number.objects.all(), portion=portion))) == 25
        return len(queries)

    assert cost(10) <= 3 * 4 + 1  # numbers, agents, connections and tags of three portions, and the end
    first = number_rows(Number.objects.all(), portion=10)
    with CaptureQueriesContext(connection) as queries:
        next(first)
    assert len(queries) <= 4


def test_a_filter_over_tags_exports_each_number_once(fluents):
    number = owned(fluents, 2).first()
    number.tags.set([Tag.objects.create(name="one"), Tag.objects.create(name="two")])
    found = Number.objects.filter(tags__name__in=["one", "two"])
    assert [row["number"] for row in number_rows(found)] == [number.e164]
