"""Every setting that a deployment may have: its name, kind, default, range and meaning.

The settings are read through this, checked by it, and docs/settings.md is printed from it.
"""

import io
import math
import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
TABLE = Path(__file__).parent / "settings.toml"


class Kind(StrEnum):
    TEXT = "text"
    SECRET = "secret"  # noqa: S105 -- a kind, not one
    SWITCH = "switch"
    WHOLE = "whole number"
    NUMBER = "number"
    LIST = "comma-separated list"
    PAIRS = "name=value pairs"
    PATH = "path"
    ADDRESS = "URL"
    ZONE = "time zone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting. `least` and `most` bound a number, `one_of` a text; `matters`: it stands in README, too.

    `kept_as` names the attribute of `django.conf.settings` where that has another name.
    """

    name: str
    kind: Kind = Kind.TEXT
    default: Any = ""
    words: str
    least: float | None = None
    most: float | None = None
    one_of: tuple[str, ...] = ()
    matters: bool = False
    kept_as: str = ""
    default_words: str = ""

    @property
    def names(self) -> list[str]:
        """How it may be given: secrets also as a file."""
        return [self.name, f"{self.name}_FILE"] if self.kind == Kind.SECRET else [self.name]

    @property
    def shown_default(self) -> str:
        if self.default_words:
            return self.default_words
        if isinstance(self.default, bool):
            return "on" if self.default else "off"
        if isinstance(self.default, list):
            return f"`{','.join(self.default)}`" if self.default else "none"
        if isinstance(self.default, Path):
            return f"`{self.default.relative_to(BASE_DIR)}`"
        if isinstance(self.default, int | float):
            return f"{self.default:g}"
        return f"`{self.default}`" if self.default else "none"

    @property
    def range(self) -> str:
        """What may be written, as docs/settings.md says it."""
        if words := ("on", "off") if self.kind == Kind.SWITCH else self.one_of:
            return " or ".join(f"`{word}`" for word in words)
        least = "" if self.least is None else f"{self.least:,g}"
        most = "" if self.most is None else f"{self.most:,g}"
        return f"{least} to {most}" if least and most else f"{least} or more" if least else ""

    def why_wrong(self, found: Any) -> str:
        """Why `found` cannot be its value, or ""."""
        if self.one_of and found not in self.one_of:
            return f"{self.name} is {found!r}. Use {' or '.join(self.one_of)}."
        if self.kind not in (Kind.WHOLE, Kind.NUMBER):
            return ""
        low = -math.inf if self.least is None else self.least
        high = math.inf if self.most is None else self.most
        if low <= found <= high and math.isfinite(found):
            return ""
        return f"{self.name} is {found:g}. It must be {self.range}."


def setting_of(told: dict[str, Any]) -> Setting:
    """A setting as settings.toml tells it."""
    kind = Kind(told.pop("kind", "text"))
    default = told.pop("default", EMPTY.get(kind, ""))
    if kind == Kind.PATH:
        default = BASE_DIR / default
    return Setting(kind=kind, default=default, one_of=tuple(told.pop("one_of", ())), **told)


EMPTY: dict[Kind, Any] = {Kind.SWITCH: False, Kind.WHOLE: 0, Kind.NUMBER: 0.0, Kind.LIST: [], Kind.PAIRS: {}}
GROUPS = {
    group["title"]: [setting_of(told) for told in group["setting"]]
    for group in tomllib.loads(TABLE.read_text(encoding="utf-8"))["group"]
}
SETTINGS = {setting.name: setting for group in GROUPS.values() for setting in group}
NAMES = {name: setting.name for setting in SETTINGS.values() for name in setting.names}
#: How names begin that are nobody else's: there a slip is an error, as it may be a limit that does not hold.
OURS = (
    *("FLUENTS_", "MAX_", "APPROVAL_", "BUDGET_", "GATE_", "BREAKER_", "OIDC_", "NOTIFY_", "REQUIRE_M"),
    *("JOURNAL_", "ALARM_", "PROOF_"),
)
ASSIGNMENT = re.compile(r"(?:export )?(\w+)=(\S.*|)")
TRUE, FALSE = {"on", "yes", "true", "1", "y", "ok"}, {"off", "no", "false", "0", "n"}
NEAR = 0.82  # of difflib: MAX_LINE_PER_DAY is 0.97 of MAX_LINES_PER_DAY, FLUENTS_URL 0.85 of FLUENTS_API_URL

#: What could not be read when the settings were; each value is then the default, and nothing starts.
unreadable: list[str] = []
from_file: set[str] = set()  # names that .env has given


def read_env_file() -> None:
    """Take .env beside manage.py into the environment, which goes before it."""
    before, read = set(os.environ), lines_of(BASE_DIR / ".env")
    environ.Env.read_env(io.StringIO("\n".join(read)))
    from_file.update(set(os.environ) - before)


def lines_of(file: Path) -> list[str]:
    """The lines of `file` that set something; any other that is no comment is `unreadable`, and not quoted:
    it may hold a secret."""
    if not file.exists():
        return []
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it isn't UTF-8 text"
        unreadable.append(f"{file} can't be read: {why}.")
        return []
    read: list[str] = []
    seen: dict[str, str] = {}
    for at, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not (found := ASSIGNMENT.fullmatch(line)):
            unreadable.append(
                f"Line {at} of {file} can't be read. Write NAME=value, without spaces around =."
            )
            continue
        if seen.setdefault(found[1], found[2]) != found[2]:
            unreadable.append(f"{file} sets {found[1]} twice. Keep one of the lines.")
        read.append(line)
    return read


def switch(text: str) -> bool:
    if (word := text.lower()) not in TRUE | FALSE:
        raise ValueError
    return word in TRUE


def pairs(text: str) -> dict[str, str]:
    """Raises ValueError where a part has no "="."""
    found = {}
    for part in listed(text):
        name, meant = part.split("=", 1)
        found[name.strip()] = meant.strip()
    return found


def listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def zone(text: str) -> str:
    """Raises ValueError where this machine knows no such time zone."""
    try:
        return ZoneInfo(text).key
    except (OSError, ZoneInfoNotFoundError) as error:
        raise ValueError from error


READERS: dict[Kind, Callable[[str], Any]] = {
    Kind.SWITCH: switch,
    Kind.WHOLE: int,
    Kind.NUMBER: float,
    Kind.LIST: listed,
    Kind.PAIRS: pairs,
    Kind.PATH: Path,
    Kind.ZONE: zone,
}


def value(name: str, *, default: Any = None) -> Any:
    """What the environment says name is, else default, else the default of this table; blank is not said."""
    setting = SETTINGS[name]
    if setting.kind == Kind.SECRET:
        return secret(name)
    text = os.environ.get(name, "").strip()
    if text:
        try:
            return READERS.get(setting.kind, str)(text)
        except ValueError:
            unreadable.append(f"{name} is {text!r}. Expected: {setting.kind}.")
    return setting.default if default is None else default


def secret(name: str) -> str:
    """The value of `name`, or the content of the file that NAME_FILE points to, or nothing."""
    if path := os.environ.get(f"{name}_FILE", "").strip():
        try:
            return Path(path).read_text().strip()
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it isn't text"
            unreadable.append(f"{name}_FILE points to {path}, which can't be read: {why}.")
            return ""
    return os.environ.get(name, "")


def source_of(name: str) -> str:
    """Which name has said what `name` is, or "" where it is the default."""
    return next((given for given in SETTINGS[name].names if os.environ.get(given, "").strip()), "")


def meant_by(name: str) -> str:
    """The setting that somebody who set `name` may have meant, or ""."""
    if name in NAMES:
        return ""
    close = get_close_matches(name.upper(), NAMES, n=1, cutoff=NEAR)
    return close[0] if close else ""


HEAD = """# Settings

Settings come from the environment or from `.env` beside `manage.py`. To read a secret from a file, set its
name plus `_FILE`. A blank value counts as not set. `manage.py settings` prints the current values;
`manage.py settings --markdown` prints this page. Every value is checked when a process starts, and so is a
name that looks like a misspelled setting.
"""


def as_page() -> str:
    """docs/settings.md."""
    lines = [HEAD.rstrip()]
    for title, group in GROUPS.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| name | type | default | range | meaning |",
            "|---|---|---|---|---|",
        ]
        lines += [row_of(setting) for setting in group]
    return "\n".join([*lines, ""])


def row_of(setting: Setting) -> str:
    names = " or ".join(f"`{name}`" for name in setting.names)
    cells = [names, setting.kind, setting.shown_default, setting.range or "any", setting.words]
    return f"| {' | '.join(cells)} |"
