"""The history on real databases: guarded against every statement, sealed by rival workers, verified."""

import sqlite3

import pytest

from tests.faults.arena import Arena
from tests.faults.test_provider import bought_once

EVENT = (
    "INSERT INTO numbers_event (at, actor_name, action, before, after, reason, request_id)"
    " VALUES (CURRENT_TIMESTAMP, 'mallory', 'gate.opened', '{}', '{}', '', '')"
)
STATEMENTS = [
    "UPDATE numbers_event SET reason = 'x'",
    "DELETE FROM numbers_event",
    "UPDATE numbers_seal SET hash = 'x'",
    "DELETE FROM numbers_seal",
]
OF_POSTGRES = [
    "TRUNCATE numbers_event CASCADE",
    "TRUNCATE numbers_number CASCADE",
    "TRUNCATE numbers_seal",
    "SET session_replication_role = replica; UPDATE numbers_event SET reason = 'x'",
    "INSERT INTO numbers_event SELECT * FROM numbers_event ON CONFLICT (id) DO UPDATE SET reason = 'x'",
]
OF_SQLITE = [
    "INSERT OR REPLACE INTO numbers_event SELECT * FROM numbers_event",
    "INSERT OR REPLACE INTO numbers_seal SELECT * FROM numbers_seal",
]
NO_OP = {
    "sqlite": [
        statement
        for table in ("numbers_event", "numbers_seal")
        for statement in (
            f"DROP TRIGGER {table}_no_delete",
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN SELECT 1; END",
        )
    ],
    "postgres": [
        "CREATE OR REPLACE FUNCTION numbers_append_only() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NULL; END $$",
    ],
}
SEAL = "from numbers.services.audit.seals import seal; print(seal())"


def connect(arena: Arena):
    """A connection past all of our code."""
    url = arena.stack.env["DATABASE_URL"]
    if url.startswith("sqlite"):
        return sqlite3.connect("/" + url.split("///")[1].lstrip("/"), isolation_level=None, timeout=20)
    import psycopg  # noqa: PLC0415 -- only where there is a server

    return psycopg.connect(url, autocommit=True)


def test_nobody_rewrites_the_history_unseen(fresh, engine):
    arena, stack = fresh, fresh.stack
    for _ in range(2):
        arena.place()
    assert stack.shell(SEAL) == "2"
    db = connect(arena)
    for sql in STATEMENTS + (OF_POSTGRES if engine == "postgres" else OF_SQLITE):
        with pytest.raises(Exception, match="only grows"):
            db.execute(sql)
    if engine == "postgres":
        # An older id is committed after a younger one was sealed.
        db.execute("RESET session_replication_role")
        late = connect(arena)
        late.execute("BEGIN")
        late.execute(EVENT)
        db.execute(EVENT)
        assert stack.shell(SEAL) == "1"
        late.execute("COMMIT")
        late.close()
        assert stack.shell(SEAL) == "1"
    arena.start_worker()
    arena.start_worker()  # two workers race for each link of the chain
    arena.settled(line["id"] for line in arena.books.lines())
    arena.until(lambda: count(arena, "numbers_event") == count(arena, "numbers_seal"))
    assert stack.manage("audit_verify").stdout.startswith("The history is intact. Keep this elsewhere: ")
    if engine == "postgres":
        db.execute("ALTER TABLE numbers_event DISABLE TRIGGER ALL")
    else:
        db.execute("DROP TRIGGER numbers_event_no_update")
    db.execute("UPDATE numbers_event SET actor_name = 'mallory' WHERE id = 2")
    db.close()
    done = stack.manage("audit_verify", check=False)
    assert done.returncode == 1
    assert "doesn't protect the history" in done.stderr
    assert "Event 2 (order.placed) doesn't match seal 2." in done.stderr


COVERED_UP = [
    "UPDATE numbers_order SET approval = '{said}', requested_by_id = NULL, requested_by_name = ''",
    "UPDATE numbers_approval SET asked_by_id = NULL, asked_by_name = ''",
    "UPDATE numbers_line SET due_at = CURRENT_TIMESTAMP",
]


@pytest.mark.parametrize("said", ["", "approved"])
def test_rows_that_somebody_changed_buy_nothing(make_arena, engine, said):
    """An order that waits for approval is made to look as if it did not, under the eyes of a worker."""
    arena = make_arena(engine, APPROVAL_LINES=2)
    try:
        waiting = arena.place(3)
        assert arena.stack.manage("audit_verify").returncode == 0
        db = connect(arena)
        for sql in COVERED_UP:
            db.execute(sql.format(said=said))
        db.close()
        arena.start_worker()
        bought_once(arena, *arena.place(1))
        arena.until(lambda: all(str(row["due_at"]) > "2900" for row in arena.books.lines(*waiting)))
        assert [row["state"] for row in arena.books.lines(*waiting)] == ["planned"] * 3
        assert len(arena.posts()) == len(arena.sandbox.charges()) == 1
        done = arena.stack.manage("audit_verify", check=False)
        assert done.returncode == 1
        assert "Order 1 has a different person or time than event 1 sealed." in done.stderr
        assert "Order 1 says “" in done.stderr
        assert "The approval of Order 1 doesn't match what the history sealed" in done.stderr
    finally:
        arena.close()


def test_a_guard_that_does_nothing_and_a_history_cut_off_are_named(fresh, engine):
    arena = fresh
    for _ in range(3):
        arena.place()
    assert arena.stack.shell(SEAL) == "3"
    db = connect(arena)
    for sql in NO_OP[engine]:
        db.execute(sql)
    db.execute("DELETE FROM numbers_seal WHERE event_id > 1")
    db.execute("DELETE FROM numbers_event WHERE id > 1")
    db.close()
    done = arena.stack.manage("audit_verify", check=False)
    assert done.returncode == 1
    assert "was altered" in done.stderr
    assert "Events 2 to 3 are missing at the end of the history" in done.stderr
    assert "Order 3 is in our records, but the history has no event for it." in done.stderr


@pytest.mark.parametrize("engine", ["postgres"])
def test_a_database_that_was_ended_hard_is_not_taken_for_tampering(fresh, cluster):
    """PostgreSQL goes on behind the ids that it had logged ahead."""
    fresh.place()
    assert fresh.stack.shell(SEAL) == "1"
    cluster.restart_immediate()
    assert fresh.stack.manage("audit_verify", check=False).stderr == ""
    fresh.place()
    assert fresh.books.rows("SELECT MAX(id) AS newest FROM numbers_event")[0]["newest"] > 2


def count(arena: Arena, table: str) -> int:
    return arena.books.rows(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"]  # noqa: S608 -- our own tables
