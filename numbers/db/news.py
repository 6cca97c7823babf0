"""Whether anything that pages show has changed: what every open page asks, so one cheap statement answers.

No transaction that ends late gets past it. On PostgreSQL each one that changes a table of WATCHED leaves its
id in a row, and a page keeps the snapshot in which it was made: what that snapshot did not see yet is news,
however early it took its id. SQLite has one writer at a time, so that a counter is enough.

Put up after every `migrate`, as SQLite drops a table's triggers whenever Django makes the table anew.
"""

import time
from collections.abc import Callable, Hashable, Iterator
from zlib import crc32

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from .memory import Remembered
from .prepared import cursor

TABLE, FUNCTION = "numbers_commit", "numbers_note_commit"
#: What pages show, and which columns of it; none: all of them. Leases and pace change all the time unseen.
WATCHED: dict[str, tuple[str, ...]] = {
    "numbers_agent": (),
    "numbers_budget": (),
    "numbers_callendpoint": (),
    "numbers_callreading": ("until", "supported", "error", "counted_from"),
    "numbers_connection": (),
    "numbers_figures": ("counted_at",),
    "numbers_gate": ("paused", "pause_reason", "breaker", "breaker_reason", "needs_person", "not_before"),
    "numbers_invoice": ("state", "counts", "errors"),
    "numbers_line": ("changed_at",),
    "numbers_notice": (),
    # Not that a sync has seen it: its end is news for all of them.
    "numbers_number": (
        *("e164", "status", "agent_id", "connection_id", "telephony_provider", "label", "description"),
        *(
            "outbound_only",
            "origin",
            "standing",
            "drift",
            "drifted",
            "answer",
            "api_id",
            "holding",
            "bought_at",
        ),
        *("bought_by", "area_code", "region", "calls_30", "wrong_agent", "last_call_at", "answerer"),
    ),
    "numbers_number_tags": (),
    "numbers_order": ("approval", "ending"),
    "numbers_plan": ("state", "title", "note", "counts", "applied_at", "finished_at", "proving"),
    "numbers_planrow": ("changed_at",),
    "numbers_plansource": ("position", "total", "errors"),
    "numbers_price": (),
    "numbers_proof": ("verdict", "sent_at", "reason"),
    "numbers_reconciliation": ("finished_at", "error", "differences"),
    "numbers_savedview": (),
    "numbers_snooze": (),
    "numbers_syncrequest": ("asked_at", "finished_at"),
    "numbers_syncstate": ("synced_at", "error", "doubt"),
    "numbers_tag": (),
}
FRESH = 60  # seconds; after these there are news in any case, as time alone changes some of what pages say
KEPT = "1 hour"
BATCH = 1000
NOWHERE = (0, 0, "{}")  # the bounds of a snapshot that has seen nothing


class Kept(dict):
    """What this process has read, by whom it is for, while nothing was committed since `at`."""

    def __init__(self, at: str = "") -> None:
        super().__init__()
        self.at, self.made = at, time.monotonic()

    def holds(self) -> bool:
        """Whether it may be used: for a while, and not inside a transaction, which may be undone."""
        lately = time.monotonic() - self.made < FRESH
        return bool(self.at) and lately and Remembered.on and not connection.in_atomic_block

    def answer[Answer](self, about: Hashable, ask: Callable[[], Answer]) -> Answer:
        """What `ask` says, or has said while nothing had changed."""
        if not self.holds():
            return ask()
        if about not in self:
            self[about] = ask()
        return self[about]


_kept = Kept()


def look(seen: str = "") -> tuple[str, bool, Kept]:
    """Where the database is now, whether a page that is at `seen` may not show all that was committed, and
    what was kept of what this shows: what is read from now on may be put there."""
    global _kept  # noqa: PLW0603 -- one for the process; a thread that takes another's puts nothing wrong there
    at, _, made = seen.partition("~")
    if old := is_old(seen):
        made = str(int(time.time()))
    kept = _kept
    if connection.vendor == "sqlite":
        with connection.cursor() as asked:
            now = str(*asked.execute(f"SELECT max(n) FROM {TABLE}").fetchone())  # noqa: S608 -- our own names
        changed, lost = now != at, now != kept.at
    else:
        known = bounds(at)
        with cursor() as asked:
            asked.execute(_UNSEEN, (*(known or NOWHERE), *(bounds(kept.at) or NOWHERE)))
            now, changed, lost = asked.fetchone()
        changed = changed or not known
    if lost or not kept.holds():
        kept = _kept = Kept(now)
    return f"{now}~{made}", changed or old, kept


