"""A real sandbox process, spoken to over real HTTP."""

import contextlib

import pytest

from tests.support.stack import Sandbox


@pytest.fixture
def own_sandbox(tmp_path):
    """Starts processes that a test may kill."""
    with contextlib.ExitStack() as stack:

        def start(*options: str) -> Sandbox:
            sandbox = Sandbox(tmp_path / "deep" / "data.sqlite3", *options)
            stack.callback(sandbox.close)
            return sandbox

        yield start
