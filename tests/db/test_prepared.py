"""Statements that are put into SQL once: they do what the ORM would."""

import pytest
from django.db import connection

from numbers.db.prepared import Prepared, columns_of, read
from numbers.db.sql import slot
from numbers.models import Line
from tests.support.books import bare_line

pytestmark = pytest.mark.django_db
LINE = Prepared(lambda: Line.objects.filter(pk=slot("pk")).values_list(*columns_of(Line)))


def test_a_row_that_was_read_is_the_row_of_the_orm():
    line = bare_line()
    found = read(Line, LINE.row(pk=line.pk))
    wanted = Line.objects.get(pk=line.pk)
    assert {name: getattr(found, name) for name in columns_of(Line)} == {
        name: getattr(wanted, name) for name in columns_of(Line)
    }


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite keeps the latest ones by itself")
def test_postgresql_keeps_them_prepared():
    line = bare_line()
    for _ in range(4):
        LINE.row(pk=line.pk)
    with connection.cursor() as asked:
        asked.execute("SELECT statement FROM pg_prepared_statements")
        assert any("numbers_line" in statement for (statement,) in asked.fetchall())
