"""`make faults`: storm after storm, on both databases, in all modes and by all rules of the provider."""

import argparse
import itertools
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults.postgres import Cluster
from tests.faults.storm import Result, Storm, run, show, told, without_faults

# The exact number is the product's core; the two lesser guarantees get their share.
PLAN = (
    ("exact", "conflict", 0),
    ("exact", "charge", 3),
    ("area", "conflict", 0),
    ("exact", "ok", 0),
    ("exact", "conflict", 3),
    ("blind", "conflict", 0),
)
LINES = {"exact": 100, "area": 12, "blind": 12}
ENGINES = ("sqlite", "postgres")
BENCHMARK = {"lines": 150, "workers": 3, "processes": 2, "limit": 600.0, "spread": 2.0}
KILLS = 20


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="at least this long (default: 30)")
    parser.add_argument("--kills", type=int, default=500, help="at least so many kill -9 (default: 500)")
    parser.add_argument(
        "--seeds", type=int, nargs="*", help="these seeds and no others, each on both databases"
    )
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=ENGINES)
    parser.add_argument("--webs", type=int, default=0, help="orders come in through so many web processes")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two strikes (default: 2)")
    parser.add_argument("--benchmark-150", action="store_true", help="150 lines, with and without faults")
    return parser.parse_args()


def storms(options: argparse.Namespace):
    seeds = options.seeds or itertools.count(101)
    for i, (seed, engine) in enumerate((seed, engine) for seed in seeds for engine in options.engines):
        mode, rule, restores = PLAN[(i // len(options.engines)) % len(PLAN)]
        yield Storm(
            seed=seed,
            engine=engine,
            mode=mode,
            rule=rule,
            lines=LINES[mode],
            workers=3,
            processes=1 if options.webs else 2,
            webs=options.webs,
            every=options.every,
            limit=900.0,
            wild=True,
            calls=1.0 if mode == "exact" and not options.webs else 0.0,
            restores=0 if options.webs else restores,  # a web would go on with the database of before
            spread=30.0 if mode == "exact" else 5.0,
        )


def soak(options: argparse.Namespace, folder: Path, cluster: Cluster | None) -> bool:
    started, results = time.monotonic(), []
    for storm in storms(options):
        kills = sum(result.killed for result in results)
        enough = time.monotonic() - started > options.minutes * 60 and kills >= options.kills
        if not options.seeds and enough:
            break
        results.append(show(run(storm, folder / f"{storm.seed}-{storm.engine}", cluster)))
    return total(results, time.monotonic() - started)


def total(results: list[Result], seconds: float) -> bool:
    """Print the sums; whether all is well."""
    kills, faults, states = (
        sum((part(r) for r in results), Counter())
        for part in (lambda r: r.kills, lambda r: r.faults, lambda r: r.verdict.states)
    )
    lost, twice = (sum(getattr(r.verdict, name) for r in results) for name in ("lost", "twice"))
    well = all(result.ok for result in results)
    sys.stdout.write(
        f"\nruns={len(results)} seeds={','.join(sorted({str(r.storm.seed) for r in results}))} "
        f"seconds={seconds:.0f}\n"
        f"lines={sum(r.verdict.lines for r in results)} ({told(states)}) "
        f"charges={sum(r.verdict.charges for r in results)} calls={sum(r.verdict.calls for r in results)}\n"
        f"kills={sum(r.killed for r in results)} ({told(kills)})\n"
        f"faults={faults.total()} ({told(faults)})\n"
        f"{'' if well else 'PROBLEMS: see above. '}lost={lost} twice={twice}\n"
    )
    return well


def benchmark(folder: Path, cluster: Cluster | None, engines: tuple[str, ...]) -> bool:
    """150 lines under 35 % faults and 20 kills, against the same lines in peace."""
    well = True
    for engine in engines:
        storm = Storm(seed=150, engine=engine, every=1.0, most=KILLS, kinds={"process": 1}, **BENCHMARK)
        peace = show(run(without_faults(storm), folder / f"peace-{engine}", cluster))
        fire = show(run(storm, folder / f"fire-{engine}", cluster))
        target = 2 * peace.seconds + fire.window
        kept = fire.seconds <= target and fire.verdict.states["bought"] == storm.lines
        well = well and peace.ok and fire.ok and kept
        sys.stdout.write(
            f"benchmark engine={engine} lines={storm.lines} bought={fire.verdict.states['bought']} "
            f"peace={peace.seconds:.1f} s fire={fire.seconds:.1f} s target={target:.1f} s "
            f"{'kept' if kept else 'MISSED'}\n"
        )
    return well


def main() -> int:
    options = parse()
    cluster = Cluster() if "postgres" in options.engines else None
    try:
        with tempfile.TemporaryDirectory(prefix="faults-") as name:
            folder = Path(name)
            if options.benchmark_150:
                return 0 if benchmark(folder, cluster, tuple(options.engines)) else 1
            return 0 if soak(options, folder, cluster) else 1
    finally:
        if cluster:
            cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
