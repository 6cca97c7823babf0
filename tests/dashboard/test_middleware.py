"""Whose address a request has: a proxy of ours is believed, everybody else speaks for himself."""

import pytest
from django.core.cache import cache

from dashboard import causes
from numbers.models import Event
from numbers.services.monitoring.doctor import settings_found

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
        (["unix"], "", "198.51.100.1", "198.51.100.1"),
        (["172.30.0.0/24"], "172.30.0.9", "198.51.100.1", "198.51.100.1"),
        (["172.30.0.0/24"], "172.30.1.9", "198.51.100.1", "172.30.1.9"),
        (["fd00::/8"], "fd00::5", "2001:db8::1", "2001:db8::1"),
        (["127.0.0.1"], "::ffff:127.0.0.1", "198.51.100.1", "198.51.100.1"),  # a peer of a dual-stack socket
        (["127.0.0.1"], "127.0.0.1", "198.51.100.1:51234", "198.51.100.1"),
        (["127.0.0.1"], "127.0.0.1", "[2001:db8::1]:51234", "2001:db8::1"),
        (["127.0.0.1", "nonsense"], "127.0.0.1", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_the_address_is_that_of_the_last_one_that_we_can_believe(
    staff, settings, trusted, peer, forwarded, address
):
    settings.TRUSTED_PROXIES = set(trusted)
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    staff.post("/gate/switch/", {"to": "paused", "reason": "To see"}, REMOTE_ADDR=peer, headers=headers)
    assert Event.objects.get(action="gate.paused").address == address


def test_a_body_beyond_the_limit_is_refused_unread(staff, settings):
    settings.MAX_BODY = 1000
    for length, status in (("1001", 413), ("-1", 413), ("x", 413)):
        answer = staff.post("/gate/switch/", {"to": "paused", "reason": "To see"}, CONTENT_LENGTH=length)
        assert answer.status_code == status
    assert not Event.objects.exists()


def test_forwarded_requests_of_a_peer_that_is_not_trusted_are_told_to_the_doctor(
    staff, settings, monkeypatch
):
    monkeypatch.setattr(causes, "_noted", {})
    settings.TRUSTED_PROXIES = {"10.0.0.1"}
    cache.clear()
    staff.get("/", REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": "198.51.100.1"})
    assert not [found for found in settings_found() if "isn't trusted" in found.said]
    staff.get("/", REMOTE_ADDR="10.0.0.9", headers={"X-Forwarded-For": "198.51.100.1"})
    (found,) = [found for found in settings_found() if "isn't trusted" in found.said]
    assert "10.0.0.9" in found.said


def test_nothing_of_the_machine_and_no_other_site_has_business_with_our_pages(client, settings):
    settings.WHITENOISE_USE_FINDERS = True
    answer = client.get("/accounts/login/")
    assert {"camera=()", "geolocation=()", "usb=()"} <= set(answer["Permissions-Policy"].split(", "))
    for path in ("/accounts/login/", "/static/favicon.svg"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        assert not answer.has_header("Access-Control-Allow-Origin")
        answer.close()


def test_log_ins_and_refused_ones_are_in_the_history_without_what_was_typed(client, bob):
    url = "/accounts/login/"
    client.post(url, {"username": "my secret passphrase", "password": "x"})
    client.post(url, {"username": "bob", "password": "wrong and long"})
    client.post(url, {"username": "bob", "password": "a long password of bob"})
    client.post("/accounts/logout/")
    told = Event.objects.order_by("pk").values_list("action", "actor_name", "address", "reason")
    assert list(told) == [
        ("access.failed", "", "127.0.0.1", "Unknown username."),
        ("access.failed", "bob", "127.0.0.1", "Wrong password."),
        ("access.login", "bob", "127.0.0.1", ""),
        ("access.logout", "bob", "127.0.0.1", ""),
    ]
    assert not any(
        "secret passphrase" in str(row) or "wrong and long" in str(row) for row in Event.objects.values()
    )
