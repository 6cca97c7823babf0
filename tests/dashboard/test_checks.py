"""Settings that would let something dangerous happen are found before it does."""

import re
import subprocess
import sys

import pytest
from django.core import checks
from django.core.checks import Error, run_checks
from django.core.checks.registry import registry

from dashboard.checks import SETTINGS
from tests.support.stack import ROOT

pytestmark = pytest.mark.django_db  # Django's own checks ask the database what it can do
OURS = {"dashboard.checks", "numbers.checks"}


def found(**how) -> dict:
    return {
        message.id: message for message in run_checks(**how) if (message.id or "").startswith("dashboard.")
    }


def test_good_settings_have_no_findings():
    assert found() == {}


def test_no_secret_key_is_an_error(settings):
    settings.HAS_SECRET_KEY = False
    message = found()["dashboard.E001"]
    assert (type(message), message.msg) == (Error, "No SECRET_KEY is set.")
    assert "Set SECRET_KEY" in message.hint


@pytest.mark.parametrize(("lease", "wrong"), [(1.0, True), (2.0, True), (2.1, False)])
def test_a_lease_must_outlast_a_call(settings, lease, wrong):
    settings.LEASE_SECONDS = lease
    assert list(found()) == (["dashboard.E002"] if wrong else [])


@pytest.mark.parametrize(
    ("live", "token", "ids"), [(True, "", ["dashboard.W001"]), (False, "", []), (True, "t", [])]
)
def test_the_real_fluents_without_a_token_is_a_warning(settings, live, token, ids):
    settings.FLUENTS_LIVE, settings.FLUENTS_API_TOKEN = live, token
    settings.REQUIRE_MFA, settings.REAUTH_SECONDS = True, 1800
    settings.FLUENTS_API_URL = "https://api.example.com"
    assert list(found()) == ids
    assert all(isinstance(message, checks.Warning) and message.hint for message in found().values())


@pytest.mark.parametrize(
    ("url", "secret", "wrong"),
    [
        ("", "", False),
        ("https://hooks.example/x", "s", False),
        ("http://127.0.0.1:9000/x", "s", False),
        ("http://hooks.example/x", "s", True),
        ("https://hooks.example/x", "", True),
    ],
)
def test_a_webhook_is_told_in_secret_and_signed(settings, url, secret, wrong):
    settings.NOTIFY_WEBHOOK_URL, settings.NOTIFY_WEBHOOK_SECRET = url, secret
    assert list(found()) == (["dashboard.E006"] if wrong else [])


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({"FLUENTS_LIVE": True, "REQUIRE_MFA": True, "REAUTH_SECONDS": 1800}, []),
        ({"FLUENTS_LIVE": True, "REQUIRE_MFA": False, "REAUTH_SECONDS": 1800}, ["dashboard.W002"]),
        ({"FLUENTS_LIVE": True, "REQUIRE_MFA": True, "REAUTH_SECONDS": 0}, ["dashboard.W005"]),
        ({"FLUENTS_LIVE": False, "REQUIRE_MFA": True}, []),
        ({"REQUIRE_MFA": True, "LOCAL_ONLY": False}, ["dashboard.W007"]),
        ({"REQUIRE_MFA": True, "LOCAL_ONLY": False, "TRUSTED_PROXIES": {"10.0.0.1"}}, []),
        ({"FLUENTS_LIVE": False, "REQUIRE_MFA": False}, ["dashboard.W003"]),
        ({"REQUIRE_MFA": True, "SESSION_IDLE_SECONDS": 0}, ["dashboard.W004"]),
        ({"REQUIRE_MFA": True, "SESSION_COOKIE_AGE": 90_000}, ["dashboard.W004"]),
    ],
)
def test_a_weak_door_is_a_warning_with_a_way_out(settings, changes, ids):
    settings.FLUENTS_API_URL = "https://api.example.com"
    for name, value in changes.items():
        setattr(settings, name, value)
    messages = found(include_deployment_checks=True)
    assert list(messages) == ids
    assert all(isinstance(message, checks.Warning) and message.hint for message in messages.values())


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({"FLUENTS_API_URL": "http://api.example.com"}, ["dashboard.E007"]),
        ({"FLUENTS_API_URL": "http://sandbox:8100", "FLUENTS_LIVE": False}, ["dashboard.E007"]),
        ({"FLUENTS_API_URL": "http://127.0.0.1:8100"}, []),  # a tunnel, which is live like any other
        ({"TRUSTED_PROXIES": {"10.0.0.0/8", "unix", "proxy.example"}}, ["dashboard.E013"]),
        ({"DEBUG": True}, ["dashboard.E008"]),
        ({"ALLOWED_HOSTS": ["*"]}, ["dashboard.E009"]),
    ],
)
def test_what_would_give_secrets_away_is_an_error(settings, changes, ids):
    settings.FLUENTS_LIVE = settings.REQUIRE_MFA = True
    settings.REAUTH_SECONDS, settings.FLUENTS_API_URL = 1800, "https://api.example.com"
    for name, value in changes.items():
        setattr(settings, name, value)
    assert list(found()) == ids
    assert all(isinstance(message, Error) and message.hint for message in found().values())


