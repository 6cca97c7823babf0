"""Syncs, exports and uploads of many numbers: whose CPU they take, and how much memory."""

import csv
import resource
import subprocess
import sys
from pathlib import Path
from typing import IO

from tests.bench.buying import family
from tests.faults.postgres import Cluster
from tests.support.stack import ROOT, Sandbox, Stack, wait_until

#: What a worker does with a big file; a worker itself would do other things as well.
WORK_OUT = """
from numbers.models import Plan
from numbers.services.plans import builder
while plans := builder.claim(limit=1):
    builder.run(plans[0])
print(Plan.objects.get().counts)
"""
COMMANDS = {
    "start": ["export", "--help"],
    "first sync": ["sync"],
    "sync without news": ["sync"],
    "export": ["export"],
    "upload": ["plan", "upload", "edited.csv", "--as", "ada"],
    "plan of it": ["shell", "-v0", "-c", WORK_OUT],
}
ROWS = 20_000  # of an upload: no file may have more


def exchange(folder: Path, database_url: str, *, numbers: int, cluster: Cluster | None) -> dict:
    """A first sync of NUMBERS, one in which nothing has changed, an export, and the upload of what it wrote
    with other labels: seconds and megabytes.
    """
    sandbox = Sandbox(folder / "sandbox.sqlite3")
    try:
        sandbox.call("POST", "/_sandbox/reset", json={"numbers": numbers}, timeout=120).raise_for_status()
        settings = {
            "FLUENTS_READ_TIMEOUT": 60,
            "LEASE_SECONDS": 90,
            "LOG_FORMAT": "json",
            "DATABASE_PATIENCE": 0,
        }
        with Stack(folder, sandbox.url, database_url=database_url, **settings) as stack:
            server = cluster if database_url else None
            stack.add_user("ada", "the long password of ada", "buyer")
            taken = {}
            for name, command in COMMANDS.items():
                if name == "upload":
                    edit(folder / "export.csv", folder / "edited.csv")
                with (folder / f"{name}.csv").open("w") as out:
                    taken[name] = cost(stack, command, server, folder=folder, out=out)
            return taken | {"numbers": numbers, "uploaded": min(ROWS, numbers)}
    finally:
        sandbox.close()


def edit(exported: Path, edited: Path) -> None:
    """Give each number of the first ROWS another label."""
    with exported.open(newline="") as old, edited.open("w", newline="") as new:
        rows = csv.DictReader(old)
        out = csv.DictWriter(new, rows.fieldnames)
        out.writeheader()
        for _, row in zip(range(ROWS), rows, strict=False):
            out.writerow(row | {"label": f"Line {row['number'][-4:]}"})


def cost(stack: Stack, command: list[str], cluster: Cluster | None, *, folder: Path, out: IO[str]) -> dict:
    """What one COMMAND, which writes to OUT, takes: its own CPU, PostgreSQL's, and its memory at the most."""
    server = [int((cluster.data / "postmaster.pid").read_text().split()[0])] if cluster else []
    before, server_before = resource.getrusage(resource.RUSAGE_CHILDREN), settled(server)
    subprocess.run(
        [sys.executable, "-W", "ignore", ROOT / "manage.py", *command],
        cwd=folder, env=stack.env, stdout=out, check=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "cpu": round(own, 1),
        "database": round(settled(server) - server_before, 1) if server else 0,
        "most": round(after.ru_maxrss / 1024),  # of all commands so far, the largest
    }


def settled(server: list[int]) -> float:
    """The CPU of SERVER once it stands still: what is just ending is counted twice or not at all."""
    taken = [-1.0]

    def stands_still() -> bool:
        taken.append(sum(map(family, server)))
        return taken[-1] == taken[-2]

    wait_until(stands_still, every=0.1)
    return taken[-1]
