"""Cut Tabler's stylesheet down to what our pages use: `python -m deploy.cut_tabler TABLER.css OUT.css`.

A rule stays when it is about an element of our pages or a component of KEPT; a custom property stays when
something that stayed, or our own stylesheet, asks for it. `make styles` downloads the version that
static/vendor/tabler/VERSION names and runs this.
"""

import re
import sys
from pathlib import Path

import tinycss2
from tinycss2 import ast

ROOT = Path(__file__).resolve().parent.parent
#: Tabler's components that our pages use. Everything else on them is drawn by static/css/app.css.
KEPT = {
    "btn",
    *("form-check-input", "form-control", "form-select"),
    "visually-hidden",
}
#: Elements that no template names, or that stand for the whole page.
ALWAYS = {"html", "body", "root"}
#: Attributes by which a kept rule may choose.
ATTRIBUTES = {
    "data-bs-theme",
    "type",
    "disabled",
    "hidden",
    "list",
    "size",
    "multiple",
    "role",
    "href",
    "class",
}
#: Prefixed selectors, a light part in a dark page, and boxes that app.css draws.
UNWANTED = (
    "-webkit-",
    "-moz-",
    "] [data-bs-theme",
    "[data-theme",
    "selection",
    ":host",
    "kbd",
    "pre",
    "code",
)
SHORT = 30  # characters; a constant that is longer stays a custom property
DROPPED_MEDIA = ("print",)  # our own stylesheet says what is printed


def elements_used() -> set[str]:
    pages = "\n".join(path.read_text() for path in ROOT.glob("templates/**/*.html"))
    return {name.lower() for name in re.findall(r"<([a-z][a-z0-9]*)", pages)} | ALWAYS


class Cutter:
    def __init__(self, own_css: str) -> None:
        self.elements = elements_used()
        self.asked = set(re.findall(r"var\((--[\w-]+)", own_css))
        self.set = set(re.findall(r"(--tblr-[\w-]+)\s*:", own_css))

    def fits(self, selector: str) -> bool:
        """Whether SELECTOR may match something on our pages."""
        if any(word in selector for word in UNWANTED):
            return False
        if set(re.findall(r"\[([\w-]+)", selector)) - ATTRIBUTES:
            return False
        bare = re.sub(r"\[[^\]]*\]|:not\([^)]*\)", "", selector)
        if set(re.findall(r"[.#]((?:\\.|[\w-])+)", bare)) - KEPT:
            return False
        bare = re.sub(r"[.#](\\.|[\w-])+|::?[\w-]+", " ", bare)
        return not set(re.findall(r"[a-z][a-z0-9-]*", bare)) - self.elements

    def rules(self, nodes: list) -> list:
        """The NODES that stay, their selectors and contents cut down as well."""
        kept = []
        for node in nodes:
            if isinstance(node, ast.QualifiedRule):
                selectors = split(tinycss2.serialize(node.prelude))
                if fitting := [selector for selector in selectors if self.fits(selector)]:
                    kept.append((",".join(fitting), declarations(node.content)))
            elif isinstance(node, ast.AtRule) and node.at_keyword in ("media", "supports"):
                prelude = tinycss2.serialize(node.prelude).strip()
                if any(word in prelude for word in DROPPED_MEDIA):
                    continue
                if inner := self.rules(tinycss2.parse_rule_list(node.content, True, True)):
                    kept.append((f"@{node.at_keyword} {prelude}", inner))
        return kept

    def without_unused_properties(self, rules: list) -> list:
        """Put short constants in the place of the properties that hold them; drop what nobody asks for."""
        while True:
            local = {name for name, _ in pairs([rule for rule in rules if ":root" not in rule[0]])}
            text = written(rules)
            constants = {  # the last definition counts
                name: value
                for name, value in pairs([rule for rule in rules if ":root" in rule[0]])
                if name.startswith("--") and name not in self.set | local
            }
            constants = {
                name: value
                for name, value in constants.items()
                if len(value) <= SHORT or text.count(f"var({name}") == 1
            }
            cut = inlined(rules, constants)
            asked = set(re.findall(r"var\((--[\w-]+)", written(cut)))
            cut = drop(cut, self.asked | asked)
            if cut == rules:
                return rules
            rules = cut


def split(prelude: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for letter in prelude:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append(current.strip())
            current = ""
        else:
            current += letter
    return [*parts, current.strip()]


def declarations(content: list) -> list[tuple[str, str]]:
    found = tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)
    return [
        (d.name, tinycss2.serialize(d.value).strip() + (" !important" if d.important else ""))
        for d in found
        if isinstance(d, ast.Declaration) and not d.name.startswith(("-webkit-", "-moz-"))
    ]


def pairs(rules: list) -> list[tuple[str, str]]:
    return [pair for head, body in rules for pair in (pairs(body) if head.startswith("@") else body)]


def inlined(rules: list, constants: dict[str, str]) -> list:
    """RULES with var(--x) replaced where --x is a constant."""

    def value_of(text: str) -> str:
        for name, value in constants.items():
            text = re.sub(rf"var\({name}(\)|\s*,(?:[^()]|\([^()]*\))*\))", lambda _, v=value: v, text)
        return text

    return [
        (head, inlined(body, constants) if head.startswith("@") else [(n, value_of(v)) for n, v in body])
        for head, body in rules
    ]


def drop(rules: list, asked: set[str]) -> list:
    kept = []
    for head, body in rules:
        if head.startswith("@"):
            body = drop(body, asked)
        else:
            body = [(name, value) for name, value in body if not name.startswith("--") or name in asked]
        if body:
            kept.append((head, body))
    return kept


def written(rules: list) -> str:
    parts = []
    for head, body in rules:
        inner = written(body) if head.startswith("@") else ";".join(f"{n}:{v}" for n, v in body)
        parts.append(f"{head}{{{inner}}}\n")
    return "".join(parts)


def main(source: str, target: str) -> None:
    own = "".join(path.read_text() for path in sorted((ROOT / "static/css").glob("*.css")))
    cutter = Cutter(own)
    nodes = tinycss2.parse_stylesheet(Path(source).read_text(), skip_comments=True, skip_whitespace=True)
    rules = cutter.without_unused_properties(cutter.rules(nodes))
    version = (ROOT / "static/vendor/tabler/VERSION").read_text().strip()
    head = f"/*! Tabler {version}, https://tabler.io, MIT (see LICENSE), cut down to what our pages use */\n"
    Path(target).write_text(head + written(rules))


if __name__ == "__main__":
    main(*sys.argv[1:])
