"""A PostgreSQL cluster to throw away, from Debian's server binaries."""

import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from tests.support.stack import KEPT, free_port, migrate, one_at_a_time, tables

DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")
HASTY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
USER = "postgres"
TEMPLATE = "books_template"


class Unavailable(Exception):
    """There is no PostgreSQL server on this machine, or nobody who may run it."""


def binaries() -> Path:
    """The folder of the newest server. Debian leaves it out of PATH. Raises Unavailable."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if in_path := shutil.which("initdb"):
        found.append(Path(in_path).resolve().parent)
    if not found:
        raise Unavailable("PostgreSQL's server is not installed (Debian: apt install postgresql)")
    return max(found, key=lambda path: (path.parent.name.isdigit(), int(path.parent.name or 0)))


def as_somebody() -> list[str]:
    """What to put before a command of the server, which refuses to run as root. Raises Unavailable."""
    if os.getuid():
        return []
    if not shutil.which("setpriv"):
        raise Unavailable("PostgreSQL refuses to run as root, and there is no setpriv (util-linux)")
    return ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"]


def copy(data: Path, to: Path) -> None:
    """With its owner."""
    subprocess.run([shutil.which("cp"), "-a", str(data), str(to)], check=True)


class Cluster:
    """Listens on a free port of 127.0.0.1 and trusts everybody there. DURABLE: loses nothing in a crash."""

    def __init__(self, *, durable: bool = True) -> None:
        self.options = DURABLE if durable else HASTY
        self.standing = threading.Lock()  # storms share the server: held over a restart, and by a client
        self.bin, self.prefix = binaries(), as_somebody()
        # Not pytest's folders: those are for our own user only.
        self.folder = Path(tempfile.mkdtemp(prefix="cluster-", dir="/tmp"))
        if self.prefix:
            shutil.chown(self.folder, USER, USER)
        self.data = self.folder / "data"
        self.port = free_port()
        copy(self.kept(), self.data)
        self.start()

    def kept(self) -> Path:
        """The data of a cluster with TEMPLATE. Made once, by whichever process comes first."""
        made = KEPT / f"cluster-{self.bin.parent.name}-{tables()}"
        with one_at_a_time("cluster"):
            if not made.exists():
                how = ("--auth=trust", f"--username={USER}", "--encoding=UTF8")
                self.run("initdb", *how, "-D", str(self.data))
                self.start()
                migrate(self.create(TEMPLATE))
                self.control("stop", "-m", "fast")
                for old in KEPT.glob("cluster-*"):
                    shutil.rmtree(old)
                part = KEPT / "cluster-part"
                copy(self.data, part)
                part.rename(made)
                shutil.rmtree(self.data)
        return made

    def run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self.prefix, str(self.bin / program), *arguments],
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            timeout=120,
        )
        if done.returncode:
            raise Unavailable(f"{program}: {(done.stdout or b'').decode()[-2000:]}")

    def tool(self, program: str, *arguments: str) -> None:
        """Run a client of the server, which nobody restarts meanwhile."""
        with self.standing:
            self.run(program, "-h", "127.0.0.1", "-p", str(self.port), "-U", USER, *arguments)

    def control(self, what: str, *arguments: str) -> None:
        self.run("pg_ctl", what, "-D", str(self.data), "-w", *arguments)

    def start(self) -> None:
        options = [f"port={self.port}", "listen_addresses=127.0.0.1", "unix_socket_directories="]
        options += [*self.options, "max_connections=500"]
        text = " ".join(f"-c {option}" for option in options)
        self.control("start", "-o", text, "-l", str(self.folder / "server.log"))

    def restart_immediate(self) -> None:
        """As after a crash: nobody is asked, nothing is flushed, the log is replayed at the start."""
        with self.standing:
            self.stop_immediate()
            self.start()

    def stop_immediate(self) -> None:
        self.control("stop", "-m", "immediate")

    def stop(self) -> None:
        """End it and remove its data."""
        if (self.data / "postmaster.pid").exists():
            self.stop_immediate()
        shutil.rmtree(self.folder, ignore_errors=True)

    def database_url(self, name: str) -> str:
        """The URL of a new database with our tables and nothing else."""
        return self.create(name, f"--template={TEMPLATE}")

    def create(self, name: str, *options: str) -> str:
        self.tool("createdb", *options, name)
        return f"postgres://{USER}@127.0.0.1:{self.port}/{name}"
