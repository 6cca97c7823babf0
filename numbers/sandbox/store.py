"""The state of the sandbox, in one SQLite file.

One connection writes, under a lock; the others read. ``synchronous=OFF`` is enough here: a
committed row survives ``kill -9`` of this process, and nobody pays for what a power cut takes.
"""

import json
import sqlite3
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from . import stock
from .wire import Fault

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS owned (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, number TEXT NOT NULL UNIQUE,
    area_code TEXT NOT NULL, provider TEXT NOT NULL, connection TEXT, agent TEXT, label TEXT NOT NULL,
    description TEXT NOT NULL, outbound_only INTEGER NOT NULL, example_context TEXT NOT NULL,
    tags TEXT NOT NULL, sms_enabled INTEGER NOT NULL, active_at REAL NOT NULL, bought_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS owned_area ON owned (area_code);
CREATE TABLE IF NOT EXISTS sold (number TEXT PRIMARY KEY, area_code TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sold_area ON sold (area_code);
CREATE TABLE IF NOT EXISTS returned (number TEXT PRIMARY KEY, area_code TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS returned_area ON returned (area_code);
CREATE TABLE IF NOT EXISTS linkable (number TEXT PRIMARY KEY, connection TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS charges (
    n INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, number TEXT NOT NULL, number_id TEXT NOT NULL,
    telephony_provider TEXT NOT NULL, telephony_account_connection TEXT,
    area_code TEXT, phone_number TEXT, request_id TEXT);
CREATE TABLE IF NOT EXISTS agents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS faults (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, path TEXT NOT NULL, method TEXT,
    times INTEGER NOT NULL, skip INTEGER NOT NULL, params TEXT NOT NULL, fired INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS late (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, due REAL NOT NULL, body TEXT NOT NULL, request_id TEXT);
CREATE TABLE IF NOT EXISTS calls (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, line TEXT NOT NULL, other TEXT NOT NULL,
    outgoing INTEGER NOT NULL, agent TEXT, start_at REAL NOT NULL, end_at REAL NOT NULL,
    outcome TEXT NOT NULL, reported_at REAL NOT NULL, placed INTEGER NOT NULL, request_id TEXT);
CREATE INDEX IF NOT EXISTS calls_start ON calls (start_at, seq, reported_at);
CREATE INDEX IF NOT EXISTS calls_reported ON calls (reported_at);
"""
#: Changes with the tables. A file of another version begins anew.
_VERSION = 2
_TABLES = (
    "owned",
    "sold",
    "returned",
    "linkable",
    "charges",
    "agents",
    "faults",
    "late",
    "calls",
    "sqlite_sequence",
)
_NUMBERS_AHEAD = 1000

#: For a number which stays inactive until somebody changes it.
NEVER = 1e12

NEW_NUMBER: dict[str, Any] = {
    "provider": "twilio",
    "agent": None,
    "label": "",
    "description": "",
    "outbound_only": False,
    "example_context": {},
    "tags": [],
    "sms_enabled": False,
    "active_at": 0.0,
    "bought_at": 0.0,
}


class Store:
    """Data of one sandbox. ``initial`` is the config of a new or reset sandbox.

    Raises sqlite3.Error or OSError when the file cannot be used.
    """

    def __init__(self, path: Path, initial: dict[str, Any], given: dict[str, Any], seed: int | None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.initial = initial
        self._writing = threading.Lock()
        self._readers: deque[sqlite3.Connection] = deque()
        self.late_added = threading.Event()
        self._writer = self._open()
        self._writer.execute("PRAGMA journal_mode=WAL")
        if self._writer.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
            for table in ("meta", *_TABLES[:-1]):
                self._writer.execute(f"DROP TABLE IF EXISTS {table}")
            self._writer.execute(f"PRAGMA user_version = {_VERSION}")
        self._writer.executescript(_SCHEMA)
        stored = self._meta("config")
        if seed is None:
            seed = self._meta("seed") or 0
        self.stock = stock.Stock(seed)
        self._counting = threading.Lock()
        self._last_n = self._n_ahead = self._meta("n_ahead") or 0
        self.config: dict[str, Any] = initial
        if stored is None:
            self.empty()
        else:
            with self.write() as db:
                self._save(db, "config", {**initial, **stored, **given})
                self._save(db, "seed", seed)
            self.config = {**initial, **stored, **given}
        self._refresh_agents(self._writer)
        self.faults_pending = self._count("faults")

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=20, isolation_level=None, check_same_thread=False)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA synchronous=OFF")
        return db

    def close(self) -> None:
        """Waits for the write that is under way, then lets go of the file."""
        self._writing.acquire()  # for good: no write may begin after this
        self._writer.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction that changes something; all of it or, after an exception, nothing."""
        with self._writing:
            db = self._writer
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One view of the data, unmoved by the writes of others."""
        try:
            db = self._readers.pop()
        except IndexError:
            db = self._open()
        db.execute("BEGIN")
        try:
            yield db
        finally:
            db.execute("COMMIT")
            self._readers.append(db)

    # Counters, config and agents are also kept in memory: every request needs them.

    def next_n(self) -> int:
        """The number of the next request. After a kill the count continues with a gap, never backwards."""
        with self._counting:
            self._last_n += 1
            if self._last_n > self._n_ahead:
                self._n_ahead = self._last_n + _NUMBERS_AHEAD
                with self.write() as db:
                    self._save(db, "n_ahead", self._n_ahead)
            return self._last_n

    def configure(self, update: dict[str, Any]) -> None:
        with self.write() as db:
            config = {**self.config, **update}
            self._save(db, "config", config)
            self.config = config

    def empty(self) -> None:
        """Back to a new sandbox: nothing owned, no faults, first config, the usual agents."""
        with self._counting, self.write() as db:
            for table in _TABLES:
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
            db.executemany("INSERT INTO linkable VALUES (?, ?)", stock.linkable_numbers(self.stock.seed))
            for agent in stock.default_agents():
                self.save_agent(db, agent)
            self._save(db, "config", self.initial)
            self._save(db, "seed", self.stock.seed)
            self._save(db, "n_ahead", 0)
            self._last_n = self._n_ahead = 0
            self.config = self.initial
            self.faults_pending = 0

    def save_agent(self, db: sqlite3.Connection, agent: dict) -> None:
        db.execute(
            "INSERT INTO agents (id, document) VALUES (?, ?)"
            " ON CONFLICT (id) DO UPDATE SET document = excluded.document",
            (agent["id"], json.dumps(agent)),
        )
        self._refresh_agents(db)

    def delete_agent(self, db: sqlite3.Connection, agent_id: str) -> None:
        """Takes the agent away, and off the numbers that it answered."""
        db.execute("DELETE FROM agents WHERE id = ?", (agent_id,))
        db.execute("UPDATE owned SET agent = NULL WHERE agent = ?", (agent_id,))
        self._refresh_agents(db)

    def _refresh_agents(self, db: sqlite3.Connection) -> None:
        rows = db.execute("SELECT id, document FROM agents ORDER BY seq")
        self.agents: dict[str, dict] = {row["id"]: json.loads(row["document"]) for row in rows}

    def _meta(self, key: str) -> Any:
        row = self._writer.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row["value"])

    def _save(self, db: sqlite3.Connection, key: str, value: Any) -> None:
        db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value)))

    def _count(self, table: str) -> int:
        return self._writer.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]  # noqa: S608

    # Faults wait in order, per path.

    def queue_faults(self, faults: list[dict[str, Any]]) -> None:
        """``faults`` as :func:`numbers.sandbox.faults.parse` returns them."""
        with self.write() as db:
            db.executemany(
                "INSERT INTO faults (name, path, method, times, skip, params)"
                " VALUES (:fault, :path, :method, :times, :skip, :params)",
                [{**fault, "params": json.dumps(fault["params"])} for fault in faults],
            )
            self.faults_pending += len(faults)

    def clear_faults(self) -> int:
        with self.write() as db:
            self.faults_pending = 0
            return db.execute("DELETE FROM faults").rowcount

    def waiting_faults(self, db: sqlite3.Connection) -> list[dict[str, Any]]:
        """In the order of their queues; ``times`` and ``skip`` are what is left of them."""
        return [
            {
                "fault": row["name"],
                **{key: row[key] for key in ("path", "method", "times", "skip")},
                **json.loads(row["params"]),
            }
            for row in db.execute("SELECT * FROM faults ORDER BY seq")
        ]

    def take_fault(self, method: str, path: str) -> Fault | None:
        """The fault that this request has to suffer, if it is its turn."""
        if not self.faults_pending:
            return None
        with self.write() as db:
            row = db.execute(
                "SELECT * FROM faults WHERE path = ? AND (method IS NULL OR method = ?) ORDER BY seq LIMIT 1",
                (path, method),
            ).fetchone()
            if row is None:
                return None
            if row["skip"]:
                db.execute("UPDATE faults SET skip = skip - 1 WHERE seq = ?", (row["seq"],))
                return None
            if row["times"] == 1:
                db.execute("DELETE FROM faults WHERE seq = ?", (row["seq"],))
                self.faults_pending -= 1
            else:
                db.execute(
                    "UPDATE faults SET times = times - 1, fired = fired + 1 WHERE seq = ?", (row["seq"],)
                )
            return Fault(row["name"], json.loads(row["params"]), row["fired"] + 1)

    # Numbers. The caller holds the transaction.

    def owned(self, db: sqlite3.Connection, number: str) -> sqlite3.Row | None:
        return db.execute("SELECT * FROM owned WHERE number = ?", (number,)).fetchone()

    def is_sold(self, db: sqlite3.Connection, number: str) -> bool:
        return db.execute("SELECT 1 FROM sold WHERE number = ?", (number,)).fetchone() is not None

    def is_known(self, db: sqlite3.Connection, number: str) -> bool:
        """Whether the provider has, or had, this number for sale."""
        if self.stock.holds(number, self.config["stock_per_area_code"]):
            return True
        row = db.execute(
            "SELECT 1 FROM owned WHERE number = :n UNION SELECT 1 FROM sold WHERE number = :n"
            " UNION SELECT 1 FROM returned WHERE number = :n",
            {"n": number},
        ).fetchone()
        return row is not None

    def add(self, db: sqlite3.Connection, number: str, connection: str | None, **fields: Any) -> sqlite3.Row:
        """Makes ``number`` ours. Raises sqlite3.IntegrityError when it is already."""
        row = {
            **NEW_NUMBER,
            **fields,
            **_provider(connection),
            "id": str(uuid.uuid4()),
            "number": number,
            "area_code": number[2:5],
            "connection": connection,
        }
        columns, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        db.execute(f"INSERT INTO owned ({columns}) VALUES ({marks})", to_columns(row))  # noqa: S608
        return cast("sqlite3.Row", self.owned(db, number))

    def change(self, db: sqlite3.Connection, number: str, fields: dict[str, Any]) -> sqlite3.Row:
        fields = {**fields, **_provider(fields.get("connection"))}
        if fields:
            assignments = ", ".join(f"{name} = :{name}" for name in fields)
            values = {**to_columns(fields), "key": number}
            db.execute(f"UPDATE owned SET {assignments} WHERE number = :key", values)  # noqa: S608
        return cast("sqlite3.Row", self.owned(db, number))

    def give_up(self, db: sqlite3.Connection, number: str) -> None:
        """No longer ours, and for sale from now on."""
        db.execute("DELETE FROM owned WHERE number = ?", (number,))
        db.execute("INSERT OR IGNORE INTO returned VALUES (?, ?)", (number, number[2:5]))

    def sell_elsewhere(self, db: sqlite3.Connection, number: str) -> None:
        db.execute("INSERT OR IGNORE INTO sold VALUES (?, ?)", (number, number[2:5]))

    def taken(self, db: sqlite3.Connection, area_code: str, *, read: bool = False) -> list[str]:
        """Numbers in ``area_code`` that somebody has; for a ``read``, as far as reads see it already."""
        rows = db.execute(
            "SELECT number FROM owned WHERE area_code = :area AND bought_at <= :seen"
            " UNION SELECT number FROM sold WHERE area_code = :area",
            {"area": area_code, "seen": self.seen_until() if read else NEVER},
        )
        return [row["number"] for row in rows]

    def free(self, db: sqlite3.Connection, area_code: str, *, read: bool = False) -> list[str]:
        """Numbers for sale in ``area_code``, in a fixed order."""
        extra = db.execute("SELECT number FROM returned WHERE area_code = ? ORDER BY number", (area_code,))
        offered = self.stock.numbers(area_code, self.config["stock_per_area_code"])
        taken = set(self.taken(db, area_code, read=read))
        numbers = dict.fromkeys([*offered, *(row["number"] for row in extra)])
        return [number for number in numbers if number not in taken]

    def seen_until(self) -> float:
        """Reads show no purchase made after this moment (epoch seconds)."""
        lag = self.config["lookup_lag"]
        return time.time() - lag if lag else NEVER


def _provider(connection: str | None) -> dict[str, str]:
    return {"provider": stock.PROVIDERS[connection]} if connection else {}


def to_columns(fields: dict[str, Any]) -> dict[str, Any]:
    return {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in fields.items()}
