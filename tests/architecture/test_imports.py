"""Who may import whom, and how long things may get: a picture of the design that cannot fade."""

import ast
from functools import cache
from pathlib import Path

import pytest

from numbers.urls import urlpatterns

ROOT = Path(__file__).resolve().parents[2]
OURS = {"numbers", "dashboard", "tests"}
SOURCES = sorted(
    path
    for folder in ("numbers", "dashboard")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> set[str]:
    """Full names of all that PATH imports, wherever in the file; `from x import y` counts as x and x.y."""
    package = name_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    found: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def within(*folders: str) -> list[Path]:
    return [p for p in SOURCES if any(name_of(p) == f or name_of(p).startswith(f + ".") for f in folders)]


def ours(path: Path) -> set[str]:
    """Our own modules among the imports, as `numbers.x`."""
    named = {name for name in imports(path) if name.split(".")[0] in OURS}
    return {".".join(name.split(".")[:2]) for name in named} - {"numbers"}


def bodies(path: Path) -> list[ast.FunctionDef]:
    tree = tree_of(path)
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_the_picture_is_of_the_whole_source():
    names = {name_of(path) for path in SOURCES}
    assert {
        "numbers.states",
        "numbers.services.purchasing.purchase",
        "dashboard.settings",
        "numbers.sandbox.api",
    } <= names
    assert ours(ROOT / "numbers/services/purchasing/purchase.py") >= {
        "numbers.models",
        "numbers.fluents",
        "numbers.services",
    }


#: Who may import whom: a module may import what stands above it here, and its own package. Packages that
#: share a row know nothing of each other, but for the tools of the first row and what pages are made of.
RANKS = (
    {"states", "permissions", "number_fields", "currencies", "telephony", "db"},
    {"models", "fluents"},
    {
        "services.errors",
        "services.settle_schedule",
        "services.failpoints",
        "services.fluents_client",
        "services.turns",
    },
    {"services.typed_values", "services.csv_tables"},
    {"services.audit"},
    {"services.notifications"},
    {"services.inventory"},
    {"services.spending"},
    {"services.purchasing", "services.plans", "services.calls"},
    {"services.orders"},
    {"services.costs"},
    {"services.people", "services.monitoring"},
    {"services.scheduler"},
    {"services.worker"},
    {"listing", "forms", "templatetags"},
    {"views", "management", "middleware", "context_processors", "admin", "checks"},
)
SHARED = (0, 14, 15)  # rows whose packages may know each other
#: To be undone: this list only shrinks.
CIRCLES: set[tuple[str, str]] = set()


def rank_of(module: str) -> tuple[int, str] | None:
    short = module.removeprefix("numbers.")
    for rank, packages in enumerate(RANKS):
        for package in packages:
            if short == package or short.startswith(package + "."):
                return rank, package
    return None


def test_imports_go_one_way():
    wrong = set()
    for path in within("numbers"):
        if not (mine := rank_of(name_of(path))):
            continue
        for name in imports(path):
            theirs = rank_of(name)
            if not theirs or theirs[1] == mine[1]:
                continue
            if theirs[0] > mine[0] or (theirs[0] == mine[0] and mine[0] not in SHARED):
                wrong.add((name_of(path).removeprefix("numbers."), theirs[1]))
    assert wrong == CIRCLES


def test_every_module_has_its_place():
    loose = {"numbers", "numbers.apps", "numbers.urls", "numbers.services", "numbers.supervisor"}
    placed = {name_of(path) for path in within("numbers") if rank_of(name_of(path))}
    others = {name_of(path) for path in within("numbers")} - placed - loose
    assert {name for name in others if not name.startswith("numbers.sandbox")} == set()


@pytest.mark.parametrize("path", within("numbers.fluents"), ids=name_of)
def test_the_client_is_plain_python_without_django_and_without_the_rest(path):
    assert ours(path) <= {"numbers.fluents"}
    assert not {name for name in imports(path) if name.split(".")[0] == "django"}


def test_the_client_and_the_webhook_alone_import_requests():
    importers = {
        name_of(p)
        for p in SOURCES
        if {"requests", "urllib3", "httpx"} & {i.split(".")[0] for i in imports(p)}
    }
    assert importers == {
        "dashboard.accounts.single_sign_on",
        "numbers.fluents.connections",
        "numbers.fluents.transport",
        "numbers.services.notifications.webhook",
    }


UPPER = [
    path
    for path in within("numbers")
    if name_of(path).startswith(("numbers.views", "numbers.management", "numbers.templatetags"))
    or name_of(path) in ("numbers.forms", "numbers.admin", "numbers.urls", "numbers.listing.export")
]


def test_pages_and_commands_never_speak_to_fluents_themselves():
    """They may name its errors; every call goes through a service."""
    assert len(UPPER) > 30
    for path in UPPER:
        named = {name for name in imports(path) if name.startswith("numbers.fluents.")}
        assert {name.removeprefix("numbers.fluents.") for name in named} <= {"FluentsError"}, path
        assert "numbers.services.fluents_client" not in imports(path), path


def test_one_place_alone_spends_money():
    callers = {
        name_of(path)
        for path in SOURCES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "buy"
        and "sandbox" not in name_of(path)
    }
    assert callers == {"numbers.services.purchasing.purchase"}


@pytest.mark.parametrize("path", within("numbers.sandbox"), ids=name_of)
def test_the_sandbox_stands_alone(path):
    assert ours(path) <= {"numbers.sandbox"}
    assert not {name for name in imports(path) if name.split(".")[0] in ("django", "requests")}


def test_only_its_command_imports_the_sandbox():
    importers = {
        name_of(path)
        for path in SOURCES
        if "numbers.sandbox" in ours(path) and not name_of(path).startswith("numbers.sandbox")
    }
    assert importers == {"numbers.management.commands.sandbox"}


def test_the_wiring_knows_no_phone_number():
    """Only by name, in strings: the apps, the include, the context processor."""
    wiring = within("dashboard")
    assert len(wiring) > 10
    for path in wiring:
        assert {name.split(".")[0] for name in ours(path)} <= {"dashboard"}, path
        if name_of(path) != "dashboard":  # its __init__ is half of the bridge for the name
            assert "numbers" not in imports(path), path


#: Addresses of a package whose last word is not the name of their module.
CALLED = {"views": "saved_views", "detach": "release"}


def modules_for(route: str) -> set[str]:
    """The modules, below numbers.views, that may serve ROUTE: a stranger guesses one of these from it."""
    first, *rest = [word for word in route.split("/") if word] or ["overview"]
    first = first.replace("-", "_")
    words = [word.split(".")[0].replace("-", "_") for word in rest if not word.startswith("<")]
    named = {f"{first}.{CALLED.get(word, word)}" for word in words[:1]}
    thing = f"{first}.detail" if rest and rest[0].startswith("<") else f"{first}.list"
    there = {name_of(path).removeprefix("numbers.views.") for path in within("numbers.views")}
    return {first} if first in there and thing not in there else (named & there) or {thing}


def test_every_address_is_served_by_a_module_of_its_name():
    assert len(urlpatterns) > 50
    for pattern in urlpatterns:
        module = pattern.callback.__module__.removeprefix("numbers.views.")
        assert module in modules_for(str(pattern.pattern)), pattern


def test_no_view_module_imports_another():
    for path in within("numbers.views"):
        assert {name for name in imports(path) if name.startswith("numbers.views")} == set(), path


VIEWS = [
    (path, node) for path in [*within("numbers.views"), *within("dashboard.views")] for node in bodies(path)
]


def test_a_view_fits_on_a_screen():
    assert len(VIEWS) > 100
    lines = {f"{name_of(path)}.{view.name}": view.end_lineno - view.lineno + 1 for path, view in VIEWS}
    assert {name: length for name, length in lines.items() if length > 30} == {}


def test_views_are_functions():
    views = within("numbers.views")
    assert len(views) > 10
    found = [n.name for path in views for n in ast.walk(tree_of(path)) if isinstance(n, ast.ClassDef)]
    assert found == []


def test_no_file_is_longer_than_four_hundred_lines():
    lines = {name_of(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert len(lines) > 100
    assert {name: length for name, length in lines.items() if length > 400} == {}


def test_every_import_inside_a_function_gives_its_reason():
    without = []
    for path in SOURCES:
        lines = path.read_text().splitlines()
        for function in bodies(path):
            for node in ast.walk(function):
                if (
                    isinstance(node, ast.Import | ast.ImportFrom)
                    and "PLC0415 -- " not in lines[node.lineno - 1]
                ):
                    without.append(f"{name_of(path)}:{node.lineno}")
    assert without == []
