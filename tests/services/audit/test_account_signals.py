"""What Django's own commands and people themselves change of accounts is in the history."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from numbers.models import Event
from numbers.services.audit import account_signals

pytestmark = pytest.mark.django_db
PASSWORD = "a long password of eve"


def told() -> list[tuple]:
    events = Event.objects.exclude(action="access.login").order_by("pk")
    return list(events.values_list("action", "reason", "after"))


@pytest.fixture
def a_command(monkeypatch):
    """This process is `manage.py createsuperuser`."""
    monkeypatch.setattr("sys.argv", ["manage.py", "createsuperuser"])
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    account_signals.listen()
    yield
    account_signals.signals.pre_save.disconnect(account_signals.remember, sender=User)
    account_signals.signals.post_save.disconnect(account_signals.saved, sender=User)


def test_an_account_that_djangos_own_command_makes_or_changes(a_command):
    call_command("createsuperuser", interactive=False, username="root", email="", stdout=StringIO())
    root = User.objects.get()
    root.set_password("another long password")
    root.save()
    (made, changed) = told()
    assert made[:2] == ("account.created", "root.")
    assert (made[2]["account"], made[2]["is_superuser"]) == ("root", True)
    assert changed == ("account.password", "root.", {"account": "root"})
    assert all(event.actor_name.endswith(" (command line)") for event in Event.objects.all())
    text = str(list(Event.objects.values()))
    assert not any(secret in text for secret in (PASSWORD, "another long", root.password))


def test_ones_own_new_password_is_told(client, bob):
    client.post("/accounts/login/", {"username": "bob", "password": "a long password of bob"})
    form = {"oldpassword": "a long password of bob", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/accounts/password/", form).status_code == 302
    assert told() == [("access.changed", "Changed the password.", {})]
    assert PASSWORD not in str(list(Event.objects.values()))


def test_a_log_in_is_no_change_of_the_account(client, bob):
    client.post("/accounts/login/", {"username": "bob", "password": "a long password of bob"})
    assert told() == []
