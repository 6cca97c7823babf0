"""The catalog of settings, the code that reads them, and the pages that tell of them are one."""

import json
import re
import subprocess
import sys

import pytest

from dashboard import setting_catalog
from dashboard.logs import FORMATTERS
from dashboard.setting_catalog import SETTINGS, as_page, lines_of, row_of
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


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"A=1\n\n  # a comment\nexport B='x y'\r\nC=\n", ""),
        ("\ufeffA=1\nB=2\nA=1\n".encode(), ""),
        (b"A=1\nMAX_LINES_PER_DAY = 50\n", "Line 2 of .* can't be read. Write NAME=value"),
        (b"FLUENTS_API_TOKEN= secret\n", "Line 1 of .* can't be read"),
        (b"A=1\nFLUENTS_API_TOKEN: secret\n", "Line 2 of .* can't be read"),
        (b"A=1\nA=2\n", "sets A twice"),
        ("A=1\n".encode("utf-16"), "can't be read: it isn't UTF-8 text"),
    ],
)
def test_a_line_of_env_that_sets_nothing_is_an_error_and_not_quoted(tmp_path, monkeypatch, content, wrong):
    monkeypatch.setattr(setting_catalog, "unreadable", [])
    file = tmp_path / ".env"
    file.write_bytes(content)
    lines_of(file)
    found = " ".join(setting_catalog.unreadable)
    assert re.search(wrong, found) if wrong else not found, found
    assert "secret" not in found


def test_no_env_file_is_none(tmp_path):
    assert lines_of(tmp_path / ".env") == []
