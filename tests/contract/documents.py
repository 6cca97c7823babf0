"""The OpenAPI documents that the sandbox has to keep to."""

import copy
import re
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def official() -> dict[str, Any]:
    """The document of Fluents, with our corrections laid over it."""
    document = _read(ROOT / "tests" / "data" / "fluents_openapi.yml")
    return overlaid(document, _read(HERE / "overlay.yml"))


def rest() -> dict[str, Any]:
    """What we know about everything else."""
    document = _read(HERE / "rest.yml")
    document["components"]["schemas"] = _read(HERE / "schemas.yml")
    return document


def _read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


def overlaid(document: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """DOCUMENT after the actions of OVERLAY. Targets are plain paths, without wildcards.

    Raises KeyError where a target is not there.
    """
    document = copy.deepcopy(document)
    for action in overlay["actions"]:
        *way, last = [a or b for a, b in re.findall(r"\['([^']+)'\]|\.(\w+)", action["target"])]
        parent = document
        for step in way:
            parent = parent[step]
        if action.get("remove"):
            del parent[last]
        else:
            parent[last].update(action["update"])
    return document
