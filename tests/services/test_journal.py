"""The send journal: what was sent, kept outside the database."""

import json
import os
from datetime import timedelta

import pytest

from numbers.models import Attempt, Event, Gate, Journal, Line, Look, Number, Order
from numbers.services import gate, journal
from numbers.services.history import db_now
from numbers.services.replaying import check_journal
from numbers.states import LineState
from tests.books import PERSON, bare_line, go_on, line_of, posts, rest
from tests.books import forget as forget_events

pytestmark = pytest.mark.django_db
S = LineState


@pytest.fixture
def path(settings):
    return settings.JOURNAL_PATH


def entries(path) -> list[dict]:
    return [json.loads(row) for row in path.read_text().splitlines()]


def forget(line: Line) -> None:
    """What a backup from before the line's purchase does to the database."""
    forget_events(Event.objects.filter(line=line))
    Look.objects.filter(line=line).delete()
    Attempt.objects.filter(line=line).delete()
    Line.objects.filter(pk=line.pk).update(
        state=S.PLANNED,
        number=None,
        phone_number="",
        sends=0,
        generation=0,
        settled_at=None,
        lease_until=None,
    )
    Number.objects.all().delete()


def test_a_fresh_install_begins_a_journal_that_only_its_owner_reads(path):
    assert check_journal(whole=True) is True
    (begun,) = entries(path)
    assert begun == {"journal": str(Journal.objects.get().pk)}
    assert path.stat().st_mode & 0o777 == 0o600


def test_database_and_journal_agree_after_purchases(fluents, path):
    lines = [rest(line_of(fluents)) for _ in range(3)]
    assert [line.state for line in lines] == [S.BOUGHT] * 3
    keys = {str(key) for key in Attempt.objects.values_list("key", flat=True)}
    assert {entry["key"] for entry in entries(path)[1:]} == keys
    assert check_journal(whole=True) is True
    assert Gate.objects.get().paused is False


def test_a_restored_backup_pauses_everything_and_buys_nothing_again(fluents, path):
    line = rest(line_of(fluents))
    bought = line.phone_number
    forget(line)
    assert check_journal(whole=True) is False
    paused = Gate.objects.get()
    assert (paused.paused, paused.paused_by) == (True, "")
    assert paused.pause_reason.startswith("The send journal knows 1 purchases that the database did not")
    line = rest(line)
    assert (line.state, line.phone_number, fluents.charged()) == (S.BOUGHT, bought, [bought])
    assert len(posts(fluents)) == 1


def test_a_restored_backup_is_noticed_by_a_worker_that_was_running_all_the_time(fluents):
    first = rest(line_of(fluents))
    forget(first)
    line = go_on(line_of(fluents))
    assert (line.state, line.reason) == (S.RESERVED, "Buying is paused.")
    assert Gate.objects.get().paused is True
    assert len(posts(fluents)) == 1


def test_sends_of_orders_that_the_backup_does_not_know_pause_everything(fluents):
    line = rest(line_of(fluents))
    forget(line)
    line.delete()
    forget_events()
    Order.objects.all().delete()
    assert check_journal(whole=True) is False
    assert "1 belong to orders that it does not know" in Gate.objects.get().pause_reason


def test_a_journal_that_is_gone_pauses_everything(fluents, path):
    rest(line_of(fluents))
    path.unlink()
    assert check_journal(whole=False) is False
    assert "the send journal is gone" in Gate.objects.get().pause_reason
    assert not path.exists()


def test_a_person_who_opens_the_gate_settles_the_difference(fluents, path):
    rest(line_of(fluents))
    path.unlink()
    check_journal(whole=True)
    gate.open_gate(by=PERSON, reason="Compared with Fluents, all there.")
    assert check_journal(whole=True) is True
    assert entries(path) == [{"journal": str(Journal.objects.latest("seen_at").pk)}]
    assert rest(line_of(fluents)).state == S.BOUGHT


def test_settled_orphans_stay_settled(fluents):
    line = rest(line_of(fluents))
    forget(line)
    line.delete()
    check_journal(whole=True)
    gate.open_gate(by=PERSON, reason="Compared.")
    assert check_journal(whole=True) is True
    assert rest(line_of(fluents)).state == S.BOUGHT


