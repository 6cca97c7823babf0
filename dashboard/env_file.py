"""Writing `.env` beside manage.py: for its owner alone, at once or not at all."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

PLAIN = re.compile(r"[\w@%+=:,./~-]*", re.ASCII)


def write(path: Path, values: Mapping[str, str]) -> None:
    """Set `values` in `path`; its other lines stay. Raises ValueError for a value of several lines."""
    lines = path.read_text().splitlines() if path.exists() else ["# Written by `manage.py setup`."]
    for name, value in values.items():
        line = f"{name}={quoted(value)}"
        at = next((n for n, old in enumerate(lines) if re.match(rf"(export )?{name}=", old)), None)
        if at is None:
            lines.append(line)
        else:
            lines[at] = line
    replace(path, "\n".join([*lines, ""]))


def quoted(value: str) -> str:
    """`value` such that both the settings and a shell read it back."""
    if not value.isprintable():
        raise ValueError("a value is one line of text")
    if PLAIN.fullmatch(value):
        return value
    if "'" not in value:
        return f"'{value}'"
    if set(value) & set('"\\$`'):
        raise ValueError('a value with an apostrophe has none of " \\ $ `')
    return f'"{value}"'


def replace(path: Path, text: str) -> None:
    """`text` takes the place of what is in `path`, readable by its owner alone."""
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
