"""Faults planted in a sound deployment: the doctor names each as what it is, with its fix."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from dashboard import causes
from numbers import fluents as api
from numbers.db.clock import db_now
from numbers.models import Journal, Price, SyncState
from numbers.services.monitoring import ailments
from numbers.services.monitoring import doctor as examining
from tests.services.monitoring.test_doctor import doctor, sound  # noqa: F401 -- a fixture

pytestmark = pytest.mark.django_db
NAME = "dashboard.example.com"


@pytest.fixture
def public(sound, settings, monkeypatch):  # noqa: F811 -- the fixture
    """A sound deployment under a public name, of which the doctor has nothing to say."""
    settings.ALLOWED_HOSTS, settings.LOCAL_ONLY = [NAME], False
    settings.SITE_URL, settings.NOTIFY_BY_MAIL = f"https://{NAME}", True
    settings.TRUSTED_PROXIES = {"10.0.0.1"}
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    Price.objects.create(monthly=1, once=0, currency="USD", telephony_provider="twilio")
    monkeypatch.setattr(causes, "_noted", {})
    return settings


def visit(settings, *, path: str = "/accounts/login/", host: str = NAME, peer: str = "192.0.2.7", **headers):
    return Client().get(path, headers={"host": host, **headers}, REMOTE_ADDR=peer)


def plain_http(settings, monkeypatch):
    assert "Open https://dashboard.example.com/ instead" in visit(settings).text


def no_proto(settings, monkeypatch):
    page = visit(settings, peer="10.0.0.1", **{"x-forwarded-for": "192.0.2.7"})
    assert "X-Forwarded-Proto: https" in page.text


def wrong_name(settings, monkeypatch):
    page = visit(settings, host="numbers.example.org")
    assert page.status_code == 400
    assert "set up for the host name “numbers.example.org”" in page.text
    assert "ALLOWED_HOSTS" in page.text


def untrusted_proxy(settings, monkeypatch):
    visit(settings, peer="10.9.9.9", **{"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"})


def no_worker(settings, monkeypatch):
    Journal.objects.update(seen_at=db_now() - timedelta(hours=3))
    assert "No worker has been seen for 3 hours" in ailments.of_buying()[0]


def no_prices(settings, monkeypatch):
    Price.objects.all().delete()


def limits_without_prices(settings, monkeypatch):
    Price.objects.all().delete()
    settings.MAX_COST_PER_DAY = 100


def no_mail(settings, monkeypatch):
    settings.NOTIFY_BY_MAIL = False


def links_to_nowhere(settings, monkeypatch):
    settings.SITE_URL = "http://127.0.0.1:8000"


def old_sync(settings, monkeypatch):
    settings.SYNC_SECONDS = 600
    SyncState.objects.update(synced_at=db_now() - timedelta(days=3))
    assert "The last sync was 3 days ago" in ailments.of_copy()[0]


def clock_off(settings, monkeypatch):
    late = db_now() - timedelta(minutes=9)
    monkeypatch.setattr(examining, "db_now", lambda: late)
    seen = replace(ailments.read(), now=late)
    monkeypatch.setattr(ailments, "signs", lambda: seen)
    assert "clock is 9 minutes ahead of the database's" in ailments.of_buying()[0]


def wrong_token(settings, monkeypatch):
    settings.FLUENTS_API_TOKEN = "another"


def no_token(settings, monkeypatch):
    settings.FLUENTS_API_TOKEN = ""
    assert not any("token" in text for text in ailments.of_buying())  # pages have their own words for it


def not_migrated(settings, monkeypatch):
    MigrationRecorder(connection).record_unapplied("numbers", "0001_initial")


def no_journal(settings, monkeypatch):
    settings.JOURNAL_PATH = Path("/proc/nowhere/sends.journal")


def only_buys(settings, monkeypatch):
    def gone(self):
        raise api.NotFound(request="GET /v1/agents/list", status=404)

    monkeypatch.setattr(api.Client, "clock", gone)


def misspelled(settings, monkeypatch):
    monkeypatch.setenv("MAX_LINE_PER_DAY", "5")


FAULTS = {
    plain_http: ("settings", "warn", "opened http://dashboard.example.com", "https"),
    no_proto: ("settings", "warn", "The proxy at 10.0.0.1 doesn't say", "X-Forwarded-Proto: https"),
    wrong_name: ("settings", "warn", "the host name numbers.example.org", "ALLOWED_HOSTS"),
    untrusted_proxy: ("settings", "warn", "from 10.9.9.9, which isn't trusted", "TRUSTED_PROXIES"),
    no_worker: ("worker", "fix", "was seen 10800 s ago", "manage.py worker"),
    no_prices: ("prices", "warn", "no prices in USD", "manage.py prices"),
    limits_without_prices: ("prices", "fix", "limits on cost refuse every order", "manage.py prices"),
    no_mail: ("mail", "warn", "No one gets an email", "EMAIL_URL"),
    links_to_nowhere: ("mail", "fix", "lead to http://127.0.0.1:8000", "SITE_URL"),
    old_sync: ("sync", "warn", "was 2592", "worker"),
    clock_off: ("clock", "fix", "540 s ahead of the database's", "NTP"),
    wrong_token: ("fluents", "fix", "token", "token"),
    no_token: ("fluents", "fix", "No token is set", "FLUENTS_API_TOKEN_FILE"),
    not_migrated: ("migrations", "fix", "numbers.0001_initial", "manage.py migrate"),
    no_journal: ("journal", "fix", "isn't writable", "JOURNAL_PATH"),
    only_buys: ("fluents", "warn", "has no list of agents", "only buy"),
    misspelled: ("settings", "fix", "MAX_LINE_PER_DAY is set but not used", "MAX_LINES_PER_DAY"),
}


def told() -> set[tuple[str, str, str]]:
    return {(entry["name"], entry["state"], entry["said"]) for entry in doctor()[1] if entry["state"] != "ok"}


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_the_doctor_names_a_planted_fault(public, monkeypatch, plant):
    name, state, said, hint = FAULTS[plant]
    before = told()
    plant(public, monkeypatch)
    new = [entry for entry in doctor()[1] if (entry["name"], entry["state"], entry["said"]) not in before]
    found = [entry for entry in new if entry["name"] == name and entry["state"] == state]
    assert any(said in entry["said"] and hint in entry["hint"] for entry in found), new
    others = {entry["name"] for entry in new if entry["state"] != "ok"} - {name}
    assert others <= {"sync"} | ({"people"} if plant is not_migrated else set()), new


def test_a_form_sent_over_plain_http_says_so_instead_of_being_too_old(public):
    browser = Client(enforce_csrf_checks=True)
    page = browser.post("/accounts/login/", {"login": "bob"}, headers={"host": NAME})
    assert page.status_code == 403
    assert "This page was loaded over plain http" in page.text
    assert "open too long" not in page.text


def test_a_form_from_an_address_that_is_not_known_says_which(public):
    browser = Client(enforce_csrf_checks=True)
    headers = {"host": NAME, "origin": "https://other.example.com", "x-forwarded-proto": "https"}
    page = browser.post("/accounts/login/", {"login": "bob"}, headers=headers, REMOTE_ADDR="10.0.0.1")
    assert page.status_code == 403
    assert "https://other.example.com" in page.text
    assert "CSRF_TRUSTED_ORIGINS" in page.text


def test_over_https_or_on_this_machine_nothing_is_said(public):
    page = visit(public, peer="10.0.0.1", **{"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"})
    assert page.status_code == 200
    public.LOCAL_ONLY = True
    for text in (page.text, visit(public).text):
        assert "plain http" not in text
        assert "X-Forwarded-Proto" not in text