def test_files_that_others_can_read_are_a_warning(settings):
    settings.JOURNAL_PATH.write_text("x")
    settings.JOURNAL_PATH.chmod(0o644)
    assert found()["dashboard.W006"].hint == f"chmod 600 {settings.JOURNAL_PATH}"
    settings.JOURNAL_PATH.chmod(0o600)
    assert found() == {}


def test_a_command_refuses_to_run_without_a_secret_key(tmp_path):
    env = {"PATH": "/usr/bin:/bin", "SECRET_KEY": "", "DATABASE_URL": f"sqlite:///{tmp_path / 'x.sqlite3'}"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "(dashboard.E001) No SECRET_KEY is set." in done.stderr


def test_a_command_makes_all_checks_of_settings_and_loads_no_page(tmp_path):
    env = {"PATH": "/usr/bin:/bin", "SECRET_KEY": "", "DATABASE_URL": f"sqlite:///{tmp_path / 'x.sqlite3'}"}
    command = [sys.executable, "-X", "importtime", "manage.py", "orders"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert (done.returncode, "(dashboard.E001)" in done.stderr) == (1, True)
    assert ("numbers.models" in done.stderr, "numbers.views" in done.stderr) == (True, False)
    ours = [check for check in registry.get_checks() if check.__module__ in OURS]
    assert {check.__module__ for check in ours} == OURS
    assert [check.__name__ for check in ours if SETTINGS not in check.tags] == []


def test_a_secret_may_come_from_a_file(tmp_path):
    file = tmp_path / "token"
    file.write_text("from-a-file\n")
    env = {
        "PATH": "/usr/bin:/bin",
        "SECRET_KEY": "x",
        "FLUENTS_API_TOKEN_FILE": str(file),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'x.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
    }
    code = "from django.conf import settings; print(settings.FLUENTS_API_TOKEN)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "from-a-file\n"


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, []),
        ({"OIDC_ISSUER": "http://id.example.com"}, ["dashboard.E010"]),
        ({"OIDC_CLIENT_SECRET": ""}, ["dashboard.E011"]),
        ({"OIDC_ONLY": True}, ["dashboard.E012"]),
        ({"OIDC_ONLY": True, "OIDC_LOCAL_ACCOUNT": "root"}, []),
    ],
)
def test_single_sign_on_that_could_not_work_or_be_trusted_is_refused(settings, changes, ids):
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = "https://id.example.com", "the dashboard"
    settings.OIDC_CLIENT_SECRET = "a secret"
    for name, value in changes.items():
        setattr(settings, name, value)
    assert list(found()) == ids


