"""Who may do what is changed by people, and each such change has an event: who, of whom, before and after."""

from io import StringIO

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client

from numbers.models import Event
from numbers.roles import Role
from tests.people import person

pytestmark = pytest.mark.django_db
PASSWORD = "a long password of eve"
CHANGED = {"last_login_0": "", "last_login_1": "", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}


def told(**which) -> list[tuple]:
    events = Event.objects.filter(action__startswith="account.", **which).order_by("pk")
    return list(events.values_list("action", "reason", "before", "after"))


def no_secret_is_told() -> bool:
    hashes = User.objects.values_list("password", flat=True)
    text = str(list(Event.objects.values()))
    return not any(secret in text for secret in [PASSWORD, "md5$", *filter(None, hashes)])


def test_an_account_made_changed_and_switched_off_in_the_admin(admin_client, admin_user):
    form = {"username": "eve", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert admin_client.post("/admin/auth/user/add/", form).status_code == 302
    eve = User.objects.get(username="eve")
    browser = Client()
    browser.force_login(eve)
    groups = {role: str(Group.objects.get(name=role).pk) for role in (Role.BUYER, Role.VIEWER)}
    form = CHANGED | {"username": "eve", "is_active": "on", "is_superuser": "on", "groups": [groups["buyer"]]}
    url = f"/admin/auth/user/{eve.pk}/change/"
    assert admin_client.post(url, form).status_code == 302
    form = CHANGED | {"username": "eva", "groups": [groups["viewer"]]}
    assert admin_client.post(url, form).status_code == 302
    first, *changes = told()
    assert first[:3] == ("account.created", "Account eve.", {})
    assert (first[3]["username"], first[3]["is_superuser"]) == ("eve", False)
    assert changes == [
        ("account.changed", "Account eve.", {"is_superuser": False}, {"is_superuser": True}),
        ("account.changed", "Account eve.", {"groups": []}, {"groups": ["buyer"]}),
        (
            "account.changed",
            "Account eve.",
            {"username": "eve", "is_active": True, "is_superuser": True},
            {"username": "eva", "is_active": False, "is_superuser": False},
        ),
        ("account.changed", "Account eva.", {"groups": ["buyer"]}, {"groups": []}),
        ("account.changed", "Account eva.", {"groups": []}, {"groups": ["viewer"]}),
    ]
    assert {
        (e.actor, e.address, len(e.request_id)) for e in Event.objects.filter(action__startswith="account.")
    } == {(admin_user, "127.0.0.1", 32)}
    assert Session.objects.count() == 1  # that of the admin: eve's has ended, also for later
    User.objects.update(is_active=True)
    assert browser.get("/orders/").status_code == 302
    assert no_secret_is_told()


def test_a_password_and_a_second_factor_that_an_admin_takes_away(admin_client, bob):
    TOTP.activate(bob, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    form = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true", "set-password": "1"}
    assert admin_client.post(f"/admin/auth/user/{bob.pk}/password/", form).status_code == 302
    factor = bob.authenticator_set.get()
    url = f"/admin/mfa/authenticator/{factor.pk}/delete/"
    assert admin_client.post(url, {"post": "yes"}).status_code == 302
    assert told() == [
        ("account.changed", "Account bob: a new password.", {}, {}),
        ("account.changed", "Account bob: a second factor was taken away.", {"factor": "totp"}, {}),
    ]
    assert no_secret_is_told()


def test_many_at_once_and_groups(admin_client):
    eve, ann = person("eve"), person("ann")
    form = {"action": "delete_selected", "_selected_action": [eve.pk, ann.pk], "post": "yes"}
    assert admin_client.post("/admin/auth/user/", form).status_code == 302
    removed = told(action="account.removed")
    assert sorted(row[1] for row in removed) == ["Account ann.", "Account eve."]
    can = Permission.objects.get(codename="add_price")
    admin_client.post("/admin/auth/group/add/", {"name": "pricers", "permissions": [can.pk]})
    group = Group.objects.get(name="pricers")
    admin_client.post(f"/admin/auth/group/{group.pk}/change/", {"name": "others", "permissions": []})
    admin_client.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"})
    assert told(action="account.group") == [
        ("account.group", "Group pricers.", {}, {"name": "pricers"}),
        ("account.group", "Group pricers.", {"permissions": []}, {"permissions": [str(can)]}),
        ("account.group", "Group others.", {"name": "pricers"}, {"name": "others"}),
        ("account.group", "Group others.", {"permissions": [str(can)]}, {"permissions": []}),
        ("account.group", "Group others.", {"name": "others"}, {}),
    ]


def test_ones_own_password_and_djangos_commands(client, bob, monkeypatch):
    client.post("/accounts/login/", {"username": "bob", "password": "a long password of bob"})
    form = {"oldpassword": "a long password of bob", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/accounts/password/", form).status_code == 302
    monkeypatch.setattr("sys.argv", ["manage.py", "createsuperuser"])
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", interactive=False, username="root", email="", stdout=StringIO())
    own, made = Event.objects.filter(action__startswith="account.").order_by("pk")
    assert (own.actor, own.reason) == (bob, "Account bob: a new password.")
    assert (made.actor, made.after["username"], made.after["is_superuser"]) == (None, "root", True)
    assert made.actor_name.endswith(" (command line)")
    assert no_secret_is_told()


def test_a_log_in_is_no_change_of_the_account(client, bob):
    client.post("/accounts/login/", {"username": "bob", "password": "a long password of bob"})
    assert told() == []
