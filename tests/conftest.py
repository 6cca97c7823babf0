"""What most tests need: people, a sandbox over real HTTP, and settings that point to it."""

import pytest

from tests.stack import TOKEN, Sandbox


@pytest.fixture(autouse=True)
def own_journal(settings, tmp_path):
    """Every test has a send journal of its own."""
    settings.JOURNAL_PATH = tmp_path / "sends.journal"


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox") / "data.sqlite3")
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
    return sandbox


@pytest.fixture
def bob(django_user_model):
    """A buyer."""
    return django_user_model.objects.create_user("bob", password="a long password of bob")


@pytest.fixture
def page(client, bob):
    """Bob's signed-in client."""
    client.force_login(bob)
    return client
