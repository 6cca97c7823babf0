"""Invited, given roles, switched off, helped: each act by who may, told to the person, in the history."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import User
from django.core import mail
from django.core.exceptions import PermissionDenied
from django.test import Client

from numbers.models import AccountLink, Delivery, Event, Notice
from numbers.permissions import Role, roles_of
from numbers.services.audit.events import Actor
from numbers.services.errors import NotDone
from numbers.services.people import accounts, links
from tests.support.people import give, person

pytestmark = pytest.mark.django_db
PASSWORD = "a long password of eve"
SHELL = Actor.command()


@pytest.fixture
def ada():
    return person("ada", Role.ADMIN, password="a long password of ada")


@pytest.fixture
def eve():
    return person("eve", Role.VIEWER, password=PASSWORD)


def fresh(user: User) -> User:
    return User.objects.get(pk=user.pk)


def test_an_invited_person_has_no_password_until_the_link_gave_one(ada):
    user, token = accounts.invite(
        by=Actor.person(ada), username="eve", roles=[Role.BUYER], email="eve@example.com"
    )
    assert not user.has_usable_password()
    assert roles_of(fresh(user)) == [Role.BUYER]
    assert token not in str(list(AccountLink.objects.values()))
    assert links.use(token=token, password=PASSWORD, by=SHELL) == user
    assert fresh(user).check_password(PASSWORD)
    assert links.use(token=token, password="another long one of eve", by=SHELL) is None
    assert fresh(user).check_password(PASSWORD)
    invited, chosen = Event.objects.order_by("pk")
    assert (invited.action, invited.actor) == ("account.invited", ada)
    assert invited.after == {"account": "eve", "roles": ["buyer"], "email": "eve@example.com"}
    assert (chosen.action, chosen.actor) == ("account.password", user)
    assert PASSWORD not in str(list(Event.objects.values()))


@pytest.mark.parametrize(
    ("username", "email"),
    [("ADA", ""), ("eve smith", ""), ("", ""), ("e\x00ve", ""), ("eve", "no address"), ("x" * 151, "")],
)
def test_a_name_that_cannot_be_used_invites_nobody(ada, username, email):
    with pytest.raises(NotDone):
        accounts.invite(by=Actor.person(ada), username=username, roles=[], email=email)
    assert User.objects.count() == 1
    assert not Event.objects.exists()


def test_only_the_newest_link_works_and_none_of_a_switched_off_account(ada, eve):
    by = Actor.person(ada)
    first = accounts.make_link(by=by, user_id=eve.pk)
    second = accounts.make_link(by=by, user_id=eve.pk)
    assert links.read(first) is None
    assert links.read(second).user == eve
    accounts.switch(by=by, user_id=eve.pk, on=False)
    assert links.read(second) is None
    with pytest.raises(NotDone):
        accounts.make_link(by=by, user_id=eve.pk)
    accounts.switch(by=by, user_id=eve.pk, on=True)
    assert links.read(second) is None


def test_a_link_expires(ada, eve):
    token = accounts.make_link(by=Actor.person(ada), user_id=eve.pk)
    AccountLink.objects.update(expires_at="2026-01-01T00:00Z")
    assert links.read(token) is None
    assert links.use(token=token, password="another long one", by=SHELL) is None
    assert fresh(eve).check_password(PASSWORD)


def test_a_reset_ends_all_sessions_and_leaves_the_second_factor(ada, eve):
    TOTP.activate(eve, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    browser = Client()
    browser.force_login(eve)
    token = accounts.make_link(by=Actor.person(ada), user_id=eve.pk)
    assert browser.get("/orders/").status_code == 200
    links.use(token=token, password="another long one of eve", by=SHELL)
    assert browser.get("/orders/").status_code == 302
    assert Authenticator.objects.filter(user=eve).exists()


def test_roles_are_given_with_before_and_after_and_the_person_is_told(ada, eve, settings):
    settings.NOTIFY_BY_MAIL = True
    User.objects.filter(pk=eve.pk).update(email="eve@example.com")
    assert accounts.set_roles(by=Actor.person(ada), user_id=eve.pk, roles=[Role.BUYER, Role.APPROVER])
    assert roles_of(fresh(eve)) == [Role.BUYER, Role.APPROVER]
    event = Event.objects.get()
    assert (event.action, event.actor) == ("account.roles", ada)
    assert event.before == {"account": "eve", "roles": ["viewer"]}
    assert event.after == {"account": "eve", "roles": ["buyer", "approver"]}
    notice = Notice.objects.get()
    assert (notice.user, notice.kind) == (eve, Notice.Kind.ACCOUNT)
    assert notice.text.startswith("ada changed your roles: buyer, approver.")
    assert Delivery.objects.get().to == "eve@example.com"
    assert not accounts.set_roles(by=Actor.person(ada), user_id=eve.pk, roles=[Role.APPROVER, Role.BUYER])
    assert Event.objects.count() == 1


ACTS = {
    "roles": lambda by, pk: accounts.set_roles(by=by, user_id=pk, roles=[Role.ADMIN]),
    "off": lambda by, pk: accounts.switch(by=by, user_id=pk, on=False),
    "sessions": lambda by, pk: accounts.end_all_sessions(by=by, user_id=pk),
    "factors": lambda by, pk: accounts.remove_factors(by=by, user_id=pk),
    "link": lambda by, pk: accounts.make_link(by=by, user_id=pk),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_nobody_changes_their_own_account_or_that_of_an_owner(ada, act):
    root = User.objects.create_superuser("root")
    by = Actor.person(ada)
    for user in (ada, root):
        with pytest.raises(PermissionDenied):
            act(by, user.pk)
    assert roles_of(fresh(ada)) == [Role.ADMIN]
    assert not Event.objects.exists()


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize("role", [role for role in Role if role != Role.ADMIN])
def test_no_other_role_changes_accounts(eve, act, role):
    with pytest.raises(PermissionDenied):
        act(Actor.person(person("vera", role)), eve.pk)
    assert set(Event.objects.values_list("action", flat=True)) == {"access.denied"}


def test_a_right_that_was_taken_away_changes_nothing_any_more(ada, eve):
    by = Actor.person(ada)
    assert roles_of(ada) == [Role.ADMIN]  # as the request read it
    ada.groups.clear()
    for act in ACTS.values():
        with pytest.raises(PermissionDenied):
            act(by, eve.pk)
    with pytest.raises(PermissionDenied):
        accounts.invite(by=by, username="mallory", roles=[Role.ADMIN])
    assert set(Event.objects.values_list("action", flat=True)) == {"access.denied"}


def test_the_last_administrator_stays_even_from_the_shell(ada, eve):
    accounts.invite(by=SHELL, username="later", roles=[Role.ADMIN])  # cannot log in yet
    with pytest.raises(NotDone):
        accounts.set_roles(by=SHELL, user_id=ada.pk, roles=[Role.VIEWER])
    with pytest.raises(NotDone):
        accounts.switch(by=SHELL, user_id=ada.pk, on=False)
    give(eve, Role.ADMIN)
    assert accounts.switch(by=SHELL, user_id=ada.pk, on=False)


def test_switching_off_ends_the_sessions_for_good(ada, eve):
    browser = Client()
    browser.force_login(eve)
    assert accounts.switch(by=Actor.person(ada), user_id=eve.pk, on=False)
    assert browser.get("/orders/").status_code == 302
    accounts.switch(by=Actor.person(ada), user_id=eve.pk, on=True)
    assert browser.get("/orders/").status_code == 302
    assert [event.action for event in Event.objects.order_by("pk")] == ["account.off", "account.on"]
    assert Event.objects.first().after["active"] is True


def test_all_sessions_of_a_person_end(ada, eve):
    clients = [Client(), Client()]
    for client in clients:
        client.force_login(eve)
    assert accounts.end_all_sessions(by=Actor.person(ada), user_id=eve.pk) == 2
    assert [client.get("/account/").status_code for client in clients] == [302, 302]
    assert Event.objects.get(action="account.sessions").after == {"account": "eve", "sessions": 0}


def test_a_lost_factor_is_removed_with_all_sessions(ada, eve):
    TOTP.activate(eve, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    browser = Client()
    browser.force_login(eve)
    assert accounts.remove_factors(by=Actor.person(ada), user_id=eve.pk)
    assert browser.get("/orders/").status_code == 302
    assert not Authenticator.objects.exists()
    event = Event.objects.get()
    assert (event.action, event.after["factors"]) == ("account.factors", [])
    assert "Set up a new one" in Notice.objects.get().text


def test_a_mail_carries_the_link_and_a_mail_that_fails_says_so(ada, eve, settings, monkeypatch):
    User.objects.filter(pk=eve.pk).update(email="eve@example.com")
    token = accounts.make_link(by=Actor.person(ada), user_id=eve.pk)
    assert links.send(user=fresh(eve), token=token, by=Actor.person(ada))
    (sent,) = mail.outbox
    assert sent.to == ["eve@example.com"]
    assert links.url_of(token) in sent.body

    def broken(self):
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.EmailMessage.send", broken)
    assert not links.send(user=fresh(eve), token=token, by=Actor.person(ada))
