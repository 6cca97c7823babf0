"""Showing again who you are: by the second factor where there is one, before what cannot be taken back."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client

from dashboard.accounts import knocks
from numbers import middleware
from numbers.forms.orders import new_form_token
from numbers.models import Connection, Event, Gate, Number, Order, Plan
from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.plans.lifecycle import plan_change
from tests.dashboard.accounts.test_login import LOGIN, PASSWORD, SECRET, code_of, log_in, stale
from tests.support.people import give, person
from tests.views.upkeep import differing

pytestmark = pytest.mark.django_db
CONFIRM, FACTOR = "/accounts/confirm/", "/accounts/2fa/reauthenticate/"
OPEN = {"to": "open", "reason": "Reconciled with the books"}


@pytest.fixture(autouse=True)
def asked_again(db, settings):
    cache.clear()
    settings.REAUTH_SECONDS = 1800


@pytest.fixture
def paused(bob):
    Gate.objects.update(paused=True)
    client = Client()
    log_in(client)
    stale(client)
    return client


def test_who_has_a_second_factor_confirms_with_it_and_not_with_the_password(bob, paused):
    TOTP.activate(bob, SECRET)
    asked = paused.post("/gate/switch/", OPEN)["Location"]
    assert asked == f"{FACTOR}?next=%2Fgate%2Fswitch%2F"
    by_password = f"{CONFIRM}?next=/gate/switch/"
    for answer in (paused.get(by_password), paused.post(by_password, {"password": PASSWORD})):
        assert answer["Location"].startswith(FACTOR)
    assert paused.post("/gate/switch/", OPEN)["Location"] == asked
    assert Gate.objects.get().paused is True
    assert "password" not in paused.get(asked).text.split("<main")[1]
    done = paused.post(asked, {"code": code_of(SECRET)})
    assert (done["Location"], Gate.objects.get().paused) == ("/gate/", False)


def test_a_right_that_was_taken_away_meanwhile_is_not_used_by_confirming(bob, paused):
    """The request that is resumed comes past the middleware."""
    asked = paused.post("/gate/switch/", OPEN)["Location"]
    bob.groups.remove(Group.objects.get(name=Role.APPROVER))
    answer = paused.post(asked, {"password": PASSWORD})
    assert (answer.status_code, Gate.objects.get().paused) == (403, True)
    assert "This requires the role approver or administrator." in answer.text
    assert Event.objects.get(action="access.denied").actor == bob


def test_nor_does_somebody_buy_who_is_no_buyer_any_more(client, bob):
    Connection.objects.create(api_id="main", telephony_provider="twilio", synced_at="2026-01-01T00:00Z")
    log_in(client)
    stale(client)
    many = {
        "telephony_provider": "twilio", "telephony_account_connection": "main", "area_code": "415",
        "quantity": "21", "form_token": new_form_token(bob.pk), "confirmed": "1",
    }  # fmt: skip
    asked = client.post("/orders/new/", many)["Location"]
    assert asked.startswith(CONFIRM)
    bob.groups.clear()
    assert client.post(asked, {"password": PASSWORD}).status_code == 403
    assert not Order.objects.exists()
    event = Event.objects.get(action="access.denied")  # by the service: nobody else has looked
    assert (event.actor, event.after, event.reason) == (
        bob,
        {"right": "buy"},
        "Your account has no role yet.",
    )


def test_nor_does_somebody_release_who_is_no_administrator_any_more(client):
    Number.objects.create(e164="+14155550100")
    ada = person("ada", Role.ADMIN, password=PASSWORD)
    log_in(client, "ada")
    stale(client)
    asked = client.post("/numbers/+14155550100/release/", {"phone_number": "+14155550100"})["Location"]
    ada.groups.clear()
    give(ada, Role.BUYER)
    assert client.post(asked, {"password": PASSWORD}).status_code == 403
    assert not Plan.objects.exclude(state="draft").exists()


@pytest.mark.parametrize(("count", "asks"), [(20, False), (21, True)])
@pytest.mark.parametrize("act", ["apply", "retry"])
def test_changes_of_many_numbers_ask_again_who_it_is(client, bob, count, asks, act):
    Number.objects.bulk_create([Number(e164=f"+1415555{n:04d}") for n in range(count)])
    plan = plan_change(by=Actor.person(bob), numbers=Number.objects.all(), changes={"label": "New"})
    if act == "retry":
        Plan.objects.update(state="done")
        plan.rows.update(state="failed")
    log_in(client)
    stale(client)
    answer = client.post(f"/plans/{plan.pk}/{act}/")
    assert answer["Location"].startswith(CONFIRM if asks else plan.get_absolute_url())
    assert (Plan.objects.get().state == "applying") != asks


def test_the_old_password_is_not_guessed_without_end_or_unseen(client, bob):
    log_in(client)
    stale(client)
    assert client.get("/accounts/password/")["Location"].startswith(CONFIRM)
    client.post(CONFIRM, {"password": PASSWORD})
    new = {
        "oldpassword": "a guess of eve",
        "password1": "a new password of bob",
        "password2": "a new password of bob",
    }
    statuses = [client.post("/accounts/password/", new).status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    failed = Event.objects.filter(action="access.failed")
    assert set(failed.values_list("actor_name", "reason")) == {("bob", "Wrong password.")}
    assert failed.count() == 5
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


def test_of_many_refused_pages_of_a_kind_the_history_keeps_the_first_and_samples(client, monkeypatch):
    client.force_login(person("vera", Role.VIEWER))
    monkeypatch.setattr(middleware.secrets, "randbelow", lambda most: 1)
    for n in range(30):
        assert client.post(f"/lines/{n}/cancel/").status_code == 403
    assert Event.objects.get(action="access.denied").after["path"] == "/lines/0/cancel/"
    assert client.post("/orders/1/approve/").status_code == 403  # another kind
    assert Event.objects.count() == 2
    monkeypatch.setattr(middleware.secrets, "randbelow", lambda most: 0)
    client.post("/lines/99/cancel/")
    assert Event.objects.latest("pk").after["path"] == "/lines/99/cancel/"


def test_a_stranger_writes_no_session(client):
    for path in (
        "/",
        "/orders/7/approve/",
        "/admin/",
        LOGIN,
        CONFIRM,
        "/accounts/2fa/",
        "/accounts/password/",
    ):
        for method in ("GET", "POST"):
            Client().generic(method, path, headers={"Referer": "http://testserver/orders/" + "x" * 3000})
    log_in(Client(), "nobody", "a guess of eve")
    log_in(Client(), "nobody", "a guess of eve", next="/orders/")
    assert not Session.objects.exists()


def test_nor_does_somebody_open_the_gate_whose_second_factor_is_gone(bob, paused, settings):
    """An administrator removes the factor, or its owner does in another tab: the password is left."""
    settings.REQUIRE_MFA = True
    TOTP.activate(bob, SECRET)
    asked = paused.post("/gate/switch/", OPEN)["Location"]
    Authenticator.objects.all().delete()
    by_password = asked.replace(FACTOR, CONFIRM)
    answer = paused.post(by_password, {"password": PASSWORD})
    assert (answer.status_code, Gate.objects.get().paused) == (403, True)
    assert "Set up two-factor login first." in answer.text


@pytest.mark.parametrize(("count", "asks"), [(20, False), (21, True)])
def test_taking_over_many_numbers_from_fluents_asks_again_who_it_is(client, bob, count, asks):
    differing(count)
    log_in(client)
    stale(client)
    theirs = {"which": "all", "decision": "theirs"}
    asked = client.post("/drift/decide/", theirs)["Location"]
    assert asked.startswith(CONFIRM if asks else "/drift/")
    assert Number.objects.filter(drifted=True).count() == (count if asks else 0)
    if asks:
        client.post(asked, {"password": PASSWORD})
    assert not Number.objects.filter(drifted=True).exists()


def test_a_session_that_somebody_stole_ends_none_of_its_owners(client, bob):
    log_in(client)
    log_in(other := Client())
    stale(client)
    session = UserSession.objects.get(session_key=other.session.session_key)
    assert client.post(f"/account/sessions/{session.pk}/end/")["Location"].startswith(CONFIRM)
    assert other.get("/account/").status_code == 200


def test_a_session_that_was_fresh_a_while_ago_removes_no_second_factor(client, bob):
    TOTP.activate(bob, SECRET)
    log_in(client)
    client.post("/accounts/2fa/authenticate/", {"code": code_of(SECRET)})
    session = client.session
    for record in session["account_authentication_methods"]:
        record |= {"at": record["at"] - 301, "reauthenticated": True}
    session.save()
    for path in ("/accounts/2fa/totp/deactivate/", "/accounts/2fa/recovery-codes/generate/"):
        for method in ("GET", "POST"):
            assert client.generic(method, path)["Location"].startswith(FACTOR)
    assert Authenticator.objects.filter(user=bob, type="totp").exists()


def test_a_stranger_leaves_only_so_many_sessions_at_the_door_of_passkeys(bob, monkeypatch):
    """Their challenge has to be kept somewhere; sixty a minute are enough for anybody."""
    monkeypatch.setattr(knocks, "time", lambda: 0)  # all in one minute
    path, asked = "/accounts/2fa/webauthn/login/", {"X-Requested-With": "XMLHttpRequest"}
    statuses = [Client().get(path, headers=asked).status_code for _ in range(63)]
    assert (statuses[0], statuses[-1], Session.objects.count()) == (200, 429, 60)
    assert Client(REMOTE_ADDR="203.0.113.9").get(path, headers=asked).status_code == 200
    assert log_in(Client())["Location"] == "/"
