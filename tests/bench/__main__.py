"""`make bench` and `make bench-quick`: measure, and write docs/performance.md."""

import argparse
import json
import os
import platform
import secrets
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.buying import CASES, QUICK, buying
from tests.bench.exchange import exchange
from tests.bench.page import written
from tests.bench.painting import painting
from tests.bench.processes import small
from tests.bench.soak import soak
from tests.faults.postgres import Cluster
from tests.support.stack import ROOT, migrate


def say(text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")


class Bench:
    """One run; ENGINES share a folder and, where there is one, a cluster."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.cluster = Cluster() if "postgres" in options.engines else None
        self.made = 0

    def database(self, engine: str) -> tuple[str, Path]:
        """The URL of a new database, and a folder for what belongs to it."""
        self.made += 1
        folder = self.folder / f"{engine}-{self.made}"
        folder.mkdir()
        url = f"sqlite:///{folder / 'books.sqlite3'}"
        return (self.cluster.database_url(f"bench_{self.made}") if engine == "postgres" else url), folder

    def fresh(self, engine: str) -> tuple[Path, str]:
        """For a stack: its folder, and the URL of empty books, or "" for a new file of its own."""
        url, folder = self.database(engine)
        if engine != "postgres":
            return folder, ""
        migrate(url)
        return folder, url

    def lists(self, engine: str, numbers: int) -> dict:
        say(f"{engine}: the list at {numbers:,} numbers")
        url, _ = self.database(engine)
        env = {**os.environ, "SECRET_KEY": secrets.token_urlsafe(40), "DATABASE_URL": url, "DEBUG": "off",
               "DATABASE_PATIENCE": "0"}  # fmt: skip # a statement fills a million rows
        options = [
            f"--numbers={numbers}",
            f"--rounds={self.options.rounds}",
            f"--seconds={self.options.seconds}",
        ]
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.bench.lists", *options],
            cwd=ROOT, env=env, stdout=subprocess.PIPE, check=True, text=True,
        )  # fmt: skip
        return json.loads(done.stdout)

    def run(self) -> dict:
        found: dict = {"lists": {}, "small": {}, "buying": {}, "exchange": {}}
        for engine in self.options.engines:
            found["lists"][engine] = [self.lists(engine, count) for count in self.options.sizes]
            say(f"{engine}: syncs and exports")
            found["exchange"][engine] = exchange(
                *self.fresh(engine), numbers=self.options.exchanged, cluster=self.cluster
            )
            say(f"{engine}: processes")
            found["small"][engine] = small(*self.fresh(engine), self.options.poll_seconds)
            found["buying"][engine] = []
            for case in QUICK if self.options.quick else CASES:
                say(f"{engine}: buying, {case}")
                one = buying(*self.fresh(engine), case=case, cluster=self.cluster)
                found["buying"][engine].append(one)
                found["small"][engine].setdefault("memory", one.pop("memory"))
        say("Chromium")
        found["painting"] = painting(self.database("sqlite")[1])
        say(f"soaking for {self.options.soak_minutes:g} minutes")
        found["soak"] = soak(self.database("sqlite")[1], minutes=self.options.soak_minutes)
        return found


def machine() -> dict:
    """Where and when, and how busy the machine was with other things."""
    model = next(
        (line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ":"
    )
    return {
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "cpu": model.split(":")[1].strip(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
    }


@contextmanager
def bench(options: argparse.Namespace):
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        made = Bench(options, Path(folder))
        try:
            yield made
        finally:
            if made.cluster:
                made.cluster.stop()


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="SQLite alone, up to 100,000 numbers")
    parser.add_argument("--sizes", type=numbers, help="how many numbers, with commas")
    parser.add_argument("--engines", type=lambda text: text.split(","), help="sqlite,postgres")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of CPU that each figure of a round is taken over")
    parser.add_argument("--poll-seconds", type=float)
    parser.add_argument("--soak-minutes", type=float, help="of mixed use, in which no process may grow")
    parser.add_argument("--exchanged", type=int, help="numbers that are synced and exported")
    parser.add_argument("--write", type=Path, default=ROOT / "docs" / "performance.md")
    options = parser.parse_args()
    usual = {
        "sizes": [1000, 100_000] if options.quick else [1000, 100_000, 1_000_000],
        "engines": ["sqlite"] if options.quick else ["sqlite", "postgres"],
        "rounds": 3 if options.quick else 6,
        "seconds": 0.1 if options.quick else 0.4,
        "poll_seconds": 6.0 if options.quick else 20.0,
        "soak_minutes": 2.0 if options.quick else 120.0,
        "exchanged": 10_000 if options.quick else 100_000,
    }
    for name, value in usual.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    with bench(options) as made:
        before = machine()
        found = made.run() | {"machine": before, "options": {name: getattr(options, name) for name in usual}}
    options.write.write_text(written(found))
    say(f"written to {options.write}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
