"""docs/performance.md out of what was measured."""

from tests.bench.buying import told as bought
from tests.bench.soak import GROWTH as GROWN

NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
#: At the largest size: what is compared, with whom, and the ratio that is aimed at, by engine.
GOALS = [
    ("first page", "admin", (10, 18)),
    ("first page", "tuned", (5, 5)),
    ("first page", "raw", (1.6, 1.6)),
    ("page", "admin", (25, 50)),
    ("filtered", "admin", (10, 10)),
]
VARIANTS = ("ours", "admin", "tuned", "raw")
#: In Chromium, with 100 rows: at most, and in what.
PAINTED = {
    "page turn, painted": (250, "ms"),
    "page turn, main thread": (120, "ms"),
    "first load, painted": (200, "ms"),
    "first load, KB": (80, "KB"),
}
GROWTH = 1.3  # of any page, from the second largest books to the largest
HEAD = """# Performance

Written by `make bench` on {day}: {cores} cores ({cpu}), Python {python}, {versions}; other work kept {load}
processes busy at the start. Trust ratios before milliseconds: the variants took turns, in {rounds} rounds,
in one order and then in the other, and each figure is the median of its rounds.

The books hold as many events as numbers, a tenth as many orders, and numbers that differ from Fluents.
*Ours* is the page of numbers as people get it, with 100 rows, its filters, its frame and a log-in, packed by
gzip as browsers ask for it. *Admin* is Django's own changelist over the same table, with the same columns,
rows a page, filters and search (which may use our search index where it is one that it can use). *Tuned* is
the same without actions, boxes to tick and counts. *Raw* is SQL by hand into the very
same HTML, in the same Django with the same middleware and log-in, its frame made once. Milliseconds are CPU
per request: of the web process and, with PostgreSQL, of its database process.

The list and the admin both show the newest numbers first, in the order of the ids, where the admin finds a
deep page by counting ids off. In any other order it has to look each row up that it leaves out, so the deep
page is compared in the order of the time bought, too.
"""


def written(found: dict) -> str:
    versions = "; ".join(sizes[-1]["versions"] for sizes in found["lists"].values())
    parts = [HEAD.format(**found["machine"], versions=versions, rounds=found["options"]["rounds"])]
    parts += [goals(found), matrices(found), growth(found), exchanges(found)]
    for engine, sizes in found["lists"].items():
        parts += [f"## The list on {NAMES[engine]}\n", *(lists(one) for one in sizes)]
    parts += [
        searches(found),
        polls(found),
        painted(found),
        processes(found),
        bought(found),
        soaked(found["soak"]),
    ]
    return "\n".join(parts)


