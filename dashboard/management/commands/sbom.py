import json
import re
from importlib.metadata import PackageNotFoundError, metadata

from django.conf import settings
from django.core.management.base import BaseCommand

PINNED = re.compile(
    r"^([\w.-]+)==([^\s;\\]+)[^\n]*\n((?: +--hash=sha256:[0-9a-f]{64}[ \\]*\n?)+)", re.MULTILINE
)


class Command(BaseCommand):
    help = "Print the bill of materials (CycloneDX 1.6): every pinned package with its hashes and license."
    requires_system_checks = []

    def handle(self, **options) -> None:
        text = (settings.BASE_DIR / "requirements.txt").read_text()
        bill = {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {"component": {"type": "application", "name": "fluents-numbers-dashboard"}},
            "components": [component(*found) for found in PINNED.findall(text)],
        }
        self.stdout.write(json.dumps(bill, indent=1))


def component(name: str, version: str, hashes: str) -> dict:
    """One package. `hashes` are those of its files, of which one is installed."""
    files = [{"alg": "SHA-256", "content": found} for found in re.findall(r"sha256:(\w+)", hashes)]
    url = f"pkg:pypi/{name.lower()}@{version}"
    return {
        "type": "library",
        "bom-ref": url,
        "name": name,
        "version": version,
        "purl": url,
        "externalReferences": [{"type": "distribution", "url": url, "hashes": files}],
        **licence(name),
    }


def licence(name: str) -> dict:
    """What the package says about itself where it is installed; some are for other systems."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return {}
    if expression := about.get("License-Expression"):
        return {"licenses": [{"expression": expression}]}
    classes = [
        text.split(" :: ")[-1] for text in about.get_all("Classifier", []) if text.startswith("License ::")
    ]
    said = classes or [about.get("License") or "unknown"]
    return {"licenses": [{"license": {"name": text.splitlines()[0][:100]}} for text in said]}
