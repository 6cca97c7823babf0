"""`make audit`: what is known to be broken is named, and not having looked is no success."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import audit
from tests.support.stack import ROOT

DJANGO = str(audit.pinned()["django"])


def make(tmp_path: Path, **told) -> subprocess.CompletedProcess:
    """`make audit` with an advisory about Django that says TOLD of it."""
    folder = tmp_path / "vulns/django"
    folder.mkdir(parents=True, exist_ok=True)
    affected = {"package": {"ecosystem": "PyPI", "name": "Django"}, **told.pop("affected")}
    advisory = {"id": "PYSEC-1", "aliases": ["CVE-1"], "affected": [affected], **told}
    (folder / "PYSEC-1.yaml").write_text(json.dumps(advisory))
    return run(ADVISORIES=str(tmp_path))


def run(**env: str) -> subprocess.CompletedProcess:
    (target,) = re.findall(r"^audit:.*\n\t@\$\(PY\) (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    command = [sys.executable, *target.split()]
    return subprocess.run(command, cwd=ROOT, env=os.environ | env, capture_output=True, text=True)


def events(*found: tuple[str, str]) -> dict:
    return {"ranges": [{"type": "ECOSYSTEM", "events": [{kind: at} for kind, at in found]}]}


@pytest.mark.parametrize(
    ("affected", "is_hit"),
    [
        ({"versions": [DJANGO]}, True),
        ({"versions": ["1.0"]}, False),
        (events(("introduced", "0")), True),
        (events(("introduced", "0"), ("fixed", DJANGO)), False),
        (events(("introduced", "0"), ("last_affected", DJANGO)), True),
        (events(("introduced", "0"), ("fixed", "2.0"), ("introduced", DJANGO)), True),
        (events(("introduced", "999")), False),
        ({"package": {"ecosystem": "PyPI", "name": "django-rest"}, "versions": [DJANGO]}, False),
    ],
)
def test_a_known_hole_in_a_pinned_package_is_named(tmp_path, affected, is_hit):
    done = make(tmp_path, affected=affected)
    assert (done.returncode, f"django {DJANGO}: PYSEC-1 CVE-1" in done.stdout) == (int(is_hit), is_hit)
    assert f"{len(audit.pinned())} packages looked up" in done.stdout


def test_a_withdrawn_advisory_is_none(tmp_path):
    done = make(tmp_path, affected={"versions": [DJANGO]}, withdrawn="2026-01-01T00:00:00Z")
    assert done.returncode == 0


def test_an_audit_that_cannot_look_says_so(tmp_path):
    """Without uv, without the internet, and without a database."""
    alone = run(PATH=str(tmp_path))
    uvx = tmp_path / "uvx"
    uvx.write_text("#!/bin/sh\necho 'no route to host' >&2\nexit 1\n")
    uvx.chmod(0o755)
    offline = run(PATH=f"{tmp_path}:/usr/bin:/bin")
    empty = run(ADVISORIES=str(tmp_path))
    for done, why in ((alone, "not installed"), (offline, "no route to host"), (empty, "no clone")):
        assert done.returncode == 3
        assert done.stdout.startswith("NOT AUDITED: could not look for known holes: ")
        assert why in done.stdout


def test_every_pinned_package_is_looked_at():
    names = {
        line.partition("==")[0].lower()
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (ROOT / name).read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    }
    assert len(audit.pinned()) == len(names) > 80
    assert audit.pinned().keys() >= ADVICE


ADVICE = {"django", "django-allauth", "requests", "urllib3", "cryptography", "gunicorn", "psycopg"}
