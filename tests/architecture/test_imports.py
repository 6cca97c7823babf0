"""Who may import whom, and how long things may get: a picture of the design that cannot fade."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
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
        "numbers.services.sending",
        "dashboard.settings",
        "numbers.sandbox.api",
    } <= names
    assert ours(ROOT / "numbers/services/sending.py") >= {
        "numbers.models",
        "numbers.fluents",
        "numbers.services",
    }


@pytest.mark.parametrize("name", ["states", "roles", "statements"])
def test_data_and_tools_import_nothing_of_ours(name):
    assert ours(ROOT / f"numbers/{name}.py") == set()


@pytest.mark.parametrize("path", within("numbers.models"), ids=name_of)
def test_models_know_states_only(path):
    assert ours(path) <= {"numbers.states", "numbers.models"}


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
    assert importers == {"numbers.fluents.client", "numbers.fluents.http", "numbers.webhook"}


def test_services_know_what_is_below_them():
    below = {
        *("models", "fluents", "states", "roles", "tasks", "phone", "areas", "append_only", "webhook"),
        *("services", "statements", "prepared"),
    }
    known = {f"numbers.{name}" for name in below}
    above = {name_of(path): ours(path) - known for path in within("numbers.services")}
    assert len(above) > 30
    assert {name: wrong for name, wrong in above.items() if wrong} == {}


@pytest.mark.parametrize("task", bodies(ROOT / "numbers/tasks.py"), ids=lambda node: node.name)
def test_tasks_are_five_lines_at_most(task):
    assert task.end_lineno - task.body[0].lineno < 5


UPPER = [
    path
    for path in within("numbers")
    if name_of(path).startswith(("numbers.views", "numbers.management", "numbers.templatetags"))
    or name_of(path) in ("numbers.forms", "numbers.admin", "numbers.urls", "numbers.reports")
]


def test_pages_and_commands_never_speak_to_fluents_themselves():
    """They may name its errors; every call goes through a service."""
    assert len(UPPER) > 30
    for path in UPPER:
        named = {name for name in imports(path) if name.startswith("numbers.fluents.")}
        assert {name.removeprefix("numbers.fluents.") for name in named} <= {"FluentsError"}, path
        assert "numbers.services.api" not in imports(path), path


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
    assert callers == {"numbers.services.sending"}


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
