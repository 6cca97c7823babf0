"""What is a password: long, kept as typed, and none that one would guess here."""

import re

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.people import accounts
from tests.dashboard.accounts.test_login import PASSWORD, log_in
from tests.support.people import person

pytestmark = pytest.mark.django_db
GUESSABLE = [
    "password1234", "1234567890123", "Fluents-2026!!", "fluentsnumbers", "passwordpassword",
    "dragon-monkey1", "Twilio_Telnyx_99", "admin-admin-12", "  numbers2026  ",
]  # fmt: skip
GOOD = [
    "correct horse battery",
    "пароль, который никто не угадает",
    "🐘🐘🐘 trunk 🐘🐘🐘",
    "b7wq23kd998c",
    "x7" * 64,
]


@pytest.mark.parametrize("password", GUESSABLE)
def test_a_common_password_stays_one_however_it_is_padded_and_joined(password):
    with pytest.raises(ValidationError, match="too common"):
        validate_password(password)


@pytest.mark.parametrize("password", GOOD)
def test_any_signs_are_good_and_the_password_is_taken_as_it_was_typed(client, password):
    ada = person("ada", Role.ADMIN)
    user, token = accounts.invite(by=Actor.person(ada), username="vera", roles=[Role.VIEWER])
    both = {"new_password1": password, "new_password2": password}
    assert client.post(f"/account/link/{token}/", both)["Location"] == "/accounts/login/"
    user.refresh_from_db()
    assert user.check_password(password)
    assert not user.check_password(password.swapcase().strip("x"))
    assert not user.check_password(password[:-1])
    assert log_in(client, "vera", password)["Location"] == "/"


def test_every_way_to_a_password_asks_for_a_good_one(client, bob):
    ada = person("ada", Role.ADMIN)
    _, token = accounts.invite(by=Actor.person(ada), username="vera", roles=[])
    bad = {"new_password1": "passwordpassword", "new_password2": "passwordpassword"}
    answer = client.post(f"/account/link/{token}/", bad)
    assert (answer.status_code, "too common" in answer.text) == (422, True)
    assert not User.objects.get(username="vera").has_usable_password()
    log_in(client)
    changed = {"oldpassword": PASSWORD, "password1": "passwordpassword", "password2": "passwordpassword"}
    assert "too common" in client.post("/accounts/password/", changed).text
    short = {"oldpassword": PASSWORD, "password1": "b7wq23kd998", "password2": "b7wq23kd998"}
    assert "at least 12" in client.post("/accounts/password/", short).text
    wrong = {"oldpassword": "a guess of eve", "password1": GOOD[0], "password2": GOOD[0]}
    assert "not your password." in client.post("/accounts/password/", wrong).text
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)
    assert client.post("/accounts/password/", wrong | {"oldpassword": PASSWORD})["Location"] == "/account/"


def test_the_fields_take_what_a_password_manager_pastes(client, bob):
    ada = person("ada", Role.ADMIN)
    _, token = accounts.invite(by=Actor.person(ada), username="vera", roles=[])
    pages = [client.get("/accounts/login/").text, client.get(f"/account/link/{token}/").text]
    log_in(client)
    pages.append(client.get("/accounts/password/").text)
    for text in pages:
        assert 'type="password"' in text
        assert "onpaste" not in text
        (field, *_) = re.findall(r'<input[^>]*type="password"[^>]*>', text)
        assert not re.search(r'maxlength|autocomplete="off"|readonly', field)


def test_the_shell_asks_for_a_good_one_too(bob, monkeypatch):
    answers = iter(["passwordpassword", "passwordpassword"] * 3)
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    with pytest.raises(CommandError):
        call_command("changepassword", "bob")
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)
