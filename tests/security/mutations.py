"""`make mutations-security`: take out the check of each row of docs/security.md; its test must fail.

`python -m tests.security.mutations 6.2 13` tries the rows of these sections and chapters alone.
"""

import re
import sys
import tomllib

from tests.support.mutating import Mutation, run
from tests.support.stack import ROOT

PAGE = ROOT / "docs/security.md"
TABLE = ROOT / "tests/security/mutations.toml"
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| (held|in part|not held) \| (.+) \| (.*) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py::test_\w+)`")


def rows() -> dict[str, list[str]]:
    """Each row of the page by its requirement, with the tests that it names."""
    return {of: TEST.findall(proof) for of, _, _, proof in ROW.findall(PAGE.read_text())}


def mutations() -> list[Mutation]:
    """The mutations of the table, each with the test of its row."""
    found, named = [], rows()
    for entry in tomllib.loads(TABLE.read_text())["mutation"]:
        (test,) = [entry["test"]] if "test" in entry else named[entry["of"].split()[0]]
        case = entry.get("case", "")
        found.append(Mutation(entry["of"], entry["file"], entry["sound"], entry["broken"], test + case))
    return found


def chosen(prefixes: list[str]) -> list[Mutation]:
    def wanted(of: str) -> bool:
        return any(f"{row}.".startswith(f"{prefix}.") for row in of.split() for prefix in prefixes)

    return [mutation for mutation in mutations() if not prefixes or wanted(mutation.of)]


if __name__ == "__main__":
    sys.exit(run(chosen(sys.argv[1:]), FAULTS="all"))
