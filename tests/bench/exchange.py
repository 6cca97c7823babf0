"""Syncs and exports of many numbers: whose CPU they take, and how much memory."""

import resource
import subprocess
import sys
from pathlib import Path

from tests.bench.buying import family
from tests.faults.postgres import Cluster
from tests.support.stack import ROOT, Sandbox, Stack

COMMANDS = {
    "start": ["export", "--help"],
    "first sync": ["sync"],
    "sync without news": ["sync"],
    "export": ["export"],
}


def exchange(folder: Path, database_url: str, *, numbers: int, cluster: Cluster | None) -> dict:
    """A first sync of NUMBERS, one in which nothing has changed, and an export: seconds and megabytes."""
    sandbox = Sandbox(folder / "sandbox.sqlite3")
    try:
        sandbox.control("reset", {"numbers": numbers})
        settings = {
            "FLUENTS_READ_TIMEOUT": 60,
            "LEASE_SECONDS": 90,
            "LOG_FORMAT": "json",
            "DATABASE_PATIENCE": 0,
        }
        with Stack(folder, sandbox.url, database_url=database_url, **settings) as stack:
            server = cluster if database_url else None
            taken = {name: cost(stack, command, server) for name, command in COMMANDS.items()}
            return taken | {"numbers": numbers}
    finally:
        sandbox.close()


def cost(stack: Stack, command: list[str], cluster: Cluster | None) -> dict:
    """What one COMMAND takes: its own CPU, PostgreSQL's, and its memory at the most."""
    server = [int((cluster.data / "postmaster.pid").read_text().split()[0])] if cluster else []
    before, theirs = resource.getrusage(resource.RUSAGE_CHILDREN), sum(map(family, server))
    subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", *command],
        cwd=ROOT, env=stack.env, stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "cpu": round(own, 1),
        "database": round(sum(map(family, server)) - theirs, 1) if server else 0,
        "most": round(after.ru_maxrss / 1024),  # of all commands so far, the largest
    }
