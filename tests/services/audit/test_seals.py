"""Nobody rewrites the history: the database refuses, and where it could not, the seals show it."""

import io

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import ProtectedError

from numbers import append_only
from numbers.models import Event, Seal
from numbers.services.history import By, record
from numbers.services.sealing import digest, faults, head, seal, seal_all
from tests.books import PERSON, bare_line, forget

pytestmark = pytest.mark.django_db


def write(count: int = 3) -> list[Event]:
    about = {"before": {"paused": False, "price": 1.10}, "after": {"paused": True, "name": "Zoë ☎"}}
    return [record(action="gate.paused", by=PERSON, reason=f"Reason {i}", **about) for i in range(count)]


def verify(*options: str) -> tuple[int, str]:
    """Exit status of the command, and what it said."""
    out = io.StringIO()
    try:
        call_command("audit_verify", *options, stdout=out, stderr=out)
    except SystemExit as ended:
        return ended.code, out.getvalue()
    return 0, out.getvalue()


def tamper(sql: str, *values) -> None:
    """What somebody does who owns the database."""
    append_only.take_away(connection)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
    append_only.put_up(connection)


REWRITES = [
    "UPDATE numbers_event SET reason = 'other'",
    "UPDATE numbers_event SET actor_id = NULL",
    "DELETE FROM numbers_event",
    "DELETE FROM numbers_event WHERE id IN (SELECT id FROM numbers_event LIMIT 1)",
    "UPDATE numbers_seal SET hash = 'other'",
    "DELETE FROM numbers_seal",
]
SQLITE_REWRITES = [
    "INSERT OR REPLACE INTO numbers_event SELECT * FROM numbers_event",
    "REPLACE INTO numbers_event SELECT * FROM numbers_event",
    "UPDATE OR REPLACE numbers_event SET id = id + 1",
    "INSERT INTO numbers_event SELECT * FROM numbers_event WHERE true ON CONFLICT DO UPDATE SET reason = ''",
    "INSERT OR REPLACE INTO numbers_seal SELECT * FROM numbers_seal",
    "INSERT OR REPLACE INTO numbers_seal SELECT n + 100, hash, event_id FROM numbers_seal",
]


@pytest.mark.parametrize("sql", REWRITES + SQLITE_REWRITES)
def test_the_database_refuses_to_rewrite_the_history(sql):
    if connection.vendor != "sqlite" and sql in SQLITE_REWRITES:
        pytest.skip("is no SQL of this database")
    write()
    seal()
    before = list(Event.objects.values()), list(Seal.objects.values())
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert (list(Event.objects.values()), list(Seal.objects.values())) == before
    assert list(faults()) == []


def test_nothing_that_an_event_names_can_be_deleted(bob):
    line = bare_line()
    record(action="line.review", by=By.person(bob), line=line, order=line.order)
    for thing in (bob, line, line.order):
        with pytest.raises(ProtectedError):
            thing.delete()


def test_each_link_holds_its_event_and_the_link_before():
    first, second, third = write()
    assert (seal(), seal()) == (3, 0)
    links = list(Seal.objects.order_by("n"))
    assert [(link.n, link.event_id) for link in links] == [(1, first.pk), (2, second.pk), (3, third.pk)]
    second.refresh_from_db()
    assert links[1].hash == digest(second, links[0].hash) != digest(second, links[2].hash)
    assert verify() == (0, f"The history is whole. Keep this elsewhere: {head()}\n")


def test_an_event_that_was_committed_late_is_sealed_behind_the_others():
    first, second, third = write()
    forget(Event.objects.filter(pk=second.pk))
    seal()
    Event.objects.create(pk=second.pk, action="line.review", reason="late")
    assert seal() == 1
    assert list(Seal.objects.order_by("n").values_list("event", flat=True)) == [first.pk, third.pk, second.pk]
    assert verify()[0] == 0


def test_what_is_far_behind_is_found_when_all_is_looked_at():
    event = Event.objects.create(pk=10_000, action="gate.paused")
    seal()
    Event.objects.create(pk=1, action="gate.opened")
    assert (seal(), seal(whole=True)) == (0, 1)
    assert list(Seal.objects.order_by("n").values_list("event", flat=True)) == [event.pk, 1]


def test_the_head_goes_to_the_log(caplog):
    caplog.set_level("INFO")
    write()
    seal_all()
    assert f"the history is sealed up to {head()}" in caplog.text


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        (
            "UPDATE numbers_event SET reason = 'other' WHERE id = %s",
            "Event {} (gate.paused) is not",
        ),
        (
            "UPDATE numbers_event SET at = '2020-01-01' WHERE id = %s",
            "Event {} (gate.paused) is not",
        ),
        ("UPDATE numbers_event SET address = '10.0.0.1' WHERE id = %s", "is not what seal 2 was made of"),
        ("UPDATE numbers_event SET actor_name = '' WHERE id = %s", "is not what seal 2 was made of"),
        ("UPDATE numbers_seal SET hash = 'x' WHERE event_id = %s", "is not what seal 2 was made of"),
        ("DELETE FROM numbers_seal WHERE event_id = %s", "Seal 2 is missing, or its event is gone"),
    ],
)
def test_what_was_rewritten_all_the_same_is_found_and_named(sql, says):
    event = write()[1]
    seal()
    tamper(sql, event.pk)
    status, said = verify()
    assert status == 1
    assert says.format(event.pk) in said


def test_every_column_of_an_event_is_sealed():
    columns = {field.attname for field in Event._meta.concrete_fields}
    event = Event.objects.get(pk=write(1)[0].pk)
    hashes = set()
    for name in columns - {"at"}:
        other = Event.objects.get(pk=event.pk)
        setattr(other, name, 77)
        hashes.add(digest(other, ""))
    other = Event.objects.get(pk=event.pk)
    other.at = event.at.replace(year=2020)
    assert len(hashes | {digest(other, ""), digest(event, "")}) == len(columns) + 1


def test_a_history_that_was_cut_off_lacks_the_head_that_somebody_kept():
    write()
    seal()
    kept = str(head())
    assert verify("--head", kept)[0] == 0
    forget(Event.objects.filter(pk=head().event_id))
    assert verify()[0] == 0  # nothing in the database can tell
    status, said = verify("--head", kept)
    assert (status, said) == (1, f"The history does not contain {kept}: it was cut off or made anew.\n")


def test_a_missing_guard_is_a_fault():
    append_only.take_away(connection)
    try:
        status, said = verify()
    finally:
        append_only.put_up(connection)
    assert status == 1
    assert "The database does not guard the history: numbers_event_" in said


def test_events_without_a_seal_are_counted_and_named_when_they_are_old():
    write(2)
    assert "2 waiting for their seal" in verify()[1]
    Event.objects.create(action="gate.opened", at="2026-01-01T00:00Z")
    status, said = verify()
    assert (status, "(gate.opened) was never sealed. Does the worker run?" in said) == (1, True)
