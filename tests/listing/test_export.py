"""The export: every number, streamed, and safe to open in a spreadsheet."""

import csv
import io
from dataclasses import fields

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers import number_fields
from numbers.fluents import RemoteNumber
from numbers.forms.numbers import NumberForm
from numbers.listing import query, rows
from numbers.listing.downloads import as_csv, as_json
from numbers.listing.export import NUMBER_COLUMNS, number_rows
from numbers.models import Number, Tag
from numbers.services.csv_tables import csv_lines, csv_safe, unguarded
from tests.support.plans import owned
from tests.support.queries import count

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
    table = list(
        csv.reader(
            io.StringIO("".join(csv_lines(number_rows(Number.objects.all()), NUMBER_COLUMNS)), newline="")
        )
    )
    assert (len(table), table[0]) == (6, NUMBER_COLUMNS)
    assert not [cell for row in table for cell in row if cell[:1] in {"=", "+", "-", "@"}]


def test_rows_are_read_in_portions(fluents):
    owned(fluents, 25)

    def cost(portion: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(list(number_rows(Number.objects.all(), portion=portion))) == 25
        return count(queries)

    assert cost(10) <= 3 * 4 + 2  # numbers, agents, connections and tags of three portions; calls; the end
    first = number_rows(Number.objects.all(), portion=10)
    with CaptureQueriesContext(connection) as queries:
        next(first)
    assert len(queries) <= 5


def test_a_download_that_fails_at_once_promises_no_file():
    for made in (as_json, lambda rows, name: as_csv(rows, ["share"], name)):
        with pytest.raises(ZeroDivisionError):
            made(({"share": 1 / n} for n in [0]), "shares")


def test_a_download_that_is_given_up_reads_no_further():
    """At once, while the connection that its cursor belongs to is still ours."""
    ended = []

    def rows():
        try:
            yield from ({"n": n} for n in range(1000))
        finally:
            ended.append(True)

    for begun in (True, False):
        response = as_csv(rows(), ["n"], "n.csv")
        if begun:
            next(iter(response))
        response.close()
        assert ended.pop()


def test_a_filter_over_tags_exports_each_number_once(fluents):
    number = owned(fluents, 2).first()
    number.tags.set([Tag.objects.create(name="one"), Tag.objects.create(name="two")])
    found = Number.objects.filter(tags__name__in=["one", "two"])
    assert [row["number"] for row in number_rows(found)] == [number.e164]


def test_every_field_is_found_where_it_is_needed():
    assert set(query.COLUMNS) - {"cost"} == set(number_fields.COLUMNS) == set(rows.CELLS) - {"cost"}
    assert set(NumberForm.base_fields) - {"seen", "inbound_agent"} | {"agent"} == set(number_fields.PLANNED)
    assert {field.name for field in fields(RemoteNumber)} >= set(number_fields.DRIFTING) - {"agent"}
