"""docs/performance.md out of what was measured."""

from tests.bench.buying import told as bought

NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
#: At the largest size: what is compared, with whom, and the ratio that is aimed at, by engine.
GOALS = [
    ("first page", "admin", (10, 20)),
    ("first page", "raw", (1.75, 1.5)),
    ("page", "admin", (150, 120)),
    ("by time bought", "admin", (150, 120)),
    ("filtered", "admin", (50, 20)),
    ("search, selective", "admin", (200, 12)),
]
HEAD = """# Performance

Written by `make bench` on {day}: {cores} cores ({cpu}), Python {python}, {versions}; other work kept {load}
processes busy at the start. Trust ratios before milliseconds: the variants took turns, in {rounds} rounds,
in one order and then in the other, and each figure is the median of its rounds.

*Ours* is the page of numbers as people get it, with 100 rows, its filters, its frame and a log-in.
*Admin* is Django's own changelist over the same table, with the same columns, rows a page, filters and
search (which may use our search index where it is one that it can use). *Raw* is SQL by hand into the very
same HTML, in the same Django with the same middleware and log-in, its frame made once. Milliseconds are CPU
per request: of the web process and, with PostgreSQL, of its database process.

The list and the admin both show the newest numbers first, in the order of the ids, where the admin finds a
deep page by counting ids off. In any other order it has to look each row up that it leaves out, so the deep
page is compared in the order of the time bought, too.
"""


def written(found: dict) -> str:
    versions = "; ".join(sizes[-1]["versions"] for sizes in found["lists"].values())
    parts = [HEAD.format(**found["machine"], versions=versions, rounds=found["options"]["rounds"])]
    parts += [goals(found)]
    for engine, sizes in found["lists"].items():
        parts += [f"## The list on {NAMES[engine]}\n", *(lists(one) for one in sizes)]
    parts += [searches(found), polls(found), processes(found), bought(found)]
    return "\n".join(parts)


def table(head: list[str], rows: list[list]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def verdict(met: bool) -> str:
    return "yes" if met else "**missed**"


def goals(found: dict) -> str:
    """What is aimed at, beside what was measured at the largest size."""
    rows = []
    for engine, sizes in found["lists"].items():
        last = sizes[-1]
        for name, other, aims in GOALS:
            cell = next(c for c in last["lists"] if c.startswith(name))
            row = last["lists"][cell]
            aim = aims[0 if engine == "sqlite" else 1]
            if other == "raw":
                ratio, met = row["ours"] / row["raw"], row["ours"] / row["raw"] <= aim
                told = f"at most {aim}x"
            else:
                ratio, met = row["admin"] / row["ours"], row["admin"] / row["ours"] >= aim
                told = f"at least {aim}x less"
            rows.append(
                [
                    NAMES[engine],
                    f"{cell}, against {other}",
                    told,
                    f"{ratio:.1f}x",
                    verdict(met),
                ]
            )
        growth = last["lists"]["first page"]["ours"] / sizes[0]["lists"]["first page"]["ours"]
        what = f"growth of the list, {sizes[0]['numbers']:,} to {last['numbers']:,}"
        rows.append(
            [
                NAMES[engine],
                what,
                "at most 1.15x",
                f"{growth:.2f}x",
                verdict(growth <= 1.15),
            ]
        )
        p95 = last["search"]["p95"]
        rows.append([NAMES[engine], "every search, p95 of database time", "under 25 ms", f"{p95} ms",
                     verdict(p95 < 25)])  # fmt: skip
        poll = last["polls"]
        for what, ratio, aim in (
            ("status poll against hello", poll["poll, 1 open"] / poll["hello"], 1.3),
            ("poll of 50 open lines against 1", poll["poll, 50 open"] / poll["poll, 1 open"], 1.25),
        ):
            rows.append(
                [
                    NAMES[engine],
                    what,
                    f"at most {aim}x",
                    f"{ratio:.2f}x",
                    verdict(ratio <= aim),
                ]
            )
    at = f"{next(iter(found['lists'].values()))[-1]['numbers']:,}"
    return f"## Goals, at {at} numbers\n\n" + table(["engine", "what", "goal", "measured", "met"], rows)


def lists(one: dict) -> str:
    rows = []
    for cell, costs in one["lists"].items():
        ours, admin, raw = costs["ours"], costs["admin"], costs["raw"]
        kilobytes = " / ".join(f"{costs['bytes'][name] / 1000:.0f}" for name in ("ours", "admin", "raw"))
        rows.append([cell, ours, admin, raw, f"{admin / ours:.1f}x", f"{ours / raw:.2f}x", kilobytes])
    head = ["", "ours, ms", "admin, ms", "raw, ms", "admin / ours", "ours / raw", "KB of each"]
    return f"{one['numbers']:,} numbers\n\n" + table(head, rows)


def searches(found: dict) -> str:
    rows = [
        [NAMES[engine], f"{one['numbers']:,}", one["search"]["p50"], one["search"]["p95"],
         f"{one['search']['slowest'][0]} ({one['search']['slowest'][1]})"]
        for engine, sizes in found["lists"].items() for one in sizes
    ]  # fmt: skip
    head = ["engine", "numbers", "p50", "p95", "slowest"]
    return (
        "## Searching\n\nMilliseconds of CPU that the database takes for all statements of a page,"
        " over many different terms.\n\n" + table(head, rows)
    )


def polls(found: dict) -> str:
    rows = [
        [NAMES[engine], one["polls"]["hello"], one["polls"]["poll, 1 open"], one["polls"]["poll, 50 open"]]
        for engine, sizes in found["lists"].items() for one in sizes[-1:]
    ]  # fmt: skip
    text = "## Status polls\n\nMilliseconds of CPU; *hello* is a page that only knows who is logged in.\n\n"
    text += table(["engine", "hello", "poll, 1 open line", "poll, 50 open lines"], rows)
    rows = [
        [NAMES[engine], polls["pages"], f"{polls['every']:g} s", polls["answered"], polls["wrong"],
         f"{polls['p50']} / {polls['p95']}", polls["ms_each"], polls["cpu_share"]]
        for engine, small in found["small"].items() for polls in [small["polls"]]
    ]  # fmt: skip
    text += "\nOpen pages against one web process with 8 threads:\n\n"
    return text + table(
        [
            "engine",
            "pages",
            "each asks every",
            "answers",
            "wrong",
            "p50 / p95, ms",
            "CPU each, ms",
            "share of a core",
        ],
        rows,
    )


def processes(found: dict) -> str:
    rows = [
        [NAMES[engine], *small["memory"].values(), small["first page, s"], small["first page, CPU"]]
        for engine, small in found["small"].items()
    ]
    kinds = next(iter(found["small"].values()))["memory"]
    return (
        "## Processes\n\nMegabytes (PSS) on a small database after an order was bought; goal: at most 65."
        " Seconds from the start of gunicorn to the first page of numbers, the quickest of some starts;"
        " goal: 0.5.\n\n" + table(["engine", *kinds, "first page, s", "of that CPU, s"], rows)
    )
