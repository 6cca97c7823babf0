"""Every message of the product in one list: the text of templates and the sentences in the code.

The list is for proofreading (`manage.py messages`) and for the test that keeps banned phrases out.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("dashboard", "numbers", "static/js")
# Migrations repeat what models say.
LEFT_OUT = ("migrations",)

READ_ATTRIBUTES = {
    "title",
    "aria-label",
    "alt",
    "placeholder",
    "data-confirm",
    "data-failed",
    "data-done",
    "content",
}
INLINE_TAGS = {"a", "b", "strong", "em", "i", "span", "code", "kbd", "time", "small", "abbr", "q", "bdi"}
LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
SQL = re.compile(
    r"^\s*(SELECT|INSERT|UPDATE \w+ SET|DELETE|CREATE|DROP|ALTER|WITH|PRAGMA|BEGIN|SET|LOCK|EXPLAIN|AFTER)\b"
)
COMMENT = re.compile(
    r"{#.*?#}|{% comment .*?%}.*?{% endcomment %}|{% comment %}.*?{% endcomment %}", re.DOTALL
)
TAG = re.compile(r"{%.*?%}", re.DOTALL)
VARIABLE = re.compile(r"{{\s*([\w.]+).*?}}", re.DOTALL)
QUOTED = re.compile(r'"([^"]*)"')
SCRIPT_STRING = re.compile(r"`[^`]*`|\"[^\"\n]*\"|'[^'\n]*'")
WORD = re.compile(r"[A-Za-z]{2,}")


class Message(NamedTuple):
    """One text that people read, and the file and line where it is written."""

    path: str
    line: int
    text: str


def messages() -> Iterator[Message]:
    """Yield every message of the product, file by file."""
    for path in sorted((ROOT / "templates").rglob("*.*")):
        if path.suffix in {".html", ".txt"}:
            yield from _named(path, template_messages(path.read_text()))
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not set(LEFT_OUT) & set(path.parts):
                yield from _named(path, code_messages(path.read_text()))
        for path in sorted((ROOT / folder).rglob("*.js")):
            yield from _named(path, script_messages(path.read_text()))


def template_messages(source: str) -> Iterator[tuple[int, str]]:
    """Yield the texts of a template: what stands between tags, read attributes, quoted arguments."""
    source = COMMENT.sub(_newlines, source)
    for tag in TAG.finditer(source):
        for text in QUOTED.findall(tag[0]):
            if _is_sentence(text):
                yield source.count("\n", 0, tag.start()) + 1, text
    collector = _TextCollector()
    collector.feed(VARIABLE.sub(_variable, TAG.sub(lambda tag: "¦" + _newlines(tag), source)))
    collector.close()
    yield from collector.finish()


def code_messages(source: str) -> Iterator[tuple[int, str]]:
    """Yield the sentences of a module: no docstrings, no log lines, no SQL, no bare identifiers."""
    tree = ast.parse(source)
    skipped = set(_skipped(tree))
    for node in _outermost_strings(tree, skipped):
        text = _text(node)
        if _is_sentence(text) and not SQL.match(text):
            yield node.lineno, text


def script_messages(source: str) -> Iterator[tuple[int, str]]:
    """Yield the sentences of a JavaScript file."""
    for number, line in enumerate(source.splitlines(), start=1):
        if not line.lstrip().startswith(("//", "*", "/*")):
            for text in SCRIPT_STRING.findall(line):
                if _is_sentence(text[1:-1]):
                    yield number, text[1:-1]


class _TextCollector(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self.parts: list[str] = []
        self.start = 1
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if (name in READ_ATTRIBUTES or (name == "value" and tag == "button")) and value:
                self.found.append((self.getpos()[0], value))
        if tag not in INLINE_TAGS:
            self._flush()
        self.silent += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        if tag not in INLINE_TAGS:
            self._flush()
        self.silent -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self.silent:
            if not self.parts:
                self.start = self.getpos()[0]
            self.parts.append(data)

    def finish(self) -> list[tuple[int, str]]:
        """Return what was collected, tidied."""
        self._flush()
        tidy = ((line, re.sub(r"\s*(¦\s*)+", " ¦ ", text).strip(" ¦\n")) for line, text in self.found)
        return [(line, " ".join(text.split())) for line, text in tidy if WORD.search(text)]

    def _flush(self) -> None:
        self.found.append((self.start, "".join(self.parts)))
        self.parts = []


def _named(path: Path, found: Iterable[tuple[int, str]]) -> Iterator[Message]:
    for line, text in sorted(set(found)):
        yield Message(str(path.relative_to(ROOT)), line, text)


def _newlines(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def _variable(match: re.Match[str]) -> str:
    return "{" + match[1] + "}" + _newlines(match)


def _is_sentence(text: str) -> bool:
    """Say whether people read this: words with a space between, or one capitalised word."""
    stripped = text.strip()
    if "\n" in stripped and ("{%" in stripped or "</" in stripped):
        return False
    if re.fullmatch(r"[A-Z][a-z]+", stripped):
        return True
    return bool(re.search(r"[A-Za-z}\u2019',.:;)] +[A-Za-z{(“]", stripped)) and bool(WORD.search(stripped))


def _skipped(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield id(first.value)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield id(node.value)
        elif isinstance(node, ast.Call) and _is_log_call(node.func):
            yield from (id(argument) for argument in node.args)


def _is_log_call(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr in LOG_METHODS
        and isinstance(function.value, ast.Name)
        and function.value.id in {"logger", "log", "logging"}
    )


def _outermost_strings(node: ast.AST, skipped: set[int]) -> Iterator[ast.Constant | ast.JoinedStr]:
    if id(node) in skipped:
        return
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield node
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from _outermost_strings(part.value, skipped)
        return
    for child in ast.iter_child_nodes(node):
        yield from _outermost_strings(child, skipped)


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "{" + ast.unparse(part.value) + "}"
        for part in node.values
        if isinstance(part, ast.Constant | ast.FormattedValue)
    )
