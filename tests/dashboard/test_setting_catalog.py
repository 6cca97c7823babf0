"""The catalog of settings, the code that reads them, and the pages that tell of them are one."""

import json
import re
import subprocess
import sys

from dashboard.logs import FORMATTERS
from dashboard.setting_catalog import SETTINGS, as_page, row_of
from tests.support.stack import ROOT

SOURCE = (ROOT / "dashboard/settings.py").read_text()


def test_every_setting_that_is_read_is_in_the_catalog_and_the_other_way_round():
    assert set(re.findall(r'value\(\s*"(\w+)"', SOURCE)) == set(SETTINGS)
    assert not re.search(r"\benv\.|os\.environ", SOURCE)


def test_the_page_of_settings_is_what_the_catalog_prints():
    assert (ROOT / "docs/settings.md").read_text() == as_page(), (
        "run `manage.py settings --markdown > docs/settings.md`"
    )


def test_readme_has_the_ones_that_matter_and_no_others():
    text = (ROOT / "README.md").read_text()
    table = text[text.index("## Settings") : text.index("## Watching it")]
    told = re.findall(r"^\| `(\w+)`.*\|$", table, re.MULTILINE)
    assert told == [setting.name for setting in SETTINGS.values() if setting.matters]
    assert 8 <= len(told) <= 12
    for name in told:
        setting = SETTINGS[name]
        assert f"| {setting.shown_default} | {setting.words} |" in table
        assert setting.words in row_of(setting)


def test_every_default_is_in_its_own_range():
    assert [s.why_wrong(s.default) for s in SETTINGS.values() if s.why_wrong(s.default)] == []
    assert set(SETTINGS["LOG_FORMAT"].one_of) == set(FORMATTERS)
    for setting in SETTINGS.values():
        assert setting.words.endswith((".", ")"))


def test_the_command_tells_what_holds_and_hides_secrets():
    done = subprocess.run(
        [sys.executable, "manage.py", "settings", "--json"],
        cwd=ROOT,
        env={"PATH": "/usr/bin", "SECRET_KEY": "CANARY", "GATE_RATE": "2.5"},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert list(rows) == list(SETTINGS)
    assert rows["GATE_RATE"] == {"name": "GATE_RATE", "value": 2.5, "set": "GATE_RATE", "default": "1"}
    assert rows["SECRET_KEY"]["value"] == "hidden"
    assert "CANARY" not in done.stdout


def test_output_that_nobody_reads_on_ends_quietly():
    command = f"{sys.executable} manage.py settings | head -n 1"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "SECRET_KEY": "x"},
        capture_output=True,
        text=True,
    )
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
