"""The doctor finds what is wrong with a deployment, and says what to do."""

import json
import os
import shutil
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from threading import Thread

import pytest
from django.contrib.staticfiles import finders
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from dashboard.mailer import mailer
from numbers.db.clock import db_now
from numbers.models import Journal, SyncState
from numbers.permissions import Role
from numbers.services.inventory.sync import sync
from numbers.services.monitoring import doctor as examining
from numbers.services.spending import gate
from tests.support.people import person
from tests.support.stack import ROOT

pytestmark = pytest.mark.django_db


def doctor(*options: str) -> tuple[int, list[dict]]:
    out, status = StringIO(), 0
    try:
        call_command("doctor", "--json", *options, stdout=out)
    except SystemExit as end:
        status = end.code
    return status, [json.loads(line) for line in out.getvalue().splitlines()]


def states(found: list[dict], name: str) -> list[str]:
    return [entry["state"] for entry in found if entry["name"] == name]


@pytest.fixture
def sound(fluents, bob, settings, monkeypatch):
    """A deployment with nothing to mend; the tests' own databases are neither durable nor meant to be."""
    settings.MAX_LINES_PER_DAY = 100
    Journal.objects.create(name="here", machine="here", path="/journal", seen_at=db_now())
    monkeypatch.setattr(examining, "DURABLE", {})
    monkeypatch.setitem(examining.WANTED_PRAGMAS, "journal_mode", "memory")
    sync()


def test_a_sound_deployment_has_nothing_to_mend(sound, settings):
    status, found = doctor()
    assert [entry for entry in found if entry["state"] == "fix"] == []
    assert status == 0
    names = {"settings", "database", "migrations", "journal", "worker", "sync", "fluents"}
    assert {entry["name"] for entry in found if entry["state"] == "ok"} >= names
    assert all(entry["hint"] for entry in found if entry["state"] != "ok")
    assert settings.FLUENTS_API_TOKEN not in json.dumps(found)


def test_it_says_whether_enough_people_may_approve_large_orders(db, settings):
    person("eve", Role.BUYER)
    assert states(doctor()[1], "approval") == []
    settings.APPROVAL_COST = 100
    person("ada", Role.APPROVER)
    assert states(doctor()[1], "approval") == ["warn"]
    person("vera", Role.ADMIN, Role.APPROVER)
    assert states(doctor()[1], "approval") == ["ok"]


def test_what_is_missing_is_found_with_a_way_out(db, settings):
    settings.DEBUG, settings.JOURNAL_PATH = True, Path("/proc/nowhere/sends.journal")
    MigrationRecorder(connection).record_unapplied("numbers", "0001_initial")
    gate.pause(reason="we moved house")
    SyncState.objects.update(error="Fluents refused.")
    status, found = doctor()
    assert status == 1
    for name in ("settings", "migrations", "people", "journal", "worker", "fluents"):
        assert "fix" in states(found, name), name
    assert states(found, "gate") == states(found, "sync") == ["warn"]
    assert all(entry["hint"] for entry in found if entry["state"] != "ok")


def test_a_wrong_token_is_found(sound, settings):
    settings.FLUENTS_API_TOKEN = "wrong"
    status, found = doctor()
    assert (status, states(found, "fluents")) == (1, ["fix"])


@pytest.mark.parametrize(("seconds", "expected"), [(1, []), (-20, ["warn"]), (3600, ["fix"])])
def test_clocks_that_disagree_are_found(seconds, expected):
    assert [found.state for found in examining.skew("Fluents'", seconds)] == expected


def test_fluents_tells_its_clock(fluents):
    assert abs(examining.client().clock() - datetime.now(UTC)) < timedelta(seconds=30)


def test_people_read_it_too(sound):
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", stdout=out)
    assert "No problems found." in out.getvalue()


@pytest.mark.parametrize(("days", "expected"), [(0, "ok"), (365, "ok"), (366, "warn")])
def test_a_table_of_area_codes_that_nobody_checked_for_a_year_is_found(monkeypatch, days, expected):
    monkeypatch.setattr(examining, "checked_on", lambda: datetime.now(UTC).date() - timedelta(days=days))
    [finding] = examining.area_code_table()
    assert (finding.state, bool(finding.hint)) == (expected, expected == "warn")


def test_evidence_is_not_forgotten_too_early(db):
    with pytest.raises(CommandError, match="at least 30 days"):
        call_command("prune", "--days", "3")