def test_a_new_machine_begins_its_own_journal_while_another_one_vouches_for_the_database(
    fluents, path, settings
):
    rest(line_of(fluents))
    journal.beat()
    Journal.objects.update(host="another-machine")
    settings.JOURNAL_PATH = path.with_suffix(".second")
    assert check_journal(whole=True) is True
    assert Journal.objects.count() == 2


def test_a_new_machine_does_not_trust_a_database_that_nobody_works_on(fluents, path, settings):
    rest(line_of(fluents))
    Journal.objects.update(host="another-machine", seen_at=db_now() - timedelta(seconds=61))
    settings.JOURNAL_PATH = path.with_suffix(".second")
    assert check_journal(whole=True) is False


def test_a_torn_line_is_no_purchase_and_the_next_entry_begins_on_a_line_of_its_own(fluents, path):
    first = rest(line_of(fluents))
    with path.open("ab") as file:
        file.write(b'{"key": "torn')
    assert check_journal(whole=True) is True
    second = rest(line_of(fluents))
    rows = path.read_bytes().splitlines()
    assert rows[2] == b'{"key": "torn'
    assert json.loads(rows[3])["key"] == str(second.attempts.get().key)
    assert json.loads(rows[1])["key"] == str(first.attempts.get().key)
    assert check_journal(whole=True) is True


@pytest.mark.parametrize("junk", [b"[1, 2]\n", b"\xff\xfe\n", b"\n", b"null\n"])
def test_rows_that_are_no_entries_are_passed_over(fluents, path, junk):
    rest(line_of(fluents))
    with path.open("ab") as file:
        file.write(junk)
    assert check_journal(whole=True) is True
    assert check_journal(whole=False) is True


@pytest.mark.parametrize("failure", ["write", "short", "fsync"])
def test_a_full_disk_means_that_nothing_is_sent(fluents, path, monkeypatch, failure):
    check_journal(whole=True)

    def full(*_args):
        raise OSError(28, "No space left on device")

    def short(handle, data):
        return real_write(handle, data[:5])

    real_write = os.write
    monkeypatch.setattr(os, "fsync" if failure == "fsync" else "write", short if failure == "short" else full)
    line = go_on(line_of(fluents))
    monkeypatch.undo()
    assert (line.state, line.reason) == (S.PLANNED, "the send journal cannot be written")
    assert (posts(fluents), line.attempts.get().outcome) == ([], "not_sent")
    paused = Gate.objects.get()
    why = "the send journal could not be written whole" if failure == "short" else "No space left on device"
    assert paused.pause_reason == f"The send journal cannot be written ({why}). Nothing was sent."
    gate.open_gate(by=PERSON, reason="There is room again.")
    assert rest(line).state == S.BOUGHT
    assert len(fluents.charges()) == 1


def test_a_journal_that_cannot_be_read_pauses_everything_and_says_so(fluents, settings, tmp_path):
    (tmp_path / "file").write_text("in the way of a folder")
    settings.JOURNAL_PATH = tmp_path / "file" / "sends.journal"
    line = go_on(line_of(fluents))
    assert (line.state, line.lease_until, posts(fluents)) == (S.RESERVED, None, [])
    assert Gate.objects.get().pause_reason == "The send journal cannot be read or begun (Not a directory)."


def test_the_quick_check_reads_the_last_entry_only(fluents, path):
    line = rest(line_of(fluents))
    rest(line_of(fluents))
    Attempt.objects.filter(line=line).delete()
    assert check_journal(whole=False) is True
    assert check_journal(whole=True) is False


def test_a_forgotten_send_of_a_line_that_is_about_another_number_goes_to_a_person(fluents):
    line = rest(line_of(fluents))
    forget(line)
    Line.objects.filter(pk=line.pk).update(state=S.UNKNOWN, phone_number="+14155550100", sent_at=db_now())
    assert check_journal(whole=True) is False
    line.refresh_from_db()
    assert line.state == S.REVIEW
    assert line.reason == "The send journal and the database disagree about what was sent for this line."


def test_checking_again_replays_nothing_twice(fluents):
    line = rest(line_of(fluents))
    forget(line)
    for _ in range(3):
        check_journal(whole=True)
    assert Attempt.objects.count() == 1


def test_bare_lines_do_not_touch_the_journal(path):
    bare_line()
    assert not path.exists()
