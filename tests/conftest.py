"""What most tests need: people, a sandbox over real HTTP, and settings that point to it."""

import sqlite3
import uuid
from contextlib import closing

import pytest
from django.db import connection
from django.db.backends.base.operations import BaseDatabaseOperations

from numbers import append_only
from numbers.roles import Role
from numbers.services import api
from tests import canary
from tests.people import person
from tests.stack import TOKEN, Sandbox, migrated

IN_MEMORY = "file:memorydb_default?mode=memory&cache=shared"  # as Django calls it


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
    api._local.key = None  # a new client: what the last test's API could do is forgotten
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