def test_a_release_whose_scripts_were_not_collected_is_found(tmp_path, settings):
    settings.STATIC_ROOT, settings.WHITENOISE_MANIFEST_STRICT = tmp_path, True
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }
    assert [found.state for found in examining.static_files()] == ["fix"]
    script = tmp_path / "source" / "js" / "app.js"
    shutil.copytree(ROOT / "static" / "js", script.parent)
    settings.STATICFILES_DIRS = [tmp_path / "source"]
    settings.STATIC_ROOT = tmp_path / "collected"
    finders.get_finder.cache_clear()
    call_command("collectstatic", "--noinput", verbosity=0)
    settings.STORAGES = {**settings.STORAGES}  # a new process
    assert [found.state for found in examining.static_files()] == ["ok"]
    script.write_text("changed()")
    assert [found.state for found in examining.static_files()] == ["fix"]
    finders.get_finder.cache_clear()


@pytest.fixture
def mail_server():
    """A mail server that takes everything but mail to nobody@…, and what it was sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[str] = []
        Thread(target=serve_mail, args=(listener, taken), daemon=True).start()
        yield listener.getsockname()[1], taken
        listener.shutdown(socket.SHUT_RDWR)


def serve_mail(listener: socket.socket, taken: list[str]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rw") as wire:
            print("220 here", file=wire, flush=True)
            for line in wire:
                word = line[:4].upper().strip()
                if word == "DATA":
                    print("354 go on", file=wire, flush=True)
                    taken.append("".join(iter(wire.readline, ".\n")))
                refused = word == "RCPT" and "nobody@" in line
                print(
                    "550 unknown" if refused else "221 bye" if word == "QUIT" else "250 ok",
                    file=wire,
                    flush=True,
                )


def test_a_test_mail_says_whether_the_mail_server_takes_it(sound, settings, mail_server):
    port, taken = mail_server
    settings.EMAIL_URL, settings.NOTIFY_BY_MAIL = f"smtp://127.0.0.1:{port}", True
    settings.MAILERS = {"default": mailer(settings.EMAIL_URL)}
    status, found = doctor("--mail", "ada@example.com")
    assert (status, states(found, "mail")) == (0, ["ok"])
    assert "Subject: Test of the numbers dashboard" in taken[0]
    assert states(doctor()[1], "mail") == []
    assert len(taken) == 1  # it is sent where somebody asks for it, and only there
    status, found = doctor("--mail", "nobody@example.com")
    assert (status, states(found, "mail")) == (1, ["fix"])
    assert found[-1]["said"] == "The mail server refused this address."


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "EMAIL_URL isn't set"),
        ("smtp://ada:secret@127.0.0.1:1", "Nothing answers at the host and port"),
        ("smtp+tls://ada:secret@127.0.0.1:{port}", "has no TLS or no login"),
        ("smtp://ada:secret@127.0.0.1:{port}", "has no TLS or no login"),
    ],
)
def test_a_test_mail_that_was_not_taken_says_why_and_quotes_no_password(
    sound, settings, mail_server, url, said
):
    settings.NOTIFY_BY_MAIL = bool(url)
    settings.MAILERS = {"default": mailer(url.format(port=mail_server[0]) or "smtp://127.0.0.1:1")}
    status, found = doctor("--mail", "ada@example.com")
    assert status == 1
    assert said in found[-1]["said"]
    assert found[-1]["hint"]
    assert "secret" not in json.dumps(found)


def manage(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """One of our commands on a database without tables, away from any Fluents."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "SECRET_KEY": "key-of-the-tests",
            "DATABASE_URL": f"sqlite:///{folder / 'empty.sqlite3'}",
            "JOURNAL_PATH": str(folder / "sends.journal"),
            "FLUENTS_API_URL": "http://127.0.0.1:1",
            "FLUENTS_API_TOKEN": "token",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_database_without_tables_is_told_as_such_beside_all_else(tmp_path):
    done = manage(tmp_path, "doctor", "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1, done.stderr
    assert states(found, "migrations") == ["fix"]
    assert states(found, "fluents") == ["fix"]  # asked even so
    assert {"settings", "database", "area codes"} <= {entry["name"] for entry in found}


def test_every_command_says_that_the_database_has_no_tables(tmp_path):
    done = manage(tmp_path, "orders")
    assert done.returncode == 1
    assert "migrations of this release. Run `manage.py migrate`." in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_not_there_is_told_as_such_beside_all_else(sound, settings, monkeypatch):
    def refuse(*args) -> None:
        raise OperationalError("connection refused\nIs the server running?")

    settings.FLUENTS_API_TOKEN = "another"
    monkeypatch.setattr(connection, "ensure_connection", refuse)
    status, found = doctor()
    [said] = [entry["said"] for entry in found if entry["name"] == "database"]
    assert (status, said) == (1, "It isn't responding: connection refused.")
    assert states(found, "area codes") == ["ok"]