def table(head: list[str], rows: list[list]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def verdict(met: bool) -> str:
    return "yes" if met else "**missed**"


def goals(found: dict) -> str:
    """What is aimed at, beside what was measured at the largest size; missed goals first."""
    rows = []
    for engine, sizes in found["lists"].items():
        rows += [[NAMES[engine], *row] for row in [*list_goals(engine, sizes[-1]), *page_goals(sizes)]]
        taken = found["exchange"][engine]
        spent = of_so_many(taken, "sync without news", 100_000)
        rows.append(
            [NAMES[engine], "sync of 100,000 numbers without news", "10 s", f"{spent:.1f} s", spent <= 10]
        )
        spent = of_so_many(taken, "export", 1_000_000)
        rows.append([NAMES[engine], "export of a million numbers", "30 s", f"{spent:.0f} s", spent <= 30])
        spent = sum(of_so_many(taken, what, 90_000, taken["uploaded"]) for what in ("upload", "plan of it"))
        rows.append([NAMES[engine], "upload of 90,000 edited rows", "15 s", f"{spent:.1f} s", spent <= 15])
    rows += painted_goals(found["painting"])
    rows += soak_goals(found["soak"])
    rows.sort(key=lambda row: row[-1])
    at = f"{next(iter(found['lists'].values()))[-1]['numbers']:,}"
    told = [[*row[:-1], verdict(row[-1])] for row in rows]
    return f"## Goals, at {at} numbers\n\n" + table(["engine", "what", "goal", "measured", "met"], told)


def of_so_many(taken: dict, what: str, count: int, measured: int | None = None) -> float:
    """Seconds of CPU for COUNT numbers, by those that were MEASURED (all, if not said)."""
    start = taken["start"]["cpu"]
    return start + (taken[what]["cpu"] - start) / (measured or taken["numbers"]) * count


def list_goals(engine: str, last: dict) -> list[list]:
    """The list, its searches and filters, and the polls, at the largest size."""
    which, rows = 0 if engine == "sqlite" else 1, []
    for name, other, aims in GOALS:
        cell = next(c for c in last["lists"] if c.startswith(name))
        row, aim = last["lists"][cell], aims[which]
        less = row[other] / row["ours"]
        if other == "raw":
            rows.append([f"{cell}, against raw", f"at most {aim}x", f"{1 / less:.1f}x", 1 / less <= aim])
        else:
            rows.append([f"{cell}, against {other}", f"at least {aim}x less", f"{less:.1f}x", less >= aim])
    poll = last["polls"]["poll, 1 open"] / last["polls"]["hello"]
    rows.append(["status poll against hello", "at most 1.3x", f"{poll:.2f}x", poll <= 1.3])
    for what, got, aim in (
        ("list by one or two filters, p95", last["matrix"]["p95"], (25, 30)[which]),
        ("list by one or two filters, worst", last["matrix"]["worst"][0][0], (60, 80)[which]),
        ("every search, p95 of database time", last["search"]["p95"], 25),
    ):
        rows.append([what, f"at most {aim} ms", f"{got} ms", got <= aim])
    return rows


def page_goals(sizes: list[dict]) -> list[list]:
    """Pages that cost more on larger books."""
    if len(sizes) < 2:
        return []
    grown = grow(sizes)
    worst = max(grown, key=lambda name: grown[name])
    rows = [[f"growth of {name}", f"at most {GROWTH}x", f"{by:.2f}x", by <= GROWTH]
            for name, by in grown.items() if by > GROWTH]  # fmt: skip
    return rows or [
        [f"growth of any page (most: {worst})", f"at most {GROWTH}x", f"{grown[worst]:.2f}x", True]
    ]


def grow(sizes: list[dict]) -> dict[str, float]:
    before, last = sizes[-2]["pages"], sizes[-1]["pages"]
    return {name: last[name]["hellos"] / page["hellos"] for name, page in before.items()}


def matrices(found: dict) -> str:
    """The list by one or two filters, in each order."""
    rows = [
        [NAMES[engine], f"{one['numbers']:,}", *(one["matrix"][name] for name in ("count", "p50", "p95")),
         "; ".join(f"{ms} ({combo})" for ms, combo in one["matrix"]["worst"][:3])]
        for engine, sizes in found["lists"].items() for one in sizes
    ]  # fmt: skip
    return (
        "## The list by one or two filters\n\nMilliseconds of CPU of the whole request, over each filter and"
        " each two of them in five orders, and some odd ones. A page that would have to walk far walks"
        " through 10,000 numbers, says so, and the next page continues.\n\n"
        + table(["engine", "numbers", "combinations", "p50", "p95", "dearest"], rows)
    )


def growth(found: dict) -> str:
    """Every page that shows what grows, at the two largest sizes."""
    parts = [
        "## Every page\n\nMilliseconds of CPU; growth is that of a page against *hello*, which was measured"
        " beside it, as the machine's speed changes between the sizes.\n"
    ]
    for engine, sizes in found["lists"].items():
        before, last = sizes[-2:] if len(sizes) > 1 else (sizes[-1], sizes[-1])
        grown = grow([before, last])
        rows = [
            [name, page["ms"], last["pages"][name]["ms"], f"{grown[name]:.2f}x"]
            for name, page in before["pages"].items()
        ]
        head = [NAMES[engine], f"{before['numbers']:,}", f"{last['numbers']:,}", "growth"]
        parts.append(table(head, rows))
    return "\n".join(parts)


def exchanges(found: dict) -> str:
    """Syncs and exports."""
    rows = [
        [NAMES[engine], f"{taken['numbers']:,}", name, *taken[name].values()]
        for engine, taken in found["exchange"].items()
        for name in ("start", "first sync", "sync without news", "export", "upload", "plan of it")
    ]  # fmt: skip
    return (
        "## Syncs, exports and uploads\n\nAn upload is of 20,000 edited rows, which is the most that a file"
        " may have. Seconds of CPU of the command, its start included, and of PostgreSQL;"
        " megabytes of the largest command until then.\n\n"
        + table(["engine", "numbers", "what", "command, s", "PostgreSQL, s", "at most, MB"], rows)
    )


def lists(one: dict) -> str:
    rows = []
    for cell, costs in one["lists"].items():
        ours, admin, tuned, raw = (costs[name] for name in VARIANTS)
        kilobytes = " / ".join(f"{costs['bytes'][name] / 1000:.0f}" for name in VARIANTS)
        against = [f"{admin / ours:.1f}x", f"{tuned / ours:.1f}x", f"{ours / raw:.2f}x"]
        rows.append([cell, ours, admin, tuned, raw, *against, kilobytes])
    head = ["", *(f"{name}, ms" for name in VARIANTS)]
    head += ["admin / ours", "tuned / ours", "ours / raw", "KB of each, packed"]
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


def painted(found: dict) -> str:
    """What a person waits for in a browser."""
    one = found["painting"]
    rows = [[what, f"{one[what]} {unit}", f"{most} {unit}"] for what, (most, unit) in PAINTED.items()]
    return (
        f"## In Chromium\n\nA page of 100 rows ({one['elements']:,} elements), web process and browser on the"
        " same cores: from the click until the new rows are painted, and how long the browser's main thread"
        " was busy with it; and the first load without a cache, until its largest part is painted, with all"
        " files as sent.\n\n" + table(["what", "median", "goal"], rows)
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


def painted_goals(painting: dict) -> list[list]:
    rows = []
    for what, (most, unit) in PAINTED.items():
        got = painting[what]
        name = f"Chromium, {what.removesuffix(', KB')}"
        rows.append(["SQLite", name, f"at most {most} {unit}", f"{got} {unit}", got <= most])
    return rows


def soak_goals(soak: dict) -> list[list]:
    """No process that grows."""
    by = max(size / soak["settled"][name] for name, size in soak["end"].items())
    return [["SQLite", f"growth of a process in {soak['minutes']:g} minutes", "at most 1.1x", f"{by:.2f}x",
             by <= GROWN]]  # fmt: skip


def soaked(soak: dict) -> str:
    """Memory over a long time."""
    rows = [[name, soak["settled"][name], size] for name, size in soak["end"].items()]
    text = (
        f"## Memory over {soak['minutes']:g} minutes\n\nMegabytes (PSS) on SQLite after a twelfth of the time"
        f" and at its end: three people who look around ({soak['requests']:,} requests, {soak['wrong']} wrong"
        f" answers), orders ({soak['lines']:,} lines) and a sync every 15 seconds, at an API that fails one"
        " call in ten.\n\n"
    )
    return text + table(["process", "settled", "at the end"], rows)