def said(**env: str) -> tuple[int, str]:
    """What `manage.py check` says with ENV, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "SECRET_KEY": "x",
            "DATABASE_URL": "sqlite:///:memory:",
            "FLUENTS_LIVE": "off",
        }
        | env,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


#: A limit or an address of Fluents under a wrong name is an error, any other setting a warning.
ERRORS = {
    "MAX_LINE_PER_DAY": "MAX_LINES_PER_DAY",
    "MAX_LINES_DAY": "MAX_LINES_PER_DAY",
    "FLUENTS_TOKEN": "FLUENTS_API_TOKEN",
    "FLUENTS_URL": "FLUENTS_API_URL",
}
WARNINGS = {
    "APROVAL_LINES": "APPROVAL_LINES",
    "DATABASE_URI": "DATABASE_URL",
    "ALLOWED_HOST": "ALLOWED_HOSTS",
    "SITE_URI": "SITE_URL",
}


@pytest.mark.parametrize(("names", "kind", "status"), [(ERRORS, "E015", 1), (WARNINGS, "W008", 0)])
def test_a_name_that_is_nearly_a_setting_is_found(names, kind, status):
    found, words = said(**dict.fromkeys(names, "7"))
    assert found == status
    for name, meant in names.items():
        told = rf"\(dashboard\.{kind}\) {name} is set but not used\.\s+HINT: Did you mean {meant}\?"
        assert re.search(told, words), name
    assert words.count("is set but not used.") == len(names)


def test_names_of_other_programs_are_left_alone():
    names = (
        "HOME LANG TERM SHELL HOSTNAME LOGNAME EDITOR SSH_AUTH_SOCK XDG_SESSION_ID PYTHONPATH PORT DISPLAY"
    )
    assert "but not used" not in said(**dict.fromkeys(names.split(), "x"))[1]


NO_FILE = str(ROOT / "no" / "such" / "file")


#: What is wrong with a value. Each list is of different settings, which one process is told of together.
WRONG = [
    [
        ("GATE_RATE", "fast", "GATE_RATE is 'fast'. Expected: number."),
        ("MAX_LINES_PER_DAY", "2OO", "MAX_LINES_PER_DAY is '2OO'. Expected: whole number."),
        ("TIME_ZONE", "Berlin", "TIME_ZONE is 'Berlin'. Expected: time zone."),
        ("REQUIRE_MFA", "yess", "REQUIRE_MFA is 'yess'. Expected: switch."),
        ("BREAKER_SHARE", "200", "BREAKER_SHARE is 200. It must be 0 to 100."),
        ("LOG_FORMAT", "yaml", "LOG_FORMAT is 'yaml'. Use text or json."),
        ("OIDC_ROLES", "admins", "OIDC_ROLES is 'admins'. Expected: name=value pairs."),
        ("SYNC_SECONDS", "nan", "SYNC_SECONDS is nan. It must be 0 or more."),
        (
            "FLUENTS_API_TOKEN_FILE",
            NO_FILE,
            f"FLUENTS_API_TOKEN_FILE points to {NO_FILE}, which can't be read: No such file or directory.",
        ),
        (
            "METRICS_TOKEN_FILE",
            str(ROOT),
            f"METRICS_TOKEN_FILE points to {ROOT}, which can't be read: Is a directory.",
        ),
    ],
    [("MAX_LINES_PER_DAY", "-1", "MAX_LINES_PER_DAY is -1. It must be 0 or more.")],
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_value_of_the_wrong_kind_or_range_is_an_error_that_says_which(wrong):
    status, text = said(**{name: value for name, value, _ in wrong})
    assert status == 1
    for _, _, words in wrong:
        assert f"(dashboard.E014) {words}" in text
    assert text.count("(dashboard.E014)") == len(wrong)
    assert "Traceback" not in text


def test_a_blank_value_is_none():
    status, text = said(
        MAX_LINES_PER_DAY="", ALLOWED_HOSTS="", GATE_RATE=" ", FLUENTS_API_TOKEN_FILE="", DEBUG=""
    )
    assert status == 0, text
