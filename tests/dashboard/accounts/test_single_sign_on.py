"""Single sign-on against a provider that others wrote, whose tokens are bent on the way."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from dashboard.accounts import knocks
from numbers.models import Event, Notice
from numbers.permissions import Role, roles_of
from tests.support.people import person
from tests.support.provider import Provider, new_key

pytestmark = pytest.mark.django_db
BEGIN = "/accounts/oidc/sso/login/"
PASSWORD = "a long password of eve"


@pytest.fixture(scope="module")
def mock():
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture
def provider(mock, settings):
    """The provider, with the settings that name it."""
    mock.reset()
    cache.clear()
    settings.OIDC_ISSUER, settings.OIDC_NAME = mock.url, "Example ID"
    settings.OIDC_ROLES = {"buyers": "buyer", "admins": "admin"}
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "APPS": [
                {
                    "provider_id": "sso",
                    "name": "Example ID",
                    "client_id": "the dashboard",
                    "secret": "a secret",
                    "settings": {"server_url": mock.url, "oauth_pkce_enabled": True},
                }
            ]
        }
    }
    mock.person("eve-1", preferred_username="eve", groups=["buyers", "others"])
    return mock


def to_provider(client: Client, next_url: str = "/orders/") -> str:
    return client.get(BEGIN, {"next": next_url})["Location"]


def back(client: Client, there: str, sub: str = "eve-1", **more):
    """Whoever has logged in at the provider comes back from THERE."""
    answer = requests.post(there, data={"sub": sub}, allow_redirects=False, timeout=10)
    parts = urlsplit(answer.headers["Location"])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | more
    return client.get(parts.path, query)


def sign_on(client: Client, sub: str = "eve-1"):
    return back(client, to_provider(client), sub)


def is_out(client: Client, answer) -> bool:
    """Whether ANSWER leads back to the log-in, which says why, and nobody came in."""
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")
    assert "Example ID login failed" in client.get(answer["Location"]).text
    assert Event.objects.get(action="access.failed").reason.startswith("Single sign-on: ")
    return "_auth_user_id" not in client.session and not User.objects.exists()


def test_somebody_new_comes_in_with_the_roles_of_the_provider(client, provider):
    assert "Example ID" in client.get("/accounts/login/").text
    assert sign_on(client)["Location"] == "/orders/"
    eve = User.objects.get()
    assert (eve.username, eve.has_usable_password(), roles_of(eve)) == ("eve", False, [Role.BUYER])
    assert client.get("/orders/new/").status_code == 200
    made, login = Event.objects.order_by("pk")
    assert (made.action, made.actor_name, made.after["roles"]) == ("account.created", "Example ID", ["buyer"])
    assert (login.action, login.actor, login.after) == ("access.login", eve, {"shown": ["socialaccount"]})
    assert SocialAccount.objects.get().extra_data == {}


def test_a_role_that_the_provider_took_away_is_gone_at_the_next_log_in(client, provider):
    provider.person("eve-1", preferred_username="eve", groups=["admins"])
    sign_on(client)
    assert client.get("/people/").status_code == 200
    provider.person("eve-1", preferred_username="eve", groups=["others"])
    client.post("/accounts/logout/")
    assert sign_on(client)["Location"] == "/orders/"
    assert client.get("/orders/").status_code == 403
    event = Event.objects.get(action="account.roles")
    assert (event.before["roles"], event.after["roles"]) == (["admin"], [])
    assert Notice.objects.filter(kind="account.changed").exists()


def test_without_a_role_nobody_new_comes_in(client, provider):
    provider.person("mallory", preferred_username="mallory", groups=["others"])
    answer = sign_on(client, "mallory")
    assert "Your account has no role here" in client.get(answer["Location"]).text
    assert not User.objects.exists()


def test_an_invited_person_is_known_by_the_address_that_the_provider_has_verified(client, provider):
    eve = User.objects.create(username="eva", email="eve@example.com", password="!")
    about = {"email": "Eve@Example.com", "groups": ["buyers"]}
    provider.person("eve-1", preferred_username="x", email_verified=False, **about)
    sign_on(client)
    assert SocialAccount.objects.get().user != eve  # the address proves nothing
    provider.person("eve-2", preferred_username="y", email_verified=True, **about)
    sign_on(Client(), "eve-2")
    assert SocialAccount.objects.get(uid="eve-2").user == eve
    assert roles_of(eve) == [Role.BUYER]


@pytest.mark.parametrize("name", ["bob", "BOB"])
def test_nobody_takes_a_local_account_over_by_its_name(client, provider, bob, name):
    provider.person("eve-1", preferred_username=name, groups=["admins"])
    answer = sign_on(client)
    assert "already an account named" in client.get(answer["Location"]).text
    assert not SocialAccount.objects.exists()


def test_an_owner_is_never_taken_over_by_an_address(client, provider):
    User.objects.create_superuser("root", "root@example.com")
    provider.person(
        "eve-1", preferred_username="root", email="root@example.com", email_verified=True, groups=["buyers"]
    )
    sign_on(client)
    assert not SocialAccount.objects.exists()


def test_a_switched_off_account_stays_out(client, provider):
    sign_on(client)
    User.objects.update(is_active=False)
    other = Client()
    answer = sign_on(other)
    assert "deactivated" in other.get(answer["Location"]).text
    assert "_auth_user_id" not in other.session


BENT = {
    "another issuer": lambda claims: claims.update(iss="https://evil.example"),
    "for another application": lambda claims: claims.update(aud="another"),
    "for several, and another one": lambda claims: claims.update(aud=["the dashboard", "b"], azp="b"),
    "run out": lambda claims: claims.update(exp=int(time.time()) - 120),
    "of the future": lambda claims: claims.update(iat=int(time.time()) + 600, nbf=int(time.time()) + 600),
    "without an end": lambda claims: claims.update(exp=None),
    "another nonce": lambda claims: claims.update(nonce="of another log-in"),
    "no nonce": lambda claims: claims.update(nonce=None),
    "belongs to someone else": lambda claims: claims.update(sub="mallory"),
}


@pytest.mark.parametrize("change", BENT.values(), ids=BENT)
def test_a_token_that_does_not_hold_opens_nothing(client, provider, change):
    provider.change = change
    assert is_out(client, sign_on(client))


@pytest.mark.parametrize(
    ("algorithm", "kid"),
    [("RS256", "test-key"), ("RS256", "other"), ("HS256", "test-key"), ("none", "test-key")],
)
def test_a_token_that_the_provider_has_not_signed_opens_nothing(client, provider, algorithm, kid):
    provider.signer, provider.algorithm, provider.kid = new_key(), algorithm, kid
    assert is_out(client, sign_on(client))


def test_clocks_may_differ_by_a_minute(client, provider):
    provider.change = lambda claims: claims.update(iat=int(time.time()) + 30, exp=int(time.time()) - 30)
    assert sign_on(client)["Location"] == "/orders/"


@pytest.mark.parametrize(
    "config",
    [{"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": ""}],
)
def test_a_provider_that_is_not_the_one_of_the_settings_is_not_asked(client, provider, config):
    provider.config = config
    assert is_out(client, client.get(BEGIN))


def test_a_state_of_another_browser_or_from_before_opens_nothing(client, provider):
    stranger = Client()
    answer = back(stranger, to_provider(client))
    assert (answer["Location"], "_auth_user_id" in stranger.session) == ("/accounts/login/", False)
    answer = back(client, to_provider(client), state="made-up")
    assert (answer["Location"], "_auth_user_id" in client.session) == ("/accounts/login/", False)


def test_a_provider_that_is_down_is_said_and_local_accounts_still_come_in(client, provider, bob):
    provider.down = True
    answer = client.get(BEGIN)
    assert "Example ID login failed" in client.get(answer["Location"]).text
    assert (
        client.post("/accounts/login/", {"username": "bob", "password": "a long password of bob"})["Location"]
        == "/"
    )


def test_a_stranger_fills_no_history_with_answers_that_nobody_asked_for(provider, monkeypatch):
    monkeypatch.setattr(knocks, "time", lambda: 0)  # all in one minute
    statuses = [Client().get(f"{BEGIN}callback/?code=x&state={n}").status_code for n in range(63)]
    assert (statuses[0], statuses[-1], Event.objects.count()) == (302, 429, 60)
    assert sign_on(Client(REMOTE_ADDR="203.0.113.9"))["Location"] == "/orders/"


def test_another_site_logs_nobody_in(client, provider):
    answer = client.get(BEGIN, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer["Location"] == "/accounts/login/"
    assert client.get(BEGIN, headers={"Sec-Fetch-Site": "same-origin"})["Location"] != "/accounts/login/"


@pytest.mark.parametrize("next_url", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_nobody_is_sent_to_another_site_afterwards(client, provider, next_url):
    assert back(client, to_provider(client, next_url))["Location"] == "/"


@pytest.mark.parametrize(
    ("change", "believed"),
    [
        ({}, False),
        ({"amr": ["pwd"]}, False),
        ({"amr": "mfa"}, False),
        ({"acr": "1"}, False),
        ({"amr": ["pwd", "mfa"]}, True),
        ({"acr": "phr"}, True),
    ],
)
def test_a_second_factor_at_the_provider_counts_only_if_it_says_so(
    client, provider, settings, change, believed
):
    settings.REQUIRE_MFA, settings.OIDC_MFA_ACR = True, ["phr"]
    provider.change = lambda claims: claims.update(change)
    sign_on(client)
    answer = client.get("/orders/new/")
    assert (answer.status_code, answer.get("Location")) == ((200, None) if believed else (302, "/account/"))


def test_with_oidc_only_the_one_local_account_alone_has_a_password(client, provider, settings, bob):
    settings.OIDC_ONLY, settings.OIDC_LOCAL_ACCOUNT = True, "root"
    User.objects.create_superuser("root", password=PASSWORD)
    assert "Emergency account" in client.get("/accounts/login/").text
    answer = client.post("/accounts/login/", {"username": "bob", "password": "a long password of bob"})
    assert "Log in with Example ID." in client.get(answer["Location"]).text
    assert "_auth_user_id" not in client.session
    assert client.post("/accounts/login/", {"username": "root", "password": PASSWORD})["Location"] == "/"
    assert sign_on(Client())["Location"] == "/orders/"


def test_confirming_goes_to_the_provider_and_on_to_what_was_asked_for(client, provider, settings):
    settings.REAUTH_SECONDS = 1800
    provider.person("eve-1", preferred_username="eve", groups=["admins"])
    sign_on(client)
    vera = person("vera", Role.VIEWER)
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 3600
    session.save()
    path = f"/people/{vera.pk}/switch/"
    answer = client.post(path, {"to": "off"})
    answer = client.get(answer["Location"])
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert (query["prompt"], query["max_age"]) == (["login"], ["0"])
    assert User.objects.get(pk=vera.pk).is_active
    provider.change = lambda claims: claims.update(auth_time=int(time.time()) - 3600)
    back(client, answer["Location"])
    assert User.objects.get(pk=vera.pk).is_active  # that was an old log-in
    provider.reset()
    done = back(client, client.get(client.post(path, {"to": "off"})["Location"])["Location"])
    assert done["Location"] == f"/people/{vera.pk}/"
    assert not User.objects.get(pk=vera.pk).is_active


def test_without_an_issuer_there_is_no_such_door(client, settings):
    settings.OIDC_ISSUER = ""
    for path in (BEGIN, f"{BEGIN}callback/"):
        assert client.get(path).status_code == 404
    assert 'id="sso-login"' not in client.get("/accounts/login/").text
