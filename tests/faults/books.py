# ruff: noqa: S608 -- our own words and ids make up these queries
"""The books as they are on disk, read by plain SQL: the checker must not trust the product's code."""

import json
import sqlite3
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row

JSON_COLUMNS = {"before", "after", "answer", "owned_before"}
TIME_COLUMNS = {"at", "sent_at", "finished_at", "created_at", "settled_at", "lease_until", "due_at"}


class Books:
    """Reads of one database. Tests ask many times a second: PostgreSQL hears all of it on one connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.server: psycopg.Connection | None = None

    def rows(self, query: str) -> list[dict]:
        """The rows of QUERY as dicts; asked again while the server is down."""
        give_up = time.monotonic() + 60
        while True:
            try:
                return [self.plain(row) for row in self.read(query)]
            except (sqlite3.OperationalError, psycopg.OperationalError):
                self.close()
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.2)

    def read(self, query: str) -> list[dict]:
        if self.url.startswith("sqlite"):
            path = urlsplit(self.url).path[1:]
            db = sqlite3.connect(f"file:/{path.lstrip('/')}?mode=ro", uri=True, timeout=30)
            db.row_factory = sqlite3.Row
            try:
                return [dict(row) for row in db.execute(query)]
            finally:
                db.close()
        if not self.server:
            self.server = psycopg.connect(
                self.url,
                row_factory=dict_row,
                connect_timeout=5,
                autocommit=True,
                prepare_threshold=None,  # a restored backup has other tables
            )
        return self.server.execute(query).fetchall()

    def close(self) -> None:
        if self.server:
            self.server.close()
            self.server = None

    @staticmethod
    def plain(row: dict) -> dict:
        """The same types on both engines."""
        for name, value in row.items():
            if name in JSON_COLUMNS and isinstance(value, str):
                row[name] = json.loads(value)
            elif name in TIME_COLUMNS and isinstance(value, str):
                row[name] = datetime.fromisoformat(value).replace(tzinfo=UTC)
        return row

    def lines(self, *ids: int) -> list[dict]:
        only = f"WHERE l.id IN ({', '.join(map(str, ids))})" if ids else ""
        return self.rows(
            "SELECT l.*, n.e164, n.status AS number_status, c.api_id AS connection FROM numbers_line l"
            " LEFT JOIN numbers_number n ON n.id = l.number_id"
            f" JOIN numbers_connection c ON c.id = l.connection_id {only} ORDER BY l.id"
        )

    def line(self, line_id: int) -> dict:
        return self.lines(line_id)[0]

    def attempts(self, line_id: int | None = None) -> list[dict]:
        only = f"WHERE line_id = {line_id}" if line_id else ""
        rows = self.rows(f"SELECT * FROM numbers_attempt {only} ORDER BY line_id, n")
        return [row | {"key": as_uuid(row["key"])} for row in rows]

    def events(self, line_id: int | None = None) -> list[dict]:
        only = f"= {line_id}" if line_id else "IS NOT NULL"
        return self.rows(f"SELECT * FROM numbers_event WHERE line_id {only} ORDER BY id")

    def looks(self, line_id: int) -> list[dict]:
        return self.rows(f"SELECT * FROM numbers_look WHERE line_id = {line_id} ORDER BY id")

    def orders(self) -> list[dict]:
        return self.rows("SELECT * FROM numbers_order ORDER BY id")

    def numbers(self) -> dict[str, dict]:
        return {row["e164"]: row for row in self.rows("SELECT * FROM numbers_number")}

    def gate(self) -> dict:
        return self.rows("SELECT * FROM numbers_gate")[0]

    def sync_state(self) -> dict:
        return self.rows("SELECT * FROM numbers_syncstate")[0]


def as_uuid(value: object) -> str:
    """SQLite keeps UUIDs as 32 digits."""
    text = str(value)
    if len(text) == 32:
        text = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    return text
