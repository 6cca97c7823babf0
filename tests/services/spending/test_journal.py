"""The send journal: what was sent, kept outside the database, and what happens where the two disagree."""

import json
import os
import uuid
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread

import pytest

from numbers.db.clock import db_now
from numbers.models import Attempt, Event, Gate, Journal, Line, Look, Number, Order
from numbers.services.audit import seals
from numbers.services.inventory.sync import look
from numbers.services.orders import evidence
from numbers.services.orders.endings import record_endings
from numbers.services.purchasing.recovery import check_journal, keep_journal, start_journal
from numbers.services.purchasing.replay import replay
from numbers.services.spending import comparison, gate, journal, obstacles, registry
from numbers.states import Ending, LineState, Origin
from tests.support.books import PERSON, bare_line, go_on, line_of, order, posts, rest
from tests.support.books import forget as forget_events

pytestmark = pytest.mark.django_db
S = LineState


@pytest.fixture
def path(settings):
    return settings.JOURNAL_PATH


def entries(path) -> list[dict]:
    return [json.loads(row) for row in path.read_text().splitlines()]


def sends(path) -> list[dict]:
    return [entry for entry in entries(path) if "key" in entry]


def rewrite(path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


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
    Number.objects.filter(e164=line.phone_number).delete()


def forget_all() -> None:
    """What a backup from before the orders does."""
    forget_events()
    Look.objects.all().delete()
    Attempt.objects.all().delete()
    Line.objects.all().delete()
    Order.objects.all().delete()
    Number.objects.all().delete()


AT, KEY = '"at": "2026-01-02T03:04:05+00:00"', '"key": "00000000-0000-4000-8000-000000000000"'
JUNK = [
    *(b"[1, 2]\n", b"\xff\xfe\n", b"null\n", b'{"key": "torn', b'{"key": 1}\n', b"[" * 100_000 + b"\n"),
    *(row.encode() + b"\n" for row in (
        f'{{{KEY}, {AT}}}', f'{{{KEY}, {AT}, "live": []}}', f'{{{KEY}, {AT}, "live": [{{"id": 7}}]}}',
        f'{{"head": "5:abc", {AT}}}', f'{{"head": "5:abc", {AT}, "live": null}}',
        '{"head": "5:abc", "at": "now", "live": []}',
    )),
]  # fmt: skip


def another(path, settings, name: str):
    """From now on we are a worker with another journal; its path."""
    settings.JOURNAL_PATH = path.with_suffix(f".{name}")
    return settings.JOURNAL_PATH


# --- Which journal this is ------------------------------------------------------------------


def test_a_fresh_install_begins_a_journal_that_only_its_owner_reads(path):
    assert check_journal(whole=True) is True
    (begun,) = entries(path)
    row = Journal.objects.get()
    assert begun == {"journal": str(row.pk), "name": row.name, "part": 1}
    assert (row.machine, row.path, row.name) == (os.uname().nodename, str(path), row.machine)
    assert path.stat().st_mode & 0o777 == 0o600


def test_each_journal_on_a_machine_has_a_name_of_its_own(path, settings):
    check_journal(whole=True)
    another(path, settings, "second")
    check_journal(whole=True)
    machine = os.uname().nodename
    assert list(Journal.objects.values_list("name", flat=True)) == [machine, f"{machine}-2"]


def test_a_journal_that_is_gone_pauses_everything_and_is_missing_from_then_on(fluents, path):
    rest(line_of(fluents))
    lost = Journal.objects.get()
    path.unlink()
    assert check_journal(whole=False) is False
    assert Gate.objects.get().pause_reason.startswith(f"The send journal {path} on {lost.machine} is gone")
    with pytest.raises(gate.NotOpened, match=f"{lost.name} .* has not|these journals haven't reported"):
        gate.open_gate(by=PERSON, reason="Compared.")
    gate.open_gate(by=PERSON, reason="Compared.", without=[lost.name])
    waived = Event.objects.get(action="journal.waived")
    assert (waived.actor_name, waived.reason) == ("bob", f"{lost.name}: Compared.")
    assert check_journal(whole=True) is True
    assert rest(line_of(fluents)).state == S.BOUGHT


def test_an_emptied_journal_is_as_good_as_gone(fluents, path):
    rest(line_of(fluents))
    path.write_bytes(b"")
    assert check_journal(whole=False) is False
    assert registry.missing().count() == 1


def test_a_file_that_is_no_journal_is_set_aside_and_pauses_everything(fluents, path):
    rest(line_of(fluents))
    path.write_text("something else\n")
    assert check_journal(whole=True) is False
    assert "can't be read" in Gate.objects.get().pause_reason
    assert [file.read_text() for file in path.parent.glob(f"{path.name}.damaged-*")] == ["something else\n"]


def test_a_new_machine_begins_its_own_journal_while_another_one_is_at_work(fluents, path, settings):
    rest(line_of(fluents))
    Journal.objects.update(machine="another-machine")
    another(path, settings, "second")
    assert check_journal(whole=True) is True
    assert Journal.objects.count() == 2


def test_a_new_machine_does_not_trust_a_database_that_nobody_works_on(fluents, path, settings):
    rest(line_of(fluents))
    Journal.objects.update(machine="another-machine", seen_at=db_now() - timedelta(minutes=4))
    another(path, settings, "second")
    assert check_journal(whole=True) is False
    assert registry.missing().get().machine == "another-machine"


def test_a_retired_journal_is_not_used_again(fluents, path):
    rest(line_of(fluents))
    name = Journal.objects.get().name
    registry.retire(name=name, by=PERSON, reason="The machine is gone.")
    event = Event.objects.get(action="journal.retired")
    assert (event.actor_name, event.reason) == ("bob", f"{name}: The machine is gone.")
    Journal.objects.update(path="/elsewhere", seen_at=db_now())
    assert check_journal(whole=False) is False  # nobody else vouches for the database
    fresh = Journal.objects.get(retired_at=None)
    assert (fresh.name, entries(path)[0]["journal"]) == (f"{name}-2", str(fresh.pk))
    with pytest.raises(registry.UnknownJournal, match=f"No journal in use is named {name}"):
        registry.retire(name=name, by=PERSON, reason="Again.")


def test_two_processes_that_begin_a_journal_at_once_agree_on_one(path, monkeypatch):
    real = journal.beginning

    @contextmanager
    def held_by_another():
        monkeypatch.setattr(journal, "beginning", real)
        registry.own()
        with real():
            yield

    monkeypatch.setattr(journal, "beginning", held_by_another)
    row = registry.own()
    assert (row, journal.identity().journal) == (Journal.objects.get(), str(row.pk))
    assert not Gate.objects.get().paused


def test_one_process_at_a_time_begins_a_journal(path):
    entered = []

    def another():
        with journal.beginning():
            entered.append("another")

    with journal.beginning():
        thread = Thread(target=another)
        thread.start()
        thread.join(0.1)
        entered.append("one")
    thread.join()
    assert entered == ["one", "another"]


def test_a_journal_that_cannot_be_begun_leaves_a_row_that_is_missed(fluents, path, monkeypatch):
    """Killed between row and file: the next start pauses, rather than to find a file and ask no more."""
    rest(line_of(fluents))
    path.unlink()
    monkeypatch.setattr(journal, "begin", lambda own: (_ for _ in ()).throw(OSError("killed")))
    assert check_journal(whole=True) is False
    monkeypatch.undo()
    assert Gate.objects.get().books_doubted is True
    assert check_journal(whole=True) is False
    assert registry.missing().count() == 2


# --- Agreeing -------------------------------------------------------------------------------


def test_database_and_journal_agree_after_purchases(fluents, path):
    lines = [rest(line_of(fluents)) for _ in range(3)]
    assert [line.state for line in lines] == [S.BOUGHT] * 3
    keys = {str(key) for key in Attempt.objects.values_list("key", flat=True)}
    assert {entry["key"] for entry in sends(path)} == keys
    assert check_journal(whole=True) is True
    assert Gate.objects.get().paused is False


def test_an_entry_has_the_whole_order(fluents, path):
    line = rest(line_of(fluents, label="Front desk", tags=["west"], by=PERSON))
    (entry,) = sends(path)
    assert entry["wanted"] == {
        "telephony_provider": "twilio",
        "connection": fluents.connection,
        "agent": "",
        "agent_name": "",
        "area_code": "415",
        "wanted_number": "",
        "label": "Front desk",
        "tags": ["west"],
    }
    assert entry["order"] == line.order.form_token
    assert entry["asked"] == {
        "requested_by": None,
        "requested_by_name": "bob",
        "created_at": line.order.created_at.isoformat(),
        "quantity": 1,
        "approval": "",
        "cost_once": None,
        "cost_monthly": None,
        "currency": "USD",
        "prove_from": "",
    }
    assert [info["name"] for info in entry["live"]] == [Journal.objects.get().name]


def test_the_quick_check_asks_for_each_of_the_last_sends(fluents, path):
    """Two that passed the gate together are written down in any order: a backup from between the two knows
    the one that is written down last, and not the other."""
    early, late = (rest(line_of(fluents)) for _ in range(2))
    *others, first, second = entries(path)
    assert first["at"] < second["at"]
    rewrite(path, [*others, second, first])
    assert check_journal(whole=False) is True
    forget(late)
    assert check_journal(whole=False) is False
    late.refresh_from_db()
    assert (late.state, Line.objects.get(pk=early.pk).state) == (S.UNKNOWN, S.BOUGHT)


def test_what_was_settled_does_not_hide_a_later_send_that_is_written_down_before_it(fluents, path):
    line = rest(line_of(fluents))
    gate.pause(reason="Somebody looks.", books_doubted=True)
    gate.open_gate(by=PERSON, reason="Compared.")
    late = rest(line_of(fluents))
    *others, first, second = [entry for entry in entries(path) if "head" not in entry]
    rewrite(path, [*others, second, first])
    forget(line)
    assert check_journal(whole=True) is True
    forget(late)
    assert check_journal(whole=True) is False


def test_the_quick_check_reads_the_last_entries_only(fluents, path, settings, monkeypatch):
    monkeypatch.setattr(comparison, "HELD_UP", 0)
    settings.GATE_IN_FLIGHT = 1
    line = rest(line_of(fluents))
    rest(line_of(fluents))
    Attempt.objects.filter(line=line).delete()
    assert check_journal(whole=False) is True
    assert check_journal(whole=True) is False


def test_bare_lines_do_not_touch_the_journal(path):
    bare_line()
    assert not path.exists()


# --- The history's seal ---------------------------------------------------------------------


def test_a_worker_keeps_the_newest_seal_and_who_is_live_about_once_a_minute(path):
    start_journal()
    (seal,) = [entry for entry in entries(path) if "head" in entry]
    name = Journal.objects.get().name
    assert (seal["head"], [info["name"] for info in seal["live"]]) == ("0:", [name])
    bare_line()
    seals.seal()
    keep_journal()
    assert len(entries(path)) == 2  # the minute is not over
    rows = entries(path)
    rows[1]["at"] = (db_now() - comparison.SEAL_EVERY).isoformat()
    rewrite(path, rows)
    keep_journal()
    assert entries(path)[-1]["head"] == str(seals.head())


def test_a_seal_of_a_clock_that_was_ahead_does_not_keep_the_next_one_away(path):
    start_journal()
    keep_seal_at(db_now() + timedelta(hours=1))
    before = len(entries(path))
    keep_journal()
    assert len(entries(path)) == before + 1


def keep_seal_at(at) -> None:
    journal.append(journal.head_entry(seals.head(), live=registry.names_of_live(), at=at))


def test_who_joins_is_written_down_at_once(path, settings):
    start_journal()
    another(path, settings, "second")
    start_journal()
    settings.JOURNAL_PATH = path
    keep_journal()
    assert [len(entry["live"]) for entry in entries(path) if "head" in entry] == [1, 2]


def older(path) -> None:
    """As if the database were restored to before its last event."""
    gate.pause(reason="Lunch.", by=PERSON)
    gate.open_gate(by=PERSON, reason="Back.")
    seals.seal()
    journal.append(journal.head_entry(seals.head(), live=registry.names_of_live(), at=db_now()))
    last = Event.objects.order_by("pk").last()
    forget_events(Event.objects.filter(pk=last.pk))
    Gate.objects.update(reconciled_at=None)


def test_a_journal_that_never_sent_notices_a_database_older_than_its_last_seal(path):
    start_journal()
    older(path)
    assert check_journal(whole=False) is False
    assert "has a later history than the database" in Gate.objects.get().pause_reason


def test_noticing_is_not_forgotten_by_the_next_seal(path):
    start_journal()
    older(path)
    keep_journal()
    assert Gate.objects.get().books_doubted is True
    gate.open_gate(by=PERSON, reason="Compared.")
    assert check_journal(whole=True) is True  # from here on the journal knows this database


# --- Who owes a report ----------------------------------------------------------------------


def test_all_who_were_at_work_since_the_backup_owe_a_report(path, settings):
    """b is in the backup and live, c was heard of only since, d was last seen long before."""
    for name in ("b", "d"):
        another(path, settings, name)
        start_journal()
    b, d = Journal.objects.order_by("begun_at")
    Journal.objects.filter(pk=d.pk).update(seen_at=db_now() - timedelta(days=2))
    settings.JOURNAL_PATH = path
    start_journal()
    older(path)
    rows = entries(path)
    c = {"id": str(uuid.uuid4()), "name": "c", "machine": "c", "path": "/c.journal"}
    rows[-1]["live"].append(c)
    rewrite(path, rows)
    check_journal(whole=True)
    assert {row.name for row in registry.missing()} == {b.name, "c"}
    assert Journal.objects.get(name="c").path == "/c.journal"


def test_buying_stays_paused_until_the_others_have_reported_or_are_waived(path, settings):
    another(path, settings, "b")
    start_journal()
    other = Journal.objects.get()
    settings.JOURNAL_PATH = path
    start_journal()
    older(path)
    check_journal(whole=True)
    with pytest.raises(gate.NotOpened, match=rf"{other.name} \({other.machine}:{other.path}, last seen"):
        gate.open_gate(by=PERSON, reason="Compared.")
    with pytest.raises(gate.NotOpened, match="No journal in use is named nobody"):
        gate.open_gate(by=PERSON, reason="Compared.", without=["nobody"])
    assert Gate.objects.get().paused is True
    another(path, settings, "b")
    keep_journal()  # its worker is still running
    told = Event.objects.get(action="journal.reported", after={"journal": other.name})
    assert told.reason == f"{other.name}: It has nothing that the database doesn't have."
    gate.open_gate(by=PERSON, reason="Compared.")
    assert Gate.objects.get().paused is False


def test_a_retired_journal_owes_nothing(path, settings):
    another(path, settings, "b")
    start_journal()
    other = Journal.objects.get()
    settings.JOURNAL_PATH = path
    start_journal()
    older(path)
    check_journal(whole=True)
    registry.retire(name=other.name, by=PERSON, reason="Sold.")
    gate.open_gate(by=PERSON, reason="Compared.")


# --- What the database has forgotten --------------------------------------------------------


def test_a_restored_backup_pauses_everything_and_buys_nothing_again(fluents, path):
    line = rest(line_of(fluents))
    bought = line.phone_number
    forget(line)
    assert check_journal(whole=True) is False
    paused = Gate.objects.get()
    assert (paused.paused, paused.paused_by) == (True, "")
    name = Journal.objects.get().name
    assert paused.pause_reason.startswith(
        f"The send journal {name} has a purchase that the database doesn't. The database seems to have"
        f" been restored"
    )
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


def test_a_restored_backup_is_noticed_before_an_unanswered_purchase_is_sent_again(fluents):
    fluents.control("faults", [{"fault": "reset_before", "times": 1}])
    line = go_on(line_of(fluents))
    while line.state != S.UNKNOWN:
        line = go_on(line)
    other = rest(line_of(fluents))
    forget(other)
    for _ in range(12):
        line = go_on(line)
    assert Gate.objects.get().books_doubted is True
    assert line.sends == 1


def test_orders_that_the_backup_does_not_know_are_rebuilt(fluents, bob):
    line = rest(
        order(fluents, by=person_of(bob), label="Front desk", tags=["west"], quantity=3).lines.first()
    )
    before, bought = Order.objects.get(), line.phone_number
    forget_all()
    check_journal(whole=True)
    rebuilt = Order.objects.get()
    for name in ("form_token", "requested_by", "requested_by_name", "created_at", "quantity", "approval"):
        assert getattr(rebuilt, name) == getattr(before, name)
    assert "and 1 whole order. The database seems" in Gate.objects.get().pause_reason
    line = rest(rebuilt.lines.get())
    assert (line.state, line.phone_number, line.position) == (S.BOUGHT, bought, 1)
    number = Number.objects.get()
    assert (number.label, number.bought_by, number.origin) == ("Front desk", "bob", Origin.BOUGHT)
    assert [tag.name for tag in number.tags.all()] == ["west"]
    assert len(posts(fluents)) == 1


def person_of(user):
    from numbers.services.audit.events import Actor  # noqa: PLC0415 -- of one test

    return Actor.person(user)


def test_an_order_is_not_given_to_another_account_that_has_the_same_id_now(fluents, bob):
    rest(line_of(fluents, by=person_of(bob)))
    forget_all()
    bob.username = "mallory"
    bob.save()
    check_journal(whole=True)
    rebuilt = Order.objects.get()
    assert (rebuilt.requested_by, rebuilt.requested_by_name) == (None, "bob")


def test_settled_journals_stay_settled(fluents):
    line = rest(line_of(fluents))
    forget(line)
    check_journal(whole=True)
    gate.open_gate(by=PERSON, reason="Compared.")
    assert check_journal(whole=True) is True
    assert rest(line_of(fluents)).state == S.BOUGHT


def test_checking_again_replays_nothing_twice(fluents):
    line = rest(line_of(fluents))
    forget(line)
    for _ in range(3):
        check_journal(whole=True)
    assert Attempt.objects.count() == 1


def copied(path, entry: dict, **changes) -> dict:
    return entry | {"key": str(uuid.uuid4()), "at": db_now().isoformat()} | changes


def test_of_several_forgotten_sends_of_a_line_the_last_one_counts(fluents, path):
    """A line takes another number only when the one before is known not to be bought."""
    line = rest(line_of(fluents))
    bought = line.phone_number
    (entry,) = sends(path)
    earlier = copied(path, entry, phone_number="+14155550100", at=(db_now() - timedelta(hours=1)).isoformat())
    rewrite(path, [entries(path)[0], earlier, entry])
    forget(line)
    check_journal(whole=True)
    line = rest(line)
    assert (line.state, line.phone_number) == (S.BOUGHT, bought)
    assert [a.phone_number for a in line.attempts.order_by("n")] == ["+14155550100", bought]


@pytest.mark.parametrize("first", ["older", "newer"])
def test_sends_of_one_line_in_two_journals_end_with_the_later_one(fluents, path, settings, first):
    line = rest(line_of(fluents))
    (entry,) = sends(path)
    rewrite(path, [entries(path)[0]])
    older_send = copied(
        path, entry, phone_number="+14155550100", at=(db_now() - timedelta(hours=1)).isoformat()
    )
    forget(line)
    both = {"older": older_send, "newer": entry}
    journal.append(both.pop(first))
    check_journal(whole=True)
    another(path, settings, "second")
    registry.own()
    journal.append(both.popitem()[1])
    check_journal(whole=True)
    line = rest(line)
    assert (line.state, line.phone_number) == (S.BOUGHT, entry["phone_number"])
    assert [a.phone_number for a in line.attempts.order_by("n")] == ["+14155550100", entry["phone_number"]]


def test_a_forgotten_send_of_a_line_that_is_about_another_number_goes_to_a_person(fluents):
    line = rest(line_of(fluents))
    forget(line)
    Line.objects.filter(pk=line.pk).update(state=S.UNKNOWN, phone_number="+14155550100", sent_at=db_now())
    assert check_journal(whole=True) is False
    line.refresh_from_db()
    assert line.state == S.REVIEW
    assert line.reason == "The send journal and the database disagree about what was sent for this line."


def test_a_line_that_has_only_chosen_the_number_makes_way(fluents):
    line = rest(line_of(fluents))
    bought = line.phone_number
    forget(line)
    other = bare_line(S.RESERVED, phone_number=bought)
    check_journal(whole=True)
    line.refresh_from_db()
    other.refresh_from_db()
    assert (line.state, line.phone_number) == (S.UNKNOWN, bought)
    assert (other.state, other.phone_number) == (S.PLANNED, "")


def test_where_two_lines_may_have_bought_a_number_a_person_decides(fluents):
    line = rest(line_of(fluents))
    bought = line.phone_number
    forget(line)
    bare_line(S.UNKNOWN, phone_number=bought, sent_at=db_now())
    check_journal(whole=True)
    line.refresh_from_db()
    assert (line.state, line.phone_number) == (S.REVIEW, "")
    assert "another line has it too" in line.reason


def test_a_send_of_an_order_that_waits_for_approval_again_is_looked_up_all_the_same(fluents):
    line = rest(line_of(fluents))
    bought = line.phone_number
    forget(line)
    Order.objects.update(approval="waiting")
    check_journal(whole=True)
    assert rest(line).phone_number == bought
    assert len(posts(fluents)) == 1


def test_another_process_that_replays_the_same_sends_changes_nothing(fluents, path):
    line = rest(line_of(fluents))
    (entry,) = sends(path)
    forget_all()
    replay([entry])
    replay([entry])
    assert (Order.objects.count(), Line.objects.count(), Attempt.objects.count()) == (1, 1, 1)
    assert Line.objects.get().phone_number == line.phone_number


def test_an_order_that_was_over_is_open_again_once_a_forgotten_line_of_it_is_known(fluents, path):
    first, second = order(fluents, quantity=2).lines.order_by("position")
    rest(first)
    rest(second)
    forget_all()
    mine, other = sends(path)
    replay([mine])
    rest(Line.objects.get())
    assert record_endings() == 1
    replay([other])
    assert Order.objects.get().ending == Ending.OPEN


def test_a_worker_under_which_the_database_was_restored_looks_at_fluents_again(fluents, path):
    start_journal()
    look()
    assert obstacles.must_look() is False
    line = rest(line_of(fluents))
    forget(line)
    keep_journal()
    assert obstacles.must_look() is True
    look()
    Journal.objects.all().delete()  # restored to before it was known
    forget(rest(line))
    keep_journal()
    keep_journal()
    assert obstacles.must_look() is True


# --- The end of the file --------------------------------------------------------------------


@pytest.mark.parametrize("junk", JUNK)
def test_an_end_that_cannot_be_read_pauses_everything_until_a_person_has_seen_it(fluents, path, junk):
    rest(line_of(fluents))
    with path.open("ab") as file:
        file.write(junk)
    assert check_journal(whole=False) is False
    assert "The end of the send journal" in Gate.objects.get().pause_reason
    gate.open_gate(by=PERSON, reason="Compared.")
    assert check_journal(whole=True) is True
    line = rest(line_of(fluents))
    assert line.state == S.BOUGHT
    assert json.loads(path.read_bytes().splitlines()[-1])["key"] == str(line.attempts.get().key)


def test_empty_rows_are_passed_over(fluents, path):
    rest(line_of(fluents))
    with path.open("ab") as file:
        file.write(b"\n \n")
    assert check_journal(whole=False) is True
    assert check_journal(whole=True) is True


def test_a_last_entry_is_read_whole_however_long_it_is(fluents, path):
    line = rest(line_of(fluents))
    (entry,) = sends(path)
    journal.append(copied(path, entry, wanted=entry["wanted"] | {"tags": ["x" * 50] * 5000}))
    assert path.stat().st_size > 200_000
    assert check_journal(whole=False) is False
    assert line.attempts.count() == 2


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
    assert (line.state, line.reason) == (S.PLANNED, "the send journal can't be written")
    assert (posts(fluents), line.attempts.get().outcome) == ([], "not_sent")
    paused = Gate.objects.get()
    short = "the send journal couldn't be written completely"
    why = short if failure == "short" else "No space left on device"
    assert paused.pause_reason == f"The send journal can't be written ({why}). Nothing was sent."
    assert sends(path) == []  # what was written of it is taken back
    gate.open_gate(by=PERSON, reason="There is room again.")
    assert rest(line).state == S.BOUGHT
    assert len(fluents.charges()) == 1


def test_a_journal_that_cannot_be_read_pauses_everything_and_says_so(fluents, settings, tmp_path):
    (tmp_path / "file").write_text("in the way of a folder")
    settings.JOURNAL_PATH = tmp_path / "file" / "sends.journal"
    line = go_on(line_of(fluents))
    assert (line.state, line.lease_until, posts(fluents)) == (S.RESERVED, None, [])
    assert Gate.objects.get().pause_reason == "The send journal can't be read or created (Not a directory)."


# --- Rotation -------------------------------------------------------------------------------


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(journal, "PART_BYTES", 600)


def parts(path) -> list[str]:
    return sorted(file.name.rpartition(".")[2] for file in path.parent.glob(f"{path.name}.[0-9]*"))


def test_a_long_journal_is_set_aside_in_parts_and_stays_one_journal(fluents, path, small_parts):
    lines = [rest(line_of(fluents)) for _ in range(4)]
    assert parts(path) == ["000001", "000002", "000003"]
    assert journal.identity().part == 4
    assert path.stat().st_mode & 0o777 == 0o600
    assert check_journal(whole=True) is True
    forget(lines[0])  # its entry is in the first part
    assert check_journal(whole=True) is False
    lines[0].refresh_from_db()
    assert lines[0].state == S.UNKNOWN
    assert Journal.objects.count() == 1


def test_a_start_reads_no_further_than_to_a_seal_that_is_old_enough(fluents, path, small_parts):
    for _ in range(2):
        rest(line_of(fluents))
    seals.seal()
    an_hour_ago = db_now() - timedelta(hours=1)
    journal.append(journal.head_entry(seals.head(), live=[], at=an_hour_ago))
    journal.append(journal.head_entry(seals.head(), live=[], at=db_now()))
    for part in parts(path):
        path.with_name(f"{path.name}.{part}").unlink()  # years of them; looking for one would pause buying
    assert check_journal(whole=True) is True


def test_a_part_that_is_missing_where_it_is_needed_pauses_everything(fluents, path, small_parts):
    for _ in range(4):
        rest(line_of(fluents))
    path.with_name(f"{path.name}.000002").unlink()
    assert check_journal(whole=True) is False


def test_killed_in_the_middle_of_setting_a_part_aside(fluents, path, small_parts):
    for _ in range(2):
        rest(line_of(fluents))
    own = journal.identity()
    path.rename(path.with_name(f".{path.name}.next"))  # as it is between the two renamings
    assert journal.identity() == own
    assert check_journal(whole=True) is True


def test_a_lost_file_is_not_taken_for_one_that_was_just_set_aside(fluents, path, small_parts):
    for _ in range(3):
        rest(line_of(fluents))
    path.unlink()
    assert check_journal(whole=True) is False
    assert "is gone" in Gate.objects.get().pause_reason


def test_a_rebuilt_line_that_was_not_bought_goes_to_a_person(fluents):
    """Nobody can see any more who has approved the order, so nothing more is sent for it."""
    fluents.control("faults", [{"fault": "reset_before"}])
    line = go_on(line_of(fluents))
    while line.state != S.UNKNOWN:
        line = go_on(line)
    forget_all()
    check_journal(whole=True)
    gate.open_gate(by=PERSON, reason="Compared.")
    line = rest(Line.objects.get())
    assert line.state == S.REVIEW
    assert line.reason.startswith("It wasn't bought. The history doesn't show that this order was approved")
    assert (len(posts(fluents)), list(evidence.faults())) == (1, [])
