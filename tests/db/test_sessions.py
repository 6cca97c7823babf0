"""Who is logged in: a session lives as long as it says, its user as long as the account is on."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from numbers.db.sessions import SessionStore, UserBackend

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept() -> SessionStore:
    session = SessionStore()
    session["of"] = "bob"
    session.create()
    return session


def test_a_session_is_read_until_it_ends(kept):
    assert SessionStore(kept.session_key)["of"] == "bob"
    Session.objects.update(expire_date=timezone.now() + timedelta(minutes=1))
    assert SessionStore(kept.session_key)["of"] == "bob"
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    ended = SessionStore(kept.session_key)
    assert "of" not in ended
    assert ended.session_key is None  # an ended key is never reused


@pytest.mark.parametrize("key", ["unknown-key-of-nobody", "not \N{BULLET} one", "' OR 1=1 --", "\x00" * 9])
def test_a_key_that_nobody_has_opens_nothing(kept, key):
    assert dict(SessionStore(key).items()) == {}


def test_a_cookie_that_no_database_takes_is_no_log_in():
    nul = "\\000" * 9
    answer = Client(headers={"cookie": f'{settings.SESSION_COOKIE_NAME}="{nul}"'}).get("/numbers/")
    assert (answer.status_code, answer["Location"]) == (302, f"{reverse('account_login')}?next=/numbers/")


def test_a_session_that_was_tampered_with_is_empty(kept):
    Session.objects.update(session_data="eyJvZiI6ImJvYiJ9:forged")
    assert dict(SessionStore(kept.session_key).items()) == {}


def test_a_user_is_who_the_orm_says(django_user_model):
    bob = django_user_model.objects.create_user("bob", "bob@example.com", "a long password")
    found = UserBackend().get_user(bob.pk)
    bob.refresh_from_db()
    names = [field.attname for field in get_user_model()._meta.concrete_fields]
    assert {name: getattr(found, name) for name in names} == {name: getattr(bob, name) for name in names}
    assert UserBackend().get_user(bob.pk + 1) is None
    bob.is_active = False
    bob.save()
    assert UserBackend().get_user(bob.pk) is None


def test_a_page_asks_for_both_once(admin_user):
    client = Client()
    client.force_login(admin_user)
    client.get("/account/")
    with CaptureQueriesContext(connection) as asked:
        assert client.get("/help/").status_code == 200
    for table in ("django_session", "auth_user"):
        assert sum(f'FROM "{table}"' in query["sql"] for query in asked.captured_queries) == 1
