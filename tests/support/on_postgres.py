"""The tests that talk to the database, on PostgreSQL: `python -m tests.support.on_postgres [ARGUMENT…]`.

They run on SQLite with all the others. The cluster is made for the run and forgotten after it.
"""

import os
import subprocess
import sys

from tests.faults.postgres import Cluster, Unavailable
from tests.support.stack import ROOT

# Where a service, a command or a page meets the database. The rest knows no engine.
PAGES, COMMANDS = ["test_fuzz", "test_list", "test_live", "test_search"], ["test_commands"]
WHAT = [
    "tests/services",
    "tests/intake",
    "tests/db",
    *(f"tests/views/{n}.py" for n in PAGES),
    *(f"tests/management/{n}.py" for n in COMMANDS),
]
ALL = ["-n", "2", "--dist", "loadgroup", *WHAT]
# A test is one transaction, in which PostgreSQL keeps every version of a row: quadratic here, not in life.
NOT = [
    "tests/services/plans/test_lifecycle.py::test_one_failing_call_hides_the_other_outcomes_of_a_mass_edit"
]


def main(arguments: list[str]) -> int:
    try:
        cluster = Cluster(durable=False)
    except Unavailable as error:
        if os.environ.get("CI"):
            raise
        sys.stderr.write(f"*** NOT TESTED WITH POSTGRESQL: {error} ***\n")
        return 0
    try:
        env = {**os.environ, "TESTS_RUN_ON": cluster.create("books")}
        which = [*(arguments or ALL), *(f"--deselect={test}" for test in NOT)]
        command = [sys.executable, "-m", "pytest", "-q", *which]
        return subprocess.run(command, cwd=ROOT, env=env).returncode
    finally:
        cluster.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
