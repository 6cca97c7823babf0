"""Backups are whole, private and tried: on SQLite and, where it is installed, on PostgreSQL."""

import json
import os
import re
import stat
import uuid

import pytest

from tests.faults.postgres import Cluster, Unavailable
from tests.support.stack import Stack, wait_until

pytestmark = pytest.mark.storm


@pytest.fixture(scope="module")
def cluster():
    try:
        made = Cluster(durable=False)
    except Unavailable as error:
        pytest.skip(str(error))
    yield made
    made.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def stack(request, tmp_path, running):
    """The product with an empty database; `another` is the URL of one without tables."""
    if request.param == "sqlite":
        with Stack(tmp_path, running.url) as stack:
            stack.another = f"sqlite:///{tmp_path / 'another.sqlite3'}"
            yield stack
        return
    cluster, name = request.getfixturevalue("cluster"), f"books_{uuid.uuid4().hex}"
    url, path = cluster.database_url(name), f"{cluster.bin}:{os.environ['PATH']}"
    with Stack(tmp_path, running.url, database_url=url, PATH=path) as stack:
        stack.another = cluster.create(f"another_{name}")
        yield stack


def checked(stack, file) -> tuple[int, dict]:
    done = stack.manage("restore", "--check", str(file), "--json", check=False)
    return done.returncode, json.loads(done.stdout)


def test_a_backup_is_read_back_and_says_what_the_database_has_beyond_it(stack, tmp_path):
    file = tmp_path / "backup"
    stack.add_user("bob", "a long password of bob")
    said = stack.manage("backup", str(file)).stdout
    assert "1 accounts" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    status, found = checked(stack, file)
    assert (status, found["fit"], found["rows"]["accounts"]) == (0, True, 1)
    stack.manage("sync")
    status, found = checked(stack, file)
    assert status == 0
    assert "events more; journals bring purchases back." in " ".join(found["said"])
    again = stack.manage("backup", str(file), check=False)
    assert (again.returncode, "already exists" in again.stderr) == (1, True)
    nowhere = stack.manage("backup", str(tmp_path / "nowhere" / "backup"), check=False)
    assert nowhere.returncode == 1
    assert nowhere.stderr.endswith("nowhere/backup can't be written: No such file or directory.\n")


def test_a_backup_that_is_damaged_cut_or_none_cannot_be_restored(stack, tmp_path):
    file, other = tmp_path / "backup", tmp_path / "other"
    empty = stack.manage("backup", str(file)).returncode
    assert (empty, checked(stack, file)[0]) == (0, 1)  # nobody could log in
    content = file.read_bytes()
    for text in (b"", b"not a backup at all", content[: len(content) // 2], content[:600]):
        other.write_bytes(text)
        status, found = checked(stack, other)
        assert (status, found["fit"]) == (1, False), text[:20]
    assert checked(stack, tmp_path / "nowhere")[0] == 1


def test_a_restore_says_what_it_would_do_and_ends_paused(stack, tmp_path):
    file = tmp_path / "backup"
    stack.add_user("bob", "a long password of bob")
    stack.manage("sync")
    stack.manage("backup", str(file))
    stack.add_user("eve", "a long password of eve")

    asked = stack.manage("restore", str(file), check=False)
    assert asked.returncode == 2
    for words in ("isn't restored yet", "would replace everything", "2 accounts", "Add --yes"):
        assert words in asked.stdout
    assert accounts(stack) == ["bob", "eve"]

    worker = stack.start_worker()
    wait_until(lambda: json.loads(stack.manage("gate", "--json").stdout)["journals"], every=0.3)
    refused = stack.manage("restore", str(file), "--yes", check=False)
    assert (refused.returncode, "A worker is running" in refused.stdout) == (1, True)
    worker.terminate()
    worker.wait(30)
    stack.shell("Journal.objects.update(seen_at='2026-01-01T00:00Z')")

    done = stack.manage("restore", str(file), "--yes")
    assert "Buying is paused. Start every worker" in done.stdout
    assert accounts(stack) == ["bob"]
    gate = json.loads(stack.manage("gate", "--json").stdout)
    assert gate["state"] == "paused"
    assert re.search(r"restored from a backup that ends on \w{3} \d+, \d\d:\d\d UTC\.", gate["reason"])
    stack.start_worker()  # begun after the backup: the database learns of its journal again, and it reports
    wait_until(lambda: json.loads(stack.manage("gate", "--json").stdout)["journals"], every=0.3)
    wait_until(lambda: not json.loads(stack.manage("gate", "--json").stdout)["missing"], every=0.3)
    assert stack.manage("gate", "open", "--reason", "compared").returncode == 0


def accounts(stack) -> list[str]:
    names = "User.objects.order_by('pk').values_list('username', flat=True)"
    return stack.shell(f"from django.contrib.auth.models import User; print(*{names})").split()


def test_a_database_without_tables_is_filled_without_asking(stack, tmp_path):
    file = tmp_path / "backup"
    stack.add_user("bob", "a long password of bob")
    stack.manage("backup", str(file))
    done = stack.manage("restore", str(file), DATABASE_URL=stack.another)
    assert "is restored" in done.stdout
    stack.env["DATABASE_URL"] = stack.another
    assert accounts(stack) == ["bob"]


#: Takes back a migration of a table that nothing here asks for.
FORGET = """
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
connection.cursor().execute("DROP TABLE usersessions_usersession")
MigrationRecorder(connection).record_unapplied("usersessions", "0001_initial")
"""


def test_an_upgrade_backs_up_migrates_collects_and_says_what_to_restart(stack, tmp_path):
    file = tmp_path / "before"
    stack.add_user("bob", "a long password of bob")
    stack.shell(FORGET)
    done = stack.manage("upgrade", "--backup", str(file), check=False)
    assert done.returncode == 1  # no worker yet
    for words in (f"Backed up to {file}", "1 migrations applied", "No worker has", "systemctl restart"):
        assert words in done.stdout, done.stdout + done.stderr
    assert checked(stack, file)[1]["rows"]["accounts"] == 1
    assert (tmp_path / "static/staticfiles.json").exists()
    again = stack.manage("upgrade", "--backup", str(file), check=False)
    assert (again.returncode, "nothing was changed" in again.stderr) == (1, True)
