"""A clock that jumps: the database's, which everything goes by, and nothing else that measures time.

PostgreSQL's is a function that hides its own; of SQLite it is that of each process.
"""

import os
import struct
import time
import zoneinfo
from collections.abc import Sequence
from pathlib import Path

import psycopg

HOUR = 3600
HIDING = """
CREATE TABLE ahead (seconds float8);
INSERT INTO ahead VALUES (0);
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql
    AS 'SELECT pg_catalog.clock_timestamp() + (SELECT seconds FROM public.ahead) * interval ''1 second''';
"""


def past_noon(folder: Path, zones: Sequence[str]) -> dict[str, str]:
    """An environment in which it is one o'clock in all of ZONES now, so that lines there may be called."""
    offset = (13 - time.gmtime().tm_hour) * HOUR
    header = b"TZif" + bytes(16) + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    for zone in zones:
        file = folder / "zones" / zone
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(header + struct.pack(">lBB", offset, 0, 0) + b"LMT\0")
    return {"PYTHONTZPATH": os.pathsep.join([str(folder / "zones"), *zoneinfo.TZPATH])}


class Clock:
    """The clock of one arena. Whatever is started with `env` afterwards goes by it."""

    def __init__(self, folder: Path, database_url: str = "") -> None:
        self.file, self.url, self.jumps = folder / "ahead", database_url, 0
        self.file.write_text("0")
        self.env = {}
        if database_url:
            self.ask(HIDING)
            name = database_url.rsplit("/", 1)[1]
            self.ask(f"ALTER DATABASE {name} SET search_path = public, pg_catalog")
        else:
            paths = [str(Path(__file__).parent / "jumps"), os.environ.get("PYTHONPATH", "")]
            self.env = {"CLOCK_AHEAD": str(self.file), "PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def ask(self, statement: str, values: Sequence = ()) -> None:
        """Again while the server is being restarted, or has too many clients."""
        end = time.monotonic() + 60
        while True:
            try:
                with psycopg.connect(self.url, autocommit=True) as db:
                    db.execute(statement, values or None)
                return
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def set(self, ahead: float) -> None:
        """From now on it is AHEAD by so many seconds."""
        if self.url:
            self.ask("UPDATE ahead SET seconds = %s", [ahead])
        else:
            part = self.file.with_suffix(".part")
            part.write_text(str(ahead))
            part.rename(self.file)
