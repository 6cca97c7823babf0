"""The map names what is there."""

import re

import pytest

from tests.support.stack import ROOT

FOLDERS = (
    "",
    "numbers",
    "numbers/services",
    "numbers/services/purchasing",
    "numbers/views",
    "numbers/management",
)
PATHS = re.compile(r"`([a-z_0-9/]+/[a-z_0-9]+\.(?:py|html)|[a-z_]+\.py|[a-z_]+(?:/[a-z_]+)*/)`")


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md", "README.md"])
def test_every_path_that_a_page_names_is_there(page):
    named = set(PATHS.findall((ROOT / page).read_text())) - {"stack.py", "books.py", "people.py", "plans.py"}
    assert len(named) > 3
    missing = {path for path in named if not any((ROOT / folder / path).exists() for folder in FOLDERS)}
    assert missing == set()


#: Folders of which the tree names every module; of the others it names the package.
NAMED = (
    "dashboard",
    "numbers",
    "numbers/db",
    "numbers/models",
    "numbers/telephony",
    "numbers/listing",
    "numbers/services",
)
OF_DJANGO = {"apps", "models"}


def test_the_tree_of_the_map_is_the_tree_on_disk():
    text = (ROOT / "docs/architecture.md").read_text()
    tree = text[text.index("```") : text.index("## Who may import whom")]
    packages = {path.parent.name for folder in NAMED for path in (ROOT / folder).glob("*/__init__.py")}
    assert {name for name in packages - {"migrations"} if f" {name}/" not in tree} == set()
    modules = {path.stem for folder in NAMED for path in (ROOT / folder).glob("[!_]*.py")}
    assert modules - OF_DJANGO - set(re.findall(r"\w+", tree)) == set()
    named = {name for name in re.findall(r"(\w+)(?:\.py|/)", tree) if name != "orders"}
    there = {path.stem for folder in ("dashboard", "numbers", "tests") for path in (ROOT / folder).rglob("*")}
    assert named - there - {path.stem for path in ROOT.iterdir()} == {"components", "conf"}


#: A module is named for a thing: `selection`, not `choosing`. What people call a thing in -ing is one.
THINGS = {
    "purchasing",
    "monitoring",
    "listing",
    "spending",
    "numbering_plan",
    "setting_catalog",
}


def test_no_module_is_named_by_a_gerund():
    names = {
        path.relative_to(ROOT).with_suffix("").parts[-1]
        for folder in ("numbers", "dashboard")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in ("", ".py")
    }
    assert {name for name in names if re.search(r"[a-z]ing(_|$)", name)} == THINGS


def test_few_modules_lie_loose_in_the_app():
    assert len(list((ROOT / "numbers").glob("*.py"))) <= 14
