"""Whose address a request has: a proxy of ours is believed, everybody else speaks for himself."""

import pytest

from numbers.models import Event

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "address"),
    [
        ([], "203.0.113.7", "", "203.0.113.7"),
        ([], "203.0.113.7", "198.51.100.1", "203.0.113.7"),  # anybody can send the header
        (["127.0.0.1"], "203.0.113.7", "198.51.100.1", "203.0.113.7"),
        (["127.0.0.1"], "127.0.0.1", "198.51.100.1", "198.51.100.1"),
        (["127.0.0.1"], "127.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # the first was made up
        (["127.0.0.1", "10.0.0.2"], "127.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        (["127.0.0.1"], "127.0.0.1", "", "127.0.0.1"),
        (["127.0.0.1"], "127.0.0.1", "<script>", "127.0.0.1"),
        (["127.0.0.1"], "127.0.0.1", "2001:db8::1", "2001:db8::1"),
        ([""], "", "198.51.100.1", "198.51.100.1"),  # the proxy speaks over a socket file
    ],
)
def test_the_address_is_that_of_the_last_one_that_we_can_believe(
    staff, settings, trusted, peer, forwarded, address
):
    settings.TRUSTED_PROXIES = set(trusted)
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    staff.post("/gate/switch/", {"to": "paused", "reason": "To see"}, REMOTE_ADDR=peer, headers=headers)
    assert Event.objects.get(action="gate.paused").address == address


def test_log_ins_and_refused_ones_are_in_the_history_without_what_was_typed(client, bob):
    url = "/accounts/login/"
    client.post(url, {"username": "my secret passphrase", "password": "x"})
    client.post(url, {"username": "bob", "password": "wrong and long"})
    client.post(url, {"username": "bob", "password": "a long password of bob"})
    client.post("/accounts/logout/")
    told = Event.objects.order_by("pk").values_list("action", "actor_name", "address", "reason")
    assert list(told) == [
        ("access.failed", "", "127.0.0.1", "No account of this name."),
        ("access.failed", "bob", "127.0.0.1", "Wrong password."),
        ("access.login", "bob", "127.0.0.1", ""),
        ("access.logout", "bob", "127.0.0.1", ""),
    ]
    assert not any(
        "secret passphrase" in str(row) or "wrong and long" in str(row) for row in Event.objects.values()
    )
