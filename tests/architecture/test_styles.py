"""What a browser loads for a page stays small."""

import re

from deploy.cut_tabler import KEPT
from tests.support.stack import ROOT

STYLES = ROOT / "static/css"
TABLER = ROOT / "static/vendor/tabler/tabler.css"
MOST_CSS = 60_000  # bytes a page, uncompressed


def test_the_styles_of_every_page_stay_small():
    common = TABLER.stat().st_size + (STYLES / "app.css").stat().st_size
    for page in (ROOT / "templates").rglob("*.html"):
        own = re.findall(r"css/(\w+)\.css", page.read_text())
        size = common + sum((STYLES / f"{name}.css").stat().st_size for name in own if name != "app")
        assert size <= MOST_CSS, (page.name, size)


def test_tabler_is_cut_to_the_components_that_are_used():
    text = re.sub(r'url\("[^"]*"\)', "", TABLER.read_text())
    heads = re.findall(r"(?m)^([^{}/]+)\{", text)
    classes = {name for head in heads for name in re.findall(r"\.(-?[a-z][\w-]*)", head)}
    assert classes - KEPT - {"btn-check"} == set()
    assert "MIT" in TABLER.read_text().splitlines()[0]
