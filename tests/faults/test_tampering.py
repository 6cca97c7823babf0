"""The history on real databases: guarded against every statement, sealed by rival sweepers, verified."""

import sqlite3

import pytest

from tests.faults.arena import Arena

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
SEAL = "from numbers.services.sealing import seal; print(seal())"


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
    arena.start_worker()  # two sweepers race for each link of the chain
    arena.settled(line["id"] for line in arena.books.lines())
    arena.until(lambda: count(arena, "numbers_event") == count(arena, "numbers_seal"))
    assert stack.manage("audit_verify").stdout.startswith("The history is whole. Keep this elsewhere: ")
    if engine == "postgres":
        db.execute("ALTER TABLE numbers_event DISABLE TRIGGER ALL")
    else:
        db.execute("DROP TRIGGER numbers_event_no_update")
    db.execute("UPDATE numbers_event SET actor_name = 'mallory' WHERE id = 2")
    db.close()
    done = stack.manage("audit_verify", check=False)
    assert done.returncode == 1
    assert "does not guard the history" in done.stderr
    assert "Event 2 (order.placed) is not what seal 2 was made of." in done.stderr


def count(arena: Arena, table: str) -> int:
    return arena.books.rows(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"]  # noqa: S608 -- our own tables
