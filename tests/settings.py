"""The product's settings with the tests' values: a developer's environment and `.env` do not leak in."""

import os
import secrets

from dashboard.setting_catalog import NAMES

os.environ |= dict.fromkeys(NAMES, "") | {  # nothing in it: the default
    "SECRET_KEY": secrets.token_urlsafe(40),
    "DEBUG": "off",
    "DATABASE_URL": os.environ.get("TESTS_RUN_ON", "sqlite:///:memory:"),
    "FLUENTS_API_URL": "http://127.0.0.1:9",  # the discard port: a test that needs an API says so
    "FLUENTS_LIVE": "off",
    "FLUENTS_API_TOKEN": "token-of-the-tests",
    "FLUENTS_CONNECT_TIMEOUT": "1",
    "FLUENTS_READ_TIMEOUT": "1",
    "LEASE_SECONDS": "5",
    "SETTLE_WINDOW": "1",
    "REFUSAL_WINDOW": "0.5",
    "GATE_RATE": "0",
    "GATE_IN_FLIGHT": "10",
    "BREAKER_UNKNOWNS": "0",
    "BREAKER_SHARE": "0",
    "SYNC_SECONDS": "0",
    "CALLS_SECONDS": "0",
    "PLAN_IN_FLIGHT": "1",  # other threads do not see what a test has not committed
    "MAX_LINES_PER_DAY": "0",
    "APPROVAL_LINES": "0",
    "REAUTH_SECONDS": "0",  # the tests of the door set it
    "JOURNAL_PATH": "/nonexistent/every-test-sets-its-own",
}

from dashboard.settings import *  # noqa: F403

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick, and nobody's password
WHITENOISE_AUTOREFRESH = True
if "TESTS_RUN_ON" in os.environ:  # PostgreSQL, where the tests find a database with our tables
    DATABASES["default"]["TEST"] = {"TEMPLATE": "books_template"}  # noqa: F405