def is_old(seen: str) -> bool:
    """Whether a page that is at `seen` was last made as a whole so long ago that it has to be again."""
    made = seen.partition("~")[2]
    return not made.isdecimal() or not 0 <= time.time() - int(made[:12]) < FRESH


def bounds(seen: str) -> tuple[int, int, str] | None:
    """Of the snapshot `seen`: the oldest transaction that ran, the first one after it, and all that ran.

    None: no snapshot, but something that somebody made up.
    """
    oldest, _, rest = seen.partition(":")
    after, _, running = rest.partition(":")
    each = [oldest, after, *filter(None, running.split(","))]
    if not all(number.isascii() and number.isdigit() and len(number) < 19 for number in each):
        return None
    return int(oldest), int(after), f"{{{','.join(each[2:])}}}"


def forget() -> int:
    """Drop ids that no page asks about any more, some at a time; how many."""
    if connection.vendor == "sqlite":
        return 0
    with connection.cursor() as old:
        old.execute(_FORGET)
        return old.rowcount


def put_up(connection: BaseDatabaseWrapper) -> None:
    """Have the database note what changes; where it does already, nobody has to wait for a lock."""
    postgresql, tables = connection.vendor == "postgresql", connection.introspection.table_names()
    if TABLE not in tables:
        return
    wanted = dict(
        trigger for table in WATCHED if table in tables for trigger in triggers(table, postgresql=postgresql)
    )
    with transaction.atomic(using=connection.alias), connection.cursor() as made:
        made.execute(_OF_POSTGRES if postgresql else _OF_SQLITE)
        there = dict(made.fetchall())
        if wanted.keys() - there and postgresql:
            made.execute(_POSTGRES_FUNCTION)
        if not postgresql:  # the one row that counts
            made.execute(f"INSERT INTO {TABLE} (n) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM {TABLE})")  # noqa: S608
        for name in there.keys() - wanted.keys():
            made.execute(f"DROP TRIGGER {name}{f' ON {there[name]}' if postgresql else ''}")
        for name in wanted.keys() - there.keys():
            made.execute(wanted[name])


def triggers(table: str, *, postgresql: bool) -> Iterator[tuple[str, str]]:
    """The triggers of `table`, each by a name that changes with what it does, and its statement."""
    columns = WATCHED[table]
    update = f"UPDATE OF {', '.join(columns)}" if columns else "UPDATE"
    events = [f"INSERT OR DELETE OR {update}"] if postgresql else ["INSERT", "DELETE", update]
    for event in events:
        sql = f"AFTER {event} ON {table} {_POSTGRES if postgresql else _SQLITE}"
        name = f"{table}_news_{crc32(sql.encode()):08x}"
        yield name, f"CREATE TRIGGER {name} {sql}"


_SINCE = f"EXISTS (SELECT 1 FROM {TABLE} WHERE n >= %s AND (n >= %s OR n = ANY(%s::bigint[])))"  # noqa: S608 -- our own names
_UNSEEN = f"SELECT pg_current_snapshot()::text, {_SINCE}, {_SINCE}"
_FORGET = f"""DELETE FROM {TABLE} WHERE at < now() - interval '{KEPT}'
AND n IN (SELECT n FROM {TABLE} ORDER BY n LIMIT {BATCH})"""  # noqa: S608 -- as above
_SQLITE = f"BEGIN UPDATE {TABLE} SET n = n + 1; END"  # noqa: S608 -- as above
_POSTGRES = f"FOR EACH ROW EXECUTE FUNCTION {FUNCTION}()"
_POSTGRES_FUNCTION = f"""CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
INSERT INTO {TABLE} (n) VALUES (pg_current_xact_id()::text::bigint) ON CONFLICT DO NOTHING; RETURN NULL;
END $$"""  # noqa: S608 -- as above
_OF_SQLITE = (
    "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'numbers_*_news_*'"
)
_OF_POSTGRES = """SELECT tgname, tgrelid::regclass::text FROM pg_trigger
WHERE NOT tgisinternal AND tgname ~ '^numbers_.*_news_'"""
