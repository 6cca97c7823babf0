"""Statements that are put into SQL once: they do what the ORM would."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.db.transaction import TransactionManagementError

from numbers.models import Attempt, Event, Line, Number
from numbers.prepared import Change, Prepared, columns_of, put, read
from numbers.services import gate
from numbers.services.history import db_now
from numbers.services.sending import NEXT
from numbers.statements import slot
from tests.books import bare_line

pytestmark = pytest.mark.django_db
LINE = Prepared(lambda: Line.objects.filter(pk=slot("pk")).values_list(*columns_of(Line)))


def test_a_row_that_was_put_is_the_row_that_is_there():
    number = Number(e164="+14155550001", label="it's 100%", answer={"a": [1, None, "é"]}, bought_at=db_now())
    assert put(number, unless="e164")
    found = Number.objects.get(pk=number.pk)
    assert {name: getattr(found, name) for name in columns_of(Number)} == {
        name: getattr(number, name) for name in columns_of(Number)
    }
    number.label = "changed"
    number.save()
    assert Number.objects.get().label == "changed"


def test_a_number_that_is_there_already_is_left_alone():
    Number.objects.create(e164="+14155550001", label="first")
    assert not put(Number(e164="+14155550001", label="second"), unless="e164")
    assert Number.objects.get().label == "first"


def test_what_the_database_fills_in_is_read_when_asked_for():
    event = Event(action="x", after={"to": 1})
    put(event)
    assert event.at == Event.objects.get().at


def test_attempts_of_a_line_are_counted_by_the_database():
    line, other = bare_line(), bare_line()
    made = [Attempt(line=whose, generation=1) for whose in (line, other, line)]
    for attempt in made:
        put(attempt, n=(NEXT, [attempt.line_id]))
    assert [attempt.n for attempt in made] == [1, 1, 2]
    assert list(line.attempts.values_list("key", flat=True)) == [made[0].key, made[2].key]


def test_a_change_is_of_the_rows_that_are_as_named_and_of_no_other():
    line, other = bare_line(), bare_line()
    change = Change(
        lambda: Line.objects.filter(pk=slot("pk"), generation=slot("generation")),
        lambda: {"generation": F("generation") + 1},
    )
    number, now = Number.objects.create(e164="+14155550001"), db_now()
    for fields in ({"number": number, "sent_at": now}, {"number": None, "reason": "100% sure"}):
        before = Line.objects.get(pk=line.pk).generation
        assert change.rows(fields=fields, pk=line.pk, generation=before) == 1
        assert change.rows(fields=fields, pk=line.pk, generation=before) == 0
    line.refresh_from_db()
    assert (line.generation, line.number, line.sent_at, line.reason) == (before + 1, None, now, "100% sure")
    assert Line.objects.get(pk=other.pk).generation == other.generation


def test_a_row_that_was_read_is_the_row_of_the_orm():
    line = bare_line()
    found = read(Line, LINE.row(pk=line.pk))
    wanted = Line.objects.get(pk=line.pk)
    assert {name: getattr(found, name) for name in columns_of(Line)} == {
        name: getattr(wanted, name) for name in columns_of(Line)
    }


def test_the_gate_tells_the_time():
    before = db_now()
    _, now = gate.seen()
    assert before <= now <= db_now() < now + timedelta(seconds=10)


@pytest.mark.django_db(transaction=True)
def test_the_gate_is_not_locked_outside_of_a_transaction():
    with pytest.raises(TransactionManagementError):
        gate.locked()


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite keeps the latest ones by itself")
def test_postgresql_keeps_them_prepared():
    line = bare_line()
    for _ in range(4):
        LINE.row(pk=line.pk)
    with connection.cursor() as asked:
        asked.execute("SELECT statement FROM pg_prepared_statements")
        assert any("numbers_line" in statement for (statement,) in asked.fetchall())
