"""A client, and the wire on which its requests are answered."""

import pytest
import responses

from numbers import fluents


@pytest.fixture
def client():
    return fluents.Client(base_url="https://fluents.test", token="token", timeout=(3, 45))


@pytest.fixture
def wire():
    with responses.RequestsMock() as mock:
        yield mock
