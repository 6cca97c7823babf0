"""`make audit`: which known holes are there in the pinned packages?

Asks a public database by way of pip-audit, which needs uv and the internet. Without them ADVISORIES names a
clone of PyPA's advisory-database, and that is read. Ends with 0 where no hole is known, 1 where one is, and 3
where it could not look: that nobody looked must never read as if nothing was found.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
PINS = ("requirements.txt", "requirements-dev.txt")
PIP_AUDIT = ("uvx", "pip-audit@2.10.1", "--strict", "--disable-pip", "--require-hashes", "--format=json")
CLEAN, FOUND, COULD_NOT_LOOK = 0, 1, 3


def pinned() -> dict[str, Version]:
    """Every package that we pin, with its version."""
    texts = [(ROOT / name).read_text() for name in PINS]
    pairs = re.findall(r"^([\w.-]+)==([^\s;]+)", "\n".join(texts), re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def holes(folder: Path, name: str, version: Version) -> Iterator[str]:
    """The advisories in FOLDER that are about VERSION of the package called NAME."""
    for path in sorted((folder / "vulns" / name).glob("*.yaml")):
        told = yaml.safe_load(path.read_text())
        if not told.get("withdrawn") and any(is_hit(part, name, version) for part in told["affected"]):
            yield f"{name} {version}: {told['id']} {' '.join(told.get('aliases', []))}"


def is_hit(affected: dict, name: str, version: Version) -> bool:
    if canonicalize_name(affected["package"]["name"]) != name:
        return False
    if str(version) in map(str, affected.get("versions", [])):
        return True
    ranges = [part for part in affected.get("ranges", []) if part["type"] == "ECOSYSTEM"]
    return any(is_within(part["events"], version) for part in ranges)


def is_within(events: list[dict], version: Version) -> bool:
    """Whether VERSION lies between an `introduced` and the `fixed` or `last_affected` that follows."""
    inside = False
    for event in events:
        ((kind, at),) = event.items()
        if kind == "introduced":
            inside = inside or version >= Version(str(at))
        elif version >= Version(str(at)) and (kind == "fixed" or version != Version(str(at))):
            inside = False
    return inside


def read_folder(folder: Path) -> int:
    if not (folder / "vulns").is_dir():
        return could_not_look(f"{folder} is no clone of the advisory database")
    packages = pinned()
    found = [hole for name, version in packages.items() for hole in holes(folder, name, version)]
    say(*found, f"{len(packages)} packages looked up in {folder}: {len(found)} known holes.")
    return FOUND if found else CLEAN


def ask() -> int:
    """Have pip-audit ask. It writes its report only where it could look at everything."""
    if not shutil.which(PIP_AUDIT[0]):
        return could_not_look(f"{PIP_AUDIT[0]} is not installed")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        pins = [f"--requirement={ROOT / name}" for name in PINS]
        done = subprocess.run([*PIP_AUDIT, *pins, f"--output={report}"], capture_output=True, text=True)
        if not report.exists():
            return could_not_look((done.stderr.strip().splitlines() or ["pip-audit gave no reason"])[-1])
        say(report.read_text())
        return FOUND if done.returncode else CLEAN


def could_not_look(why: str) -> int:
    say(f"NOT AUDITED: could not look for known holes: {why}.")
    return COULD_NOT_LOOK


def say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    clone = os.environ.get("ADVISORIES")
    sys.exit(read_folder(Path(clone)) if clone else ask())
