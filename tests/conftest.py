"""What most tests need: people, a sandbox over real HTTP, and settings that point to it."""

import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations

from numbers.db import append_only
from numbers.db.memory import Remembered
from numbers.fluents import transport
from numbers.permissions import Role
from numbers.services import fluents_client
from numbers.services.costs import months
from numbers.services.monitoring import statistics
from tests.support import canary
from tests.support.people import person
from tests.support.stack import TOKEN, Sandbox, migrated

COLLECTED = pytest.StashKey[frozenset[str]]()
IN_MEMORY = "file:memorydb_default?mode=memory&cache=shared"  # as Django calls it


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    config.stash[COLLECTED] = frozenset(item.nodeid for item in items)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session):
    """Name each test for its group, whose tests go to one process by that name.

    pytest-xdist 3.8 writes it where pytest 9.2 reads it no more: what a group shares would be made anew in
    every process.
    """
    for item in session.items if getattr(session.config.option, "loadgroup", False) else ():
        group = "_".join(sorted({mark.args[0] for mark in item.iter_markers("xdist_group")}))
        if group and not item.nodeid.endswith(f"@{group}"):
            item._id = type(item.id).parse(f"{item.nodeid}@{group}")


@pytest.fixture
def collected(request):
    """The names of all tests that this run has found, also of those that it leaves out."""
    return request.config.stash[COLLECTED]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings):
    """The database in memory begins as a copy of one with our tables: `migrate` finds nothing to do."""
    if connection.vendor != "sqlite":
        yield
        return
    made = f"file:{migrated()}?immutable=1"
    with (
        closing(sqlite3.connect(IN_MEMORY, uri=True)) as ours,
        closing(sqlite3.connect(made, uri=True)) as its,
    ):
        its.backup(ours)
        yield


@pytest.fixture(autouse=True, scope="session")
def canaries():
    canary.listen()


@pytest.fixture(autouse=True)
def no_secret_is_told(canaries):
    """Whatever a test makes the product write, show or say holds no secret."""
    yield
    assert canary.taken() == []


@pytest.fixture(autouse=True)
def own_journal(settings, tmp_path_factory):
    """Every test has a send journal of its own; a file, as a folder for each costs time."""
    settings.JOURNAL_PATH = tmp_path_factory.getbasetemp() / f"{uuid.uuid4().hex}.journal"


@pytest.fixture(autouse=True)
def nothing_is_remembered(monkeypatch):
    """A test is over within the moment for which a process remembers what it was told."""
    monkeypatch.setattr(Remembered, "on", False)


@pytest.fixture(autouse=True)
def counting_is_quick(monkeypatch):
    """However slow the machine is, the few rows of a test are counted by the page itself."""
    monkeypatch.setattr(statistics, "QUICK", 60)
    monkeypatch.setattr(months, "QUICK", 60)


@pytest.fixture(autouse=True)
def somebody_is_there(monkeypatch):
    """Most tests have no use for the page that says that nobody is."""
    monkeypatch.setattr("numbers.services.people.first_account._known", {True})


@pytest.fixture(autouse=True)
def time_passes_in_the_books_alone(monkeypatch):
    """Tests move the times in the books back; the product would call that a clock that jumps."""
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    monkeypatch.setattr("numbers.services.purchasing.settlement.steady_since", lambda: long_ago)


@pytest.fixture(autouse=True, scope="session")
def reads_are_tried_again_at_once():
    """The real pauses, half a second for each read that fails, are for a Fluents that is busy."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(transport, "PAUSE", 0.01)
        yield


@pytest.fixture(autouse=True)
def calls_inside_the_tests_transaction():
    """A test is a transaction, which the product's rule for calls to Fluents must overlook, and it alone."""
    release = fluents_client.release

    def release_unless_test() -> None:
        if all(block._from_testcase for block in connection.atomic_blocks):
            return None if connection.in_atomic_block else release()
        raise fluents_client.InTransaction("Fluents must not be called inside a transaction")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fluents_client, "release", release_unless_test)
        yield


@pytest.fixture(autouse=True, scope="session")
def history_makes_way_between_tests():
    """Tests with real transactions leave nothing behind. What empties the tables puts the guards up again."""
    flush = BaseDatabaseOperations.execute_sql_flush

    def unguarded(self, sql_list):
        append_only.take_away(self.connection)
        return flush(self, sql_list)

    BaseDatabaseOperations.execute_sql_flush = unguarded
    yield
    BaseDatabaseOperations.execute_sql_flush = flush


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox") / "data.sqlite3")
    assert sandbox.connection  # read now, so that no test finds the question in its log
    yield sandbox
    sandbox.close()


@pytest.fixture
def sandbox(running):
    """The shared process, as new."""
    running.control("reset")
    return running


@pytest.fixture
def fluents(sandbox, settings):
    """The product is set up for the sandbox."""
    settings.FLUENTS_API_URL = sandbox.url
    settings.FLUENTS_API_TOKEN = TOKEN
    fluents_client.forget()  # what the last test's API could do
    return sandbox


@pytest.fixture
def bob(db):
    """A buyer, who may also let buying go on."""
    return person("bob", Role.BUYER, Role.APPROVER, password="a long password of bob")


@pytest.fixture
def staff(client, bob):
    """Bob's signed-in client."""
    client.force_login(bob)
    return client
