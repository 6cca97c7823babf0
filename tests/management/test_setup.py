"""Setup asks for what is missing, checks it, writes .env and can be run again; in a copy of the tree."""

import json
import os
import re
import stat
import subprocess
import sys

import pytest
from django.test import Client

from dashboard import env_file
from numbers.management import setup_state
from numbers.services.people import first_account
from tests.management.test_demo import copy  # noqa: F401 -- a fixture
from tests.support.people import person
from tests.support.stack import TOKEN


def setup(copy, *options: str, answers: str = "", **env: str) -> subprocess.CompletedProcess:  # noqa: F811
    own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "setup", *options],
        cwd=copy,
        env=own | env,
        input=answers,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.storm
def test_from_a_token_to_an_administrator_and_again(copy, sandbox):  # noqa: F811
    answers = [
        "wrong token", TOKEN,  # the first is refused, so it asks again
        "https://nope", "numbers.example.com", "",  # a URL is no host name; the proxy is here
        "Nowhere", "Europe/Berlin",
        "many", "25", "",  # lines a day, lines an order
        "nonsense", "smtp+tls://me:p#ss word@mail.example.com", "numbers@example.com",
        "cheap", "1e12", "1,15", "",  # prices
        "ada", "ada@example.com",
    ]  # fmt: skip
    done = setup(copy, answers="\n".join([*answers, ""]), FLUENTS_API_URL=sandbox.url)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said  # no administrator can log in before the link was used
    for words in (
        "Fluents doesn't", "Its environment has 3 connections (", "8 agents (", "This is the sandbox",
        "isn't a host name", "isn't reachable yet", "Enter a whole number.", "EMAIL_URL must look like",
        "isn't an amount", "Wrote SECRET_KEY, FLUENTS_API_TOKEN, FLUENTS_LIVE, ALLOWED_HOSTS",
        "isn't a time zone", "missing  administrator", "`manage.py people link ada`",
        "(docs/deploy.md), then open the administrator's link.",
    ):  # fmt: skip
        assert words in said, (words, said)
    assert re.search(r"https://numbers\.example\.com/account/link/\S{20,}", said)
    assert TOKEN not in said
    file = copy / ".env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    for line in (
        f"FLUENTS_API_TOKEN={TOKEN}", "FLUENTS_LIVE=off", "ALLOWED_HOSTS=numbers.example.com",
        "CSRF_TRUSTED_ORIGINS=https://numbers.example.com", "SITE_URL=https://numbers.example.com",
        "TRUSTED_PROXIES=127.0.0.1", "TIME_ZONE=Europe/Berlin",
        "MAX_LINES_PER_DAY=25", "MAX_LINES_PER_ORDER=20",
        "EMAIL_URL='smtp+tls://me:p#ss word@mail.example.com'", "MAIL_FROM=numbers@example.com",
    ):  # fmt: skip
        assert line in text.splitlines()

    again = setup(copy, answers="", FLUENTS_API_URL=sandbox.url)
    assert "Fluents API key" not in again.stdout
    assert file.read_text() == text
    check = setup(copy, "--check", "--json", FLUENTS_API_URL=sandbox.url)
    rows = {row["step"]: row["state"] for row in map(json.loads, check.stdout.splitlines())}
    assert check.returncode == 1
    assert rows == {
        "secret key": "ok", "token": "ok", "host name": "optional", "time zone": "ok",
        "limits": "ok", "mail": "ok",
        "database": "ok", "prices": "ok", "administrator": "missing",
    }  # fmt: skip


@pytest.mark.storm
def test_check_says_what_is_missing_and_changes_nothing(copy):  # noqa: F811
    done = setup(copy, "--check")
    assert done.returncode == 1
    for step in ("secret key", "token", "database", "administrator"):
        assert re.search(rf"^missing +{step}", done.stdout, re.MULTILINE), done.stdout + done.stderr
    assert not (copy / ".env").exists()


@pytest.mark.storm
def test_an_end_of_the_answers_keeps_what_was_written(copy):  # noqa: F811
    done = setup(copy, answers="")
    assert (done.returncode, "Stopped. What was written stays." in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("value", ["plain", "with space", "a#b", "it's", 'p$x`y\\z"q', "=", ""])
def test_values_in_the_file_are_read_back(tmp_path, monkeypatch, value):
    import environ  # noqa: PLC0415 -- as the settings do

    file = tmp_path / ".env"
    file.write_text("# mine\nOTHER=1\nexport THING=old\n")
    env_file.write(file, {"THING": value})
    monkeypatch.delenv("THING", raising=False)
    monkeypatch.delenv("OTHER", raising=False)
    environ.Env.read_env(file)
    assert os.environ["THING"] == value
    assert (os.environ["OTHER"], "# mine" in file.read_text()) == ("1", True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("value", ["two\nlines", "nul\x00", "it's $1"])
def test_values_that_could_not_be_read_back_are_refused(tmp_path, value):
    with pytest.raises(ValueError, match="a value"):
        env_file.write(tmp_path / ".env", {"THING": value})
    assert not (tmp_path / ".env").exists()


@pytest.mark.django_db
def test_while_nobody_can_log_in_every_page_says_just_that(monkeypatch, settings):
    monkeypatch.setattr(first_account, "_known", set())
    for path in ("/", "/accounts/login/", "/numbers/", "/orders/new/", "/nowhere/"):
        page = Client().get(path)
        assert page.status_code == 503
        assert "manage.py setup" in page.text
    assert Client().get("/healthz").status_code == 200
    settings.OIDC_ISSUER = "https://sso.example.com"
    assert Client().get("/accounts/login/").status_code == 200
    settings.OIDC_ISSUER = ""
    person("ada")
    assert Client().get("/accounts/login/").status_code == 200


def test_what_a_token_sees_is_told_in_words():
    assert setup_state.counted(1, "agent", ["Desk"]) == "1 agent (Desk)"
    assert setup_state.counted(5, "agent", ["a", "b", "c", "d", "e"]) == "5 agents (a, b, c, …)"
    assert setup_state.counted(0, "connection", []) == "0 connections"
