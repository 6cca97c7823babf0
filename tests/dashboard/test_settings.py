"""Secrets and surroundings: cookies, logs, errors, files, pins."""

import html
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from dashboard import views
from dashboard.logs import JsonFormatter, LineFormatter
from tests.support.stack import ROOT

# All that `manage.py demo` writes into `.env` is said here, as a demo may have run in this folder.
PRODUCTION = {
    "PATH": os.environ["PATH"],
    "SECRET_KEY": "k" * 25 + "0123456789abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "dashboard.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://dashboard.example.com",
    "FLUENTS_API_URL": "https://api.fluents.ai",
    "FLUENTS_API_TOKEN": "token-of-production",
    "FLUENTS_LIVE": "on",
    "SETTLE_WINDOW": "900",
    "TRUSTED_PROXIES": "172.30.99.0/24",
}


def run(code: str, tmp_path, **env) -> str:
    """What CODE prints in a process of its own, with production's settings."""
    own = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'books.sqlite3'}",
        "JOURNAL_PATH": str(tmp_path / "sends.journal"),
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
    }
    done = subprocess.run(
        [sys.executable, *code.split("\0")],
        cwd=ROOT,
        env=PRODUCTION | own | env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_deployment_has_no_findings(tmp_path):
    said = run("manage.py\0check\0--deploy\0--fail-level\0WARNING", tmp_path)
    assert "System check identified no issues" in said


def test_cookies_belong_to_this_host_over_tls_alone(tmp_path):
    code = """
import django; django.setup()
from django.test import Client
from numbers.services.people import first_account; first_account._known.add(True)
answer = Client().get("/accounts/login/", secure=True, headers={"host": "dashboard.example.com"})
print(answer.status_code, answer["Strict-Transport-Security"])
print(answer.cookies.output())
from django.conf import settings
names = ("NAME", "SECURE", "HTTPONLY", "SAMESITE", "PATH", "DOMAIN")
print([getattr(settings, f"SESSION_COOKIE_{name}") for name in names])
from dashboard.accounts import known_browsers
from django.http import HttpResponse
known_browsers.remember(given := HttpResponse(), "ada")
print(given.cookies.output())
from dashboard.cookies import HostCookies
print(HostCookies.cookie_name)
"""
    (tmp_path / "no_manifest.py").write_text(
        "from dashboard.settings import *\n"
        "STORAGES['staticfiles']['BACKEND'] = 'django.contrib.staticfiles.storage.StaticFilesStorage'\n"
        "WHITENOISE_AUTOREFRESH = True\n"
    )
    said = run(f"-c\0{code}", tmp_path, DJANGO_SETTINGS_MODULE="no_manifest", PYTHONPATH=str(tmp_path))
    assert said.startswith("200 max-age=31536000")
    for name in ("csrf", "known"):
        cookie = re.search(rf"Set-Cookie: __Host-{name}=.*", said)[0]
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
    assert said.rstrip().endswith("__Host-messages")
    assert "['__Host-session', True, True, 'Lax', '/', None]" in said


def test_what_we_write_is_for_our_own_user(tmp_path):
    run("manage.py\0createcachetable", tmp_path)  # which makes the database, as `migrate` would
    modes = {file.name: oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()}
    assert modes["books.sqlite3"] == "0o600"
    assert set(modes.values()) == {"0o600"}


@pytest.mark.parametrize("formatter", [LineFormatter(), JsonFormatter()])
def test_no_log_record_tells_a_secret_or_forges_another(settings, formatter):
    settings.FLUENTS_API_TOKEN = "token-of-the-tests"
    settings.SECRET_KEY = "the key of the tests"
    texts = [
        "token-of-the-tests", "the key of the tests", "Authorization: Bearer abc.def",
        "{'Authorization': 'xyz'}",
        "postgres://ada:hunter2@db/x", "+14155550123", "212\r\nERROR forged \x1b[31m \u2028 x",
    ]  # fmt: skip
    try:
        raise ValueError(" ".join(texts))
    except ValueError:
        record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (" ".join(texts),), sys.exc_info())
    said = formatter.format(record)
    for secret in ("token-of-the-tests", "the key of the tests", "abc.def", "xyz", "hunter2", "+14155550123"):
        assert secret not in said
    assert "+1415…23" in said or "+1415\\u202623" in said
    assert not re.search(r"[\r\x1b\u2028]|\nERROR", said)


@pytest.mark.django_db
def test_an_error_tells_its_id_and_nothing_else(monkeypatch, bob):
    client = Client(raise_request_exception=False)
    client.force_login(bob)
    monkeypatch.setattr("numbers.views.orders.list.tab_counts", boom)
    answer = client.get("/orders/")
    assert answer.status_code == 500
    assert answer["X-Request-Id"] in answer.text
    assert not re.search("Traceback|ValueError|SELECT|token-of|orders.py|secret words", answer.text)
    assert answer["Content-Security-Policy"].startswith("default-src 'none'")
    assert "no-store" in answer["Cache-Control"]


def boom(*args, **kwargs):
    raise ValueError("secret words and SELECT * FROM x")


def test_the_error_page_needs_nothing(rf):
    assert "Something went wrong" in views.server_error(rf.get("/")).content.decode()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_is_pinned_with_its_hashes(name):
    packages = re.split(r"\n(?=\w)", (ROOT / name).read_text().split("make pins\n")[1].strip())
    assert len(packages) > 20
    assert [
        p for p in packages if not re.match(r"[\w.-]+==\S+[^\n]*(\n +--hash=sha256:[0-9a-f]{64}[ \\]*)+$", p)
    ] == []
    wanted = dict(
        re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)$", (ROOT / name.replace(".txt", ".in")).read_text(), re.M)
    )
    pinned = dict(re.match(r"([\w.-]+)==(\S+)", p).groups() for p in packages)
    assert {pinned.get(name.lower()) == version for name, version in wanted.items()} == {True}


def test_no_page_asks_another_host():
    kept = list(Path(ROOT / "templates").rglob("*.html"))
    found = [p.name for p in kept if re.search(r'(?:src|href|action)="(?:https?:)?//', p.read_text())]
    assert found == []


@pytest.mark.django_db
def test_a_forged_host_is_refused_and_nothing_else_is_served(client):
    assert client.get("/healthz", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/.git/config").status_code == 404
    assert client.generic("TRACE", "/healthz").status_code == 405


@pytest.mark.django_db
def test_htmx_evaluates_nothing_and_keeps_no_page(client):
    meta = re.search(r'name="htmx-config" content="([^"]+)"', client.get("/accounts/login/").text)
    config = json.loads(html.unescape(meta[1]))
    assert not any(config[name] for name in ("allowEval", "allowScriptTags", "includeIndicatorStyles"))
    assert config["historyCacheSize"] == 0
