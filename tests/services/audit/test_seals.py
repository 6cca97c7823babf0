"""Nobody rewrites the history: the database refuses, and where it could not, the seals show it."""

import io

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import ProtectedError

from numbers.db import append_only
from numbers.models import Event, Seal
from numbers.services.audit.events import Actor, record_event
from numbers.services.audit.seals import digest, faults, head, seal, seal_all
from tests.support.books import PERSON, bare_line, forget

pytestmark = pytest.mark.django_db


def write(count: int = 3) -> list[Event]:
    about = {"before": {"paused": False, "price": 1.10}, "after": {"paused": True, "name": "Zoë ☎"}}
    return [
        record_event(action="gate.paused", by=PERSON, reason=f"Reason {i}", **about) for i in range(count)
    ]


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
    record_event(action="line.review", by=Actor.person(bob), line=line, order=line.order)
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
    assert verify() == (0, f"The history is intact. Keep this elsewhere: {head()}\n")


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
            "Event {} (gate.paused) doesn't match",
        ),
        (
            "UPDATE numbers_event SET at = '2020-01-01' WHERE id = %s",
            "Event {} (gate.paused) doesn't match",
        ),
        ("UPDATE numbers_event SET address = '10.0.0.1' WHERE id = %s", "doesn't match seal 2"),
        ("UPDATE numbers_event SET actor_name = '' WHERE id = %s", "doesn't match seal 2"),
        ("UPDATE numbers_seal SET hash = 'x' WHERE event_id = %s", "doesn't match seal 2"),
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
        setattr(other, name, -77)
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
    write(1)  # it goes on, with a chain that is whole again
    seal()
    assert verify()[0] == 0  # nothing in the database can tell
    status, said = verify("--head", kept)
    assert (status, said) == (1, f"The history doesn't contain {kept}. It was truncated or recreated.\n")


def ids_are_exact() -> bool:
    """PostgreSQL logs ids 32 at a time; where it has just used up those, it may have ended hard."""
    if connection.vendor == "sqlite":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT log_cnt FROM numbers_event_id_seq")
        return cursor.fetchone()[0] > 0


def test_ids_missing_at_the_end_are_named():
    first, last = write()[::2]
    while not ids_are_exact():
        [last] = write(1)
    seal()
    forget(Event.objects.filter(pk__gt=first.pk))
    assert verify() == (
        1,
        f"Events {first.pk + 1} to {last.pk} are missing at the end of the history. They were"
        f" removed, or a write failed just now.\n",
    )


def test_a_missing_guard_is_a_fault():
    append_only.take_away(connection)
    try:
        status, said = verify()
    finally:
        append_only.put_up(connection)
    assert status == 1
    assert "The database doesn't protect the history: numbers_event_" in said


NO_OPS = {
    "sqlite": [
        "DROP TRIGGER numbers_event_no_update",
        "CREATE TRIGGER numbers_event_no_update BEFORE UPDATE ON numbers_event BEGIN SELECT 1; END",
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION numbers_append_only() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NULL; END $$",
    ],
}
FURTHER = {
    "sqlite": [
        "CREATE TRIGGER swallow BEFORE INSERT ON numbers_event BEGIN SELECT RAISE(IGNORE); END",
    ],
    "postgresql": [
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "CREATE TRIGGER swallow BEFORE INSERT ON numbers_event FOR EACH ROW EXECUTE FUNCTION swallow()",
    ],
}
WEAKENED = {
    "sqlite": [
        "DROP TRIGGER numbers_seal_no_replace",
        "CREATE TRIGGER numbers_seal_no_replace BEFORE INSERT ON numbers_seal WHEN FALSE"
        " BEGIN SELECT RAISE(ABORT, 'numbers_seal only grows'); END",
    ],
    "postgresql": [
        "DROP TRIGGER numbers_event_only_grows ON numbers_event",
        "CREATE TRIGGER numbers_event_only_grows BEFORE UPDATE OF reason ON numbers_event"
        " FOR EACH STATEMENT EXECUTE FUNCTION numbers_append_only()",
        "ALTER TABLE numbers_event ENABLE ALWAYS TRIGGER numbers_event_only_grows",
    ],
}


@pytest.mark.parametrize("weakened", [NO_OPS, FURTHER, WEAKENED], ids=["no-op", "further", "weakened"])
def test_a_guard_that_is_not_what_we_put_up_is_a_fault(weakened):
    write(1)
    connection.check_constraints()  # PostgreSQL alters no table before
    assert verify()[0] == 0
    with connection.cursor() as cursor:
        for sql in weakened[connection.vendor]:
            cursor.execute(sql)
    status, said = verify()
    assert status == 1
    assert ("swallow is unknown" if weakened is FURTHER else "was altered") in said
    append_only.put_up(connection)
    assert (verify()[0] == 0) == (weakened is not FURTHER)  # what is none of ours is for people


def test_events_without_a_seal_are_counted_and_named_when_they_are_old():
    write(2)
    assert "2 waiting for their seal" in verify()[1]
    Event.objects.create(action="gate.opened", at="2026-01-01T00:00Z")
    status, said = verify()
    assert (status, "(gate.opened) was never sealed. Check that the worker is running." in said) == (1, True)
