"""Backups of an arena as operators make them: a SQLite file copied with care, pg_dump and pg_restore."""

import shutil
import sqlite3
from pathlib import Path

from tests.faults.arena import Arena
from tests.faults.postgres import Cluster


class Backup:
    """The database as it is now. JOURNALS: a snapshot of the machine, with these files in it as well."""

    def __init__(self, arena: Arena, cluster: Cluster | None, *, journals: tuple[Path, ...] = ()) -> None:
        self.arena, self.cluster = arena, cluster
        self.folder = (cluster.folder if cluster else arena.folder) / f"backup-{arena.folder.name}"
        self.folder.mkdir(exist_ok=True)
        if cluster and cluster.prefix:
            shutil.chown(self.folder, "postgres", "postgres")
        self.journals = {path: path.read_bytes() if path.exists() else None for path in journals}
        self.take()

    @property
    def database(self) -> Path:
        return self.arena.folder / "books.sqlite3"

    def take(self) -> None:
        if self.cluster:
            self.tool("pg_dump", "-Fc", "-f", str(self.folder / "dump"))
            return
        source, target = sqlite3.connect(self.database), sqlite3.connect(self.folder / "copy.sqlite3")
        with source, target:
            source.backup(target)
        source.close()
        target.close()

    def restore(self) -> None:
        """As docs/operations.md says, while no worker runs."""
        self.arena.hands.close()
        if self.cluster:
            self.tool("pg_restore", "--clean", "--if-exists", str(self.folder / "dump"))
        else:
            for left_over in ("-wal", "-shm"):
                self.database.with_name(self.database.name + left_over).unlink(missing_ok=True)
            shutil.copyfile(self.folder / "copy.sqlite3", self.database)
        for path, content in self.journals.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(content)
        self.arena.hands = type(self.arena.hands)(self.arena.stack)

    def tool(self, program: str, *arguments: str) -> None:
        name = self.arena.books.url.rsplit("/", 1)[1]
        self.cluster.tool(program, "-d", name, *arguments)
