"""What a list that was read once proves for each of the lines that share it."""

from datetime import datetime, timedelta

import pytest

from numbers.db.clock import db_now
from numbers.db.leases import LeaseLost, lease
from numbers.models import Connection, Line, Look
from numbers.services.fluents_client import client
from numbers.services.purchasing.readings import Readings
from numbers.services.purchasing.settlement import MAX_SENDS, settle
from numbers.services.purchasing.transitions import renew
from numbers.services.purchasing.unknowns import claim
from numbers.states import LineState, Outcome
from tests.support.books import attempt_of, bare_line

pytestmark = pytest.mark.django_db
S = LineState


@pytest.fixture(autouse=True)
def readings(monkeypatch, fluents, settings):
    """Those of a process that has read nothing yet. Every look reads the list, and settles nothing."""
    settings.SETTLE_WINDOW = 60
    fresh = Readings()
    monkeypatch.setattr("numbers.services.purchasing.lookup.readings", fresh)
    Connection.objects.create(api_id=fluents.connection, telephony_provider="twilio")
    return fresh


def unknown(n: int = 0, *, ago: float = 30, **fields) -> Line:
    """A line that was sent so many seconds AGO, claimed."""
    sent_at = db_now() - timedelta(seconds=ago)
    fields = {"connection": Connection.objects.get(), "sent_at": sent_at, "due_at": db_now(), **fields}
    fields["phone_number"] = f"+1415555{n:04}"
    line = bare_line(S.UNKNOWN, **fields)
    attempt_of(line, phone_number=line.phone_number, outcome=Outcome.UNKNOWN, sent_at=sent_at)
    return next(one for one in claim(limit=100) if one.pk == line.pk)


def times_read(fluents) -> int:
    asked = fluents.requests(path="/v1/numbers/list")
    return sum((entry["query"]["page"], entry["query"]["size"]) == ("1", "100") for entry in asked)


def test_lines_that_waited_when_a_reading_began_share_it(fluents):
    lines = [unknown(n) for n in range(5)]
    fluents.control("numbers", {"number": lines[3].phone_number})
    fluents.fault("ignore_filter", path="/v1/numbers", times=5)
    for line in lines:
        settle(line)
        line.refresh_from_db()
    assert times_read(fluents) == 1
    assert [line.absences for line in lines] == [1, 1, 1, 0, 1]
    assert [line.state for line in lines] == [S.UNKNOWN, S.UNKNOWN, S.UNKNOWN, S.BOUGHT, S.UNKNOWN]
    assert [look.detail for look in lines[3].look_ups.all()] == ["found in the list"]


def test_a_reading_that_began_before_a_line_was_sent_tells_nothing_of_it(fluents):
    settle(unknown(1))
    settle(later := unknown(2, ago=25))
    assert times_read(fluents) == 2
    assert later.look_ups.get().complete


def test_no_line_counts_a_reading_twice(fluents):
    first = unknown()
    settle(first)
    Line.objects.update(due_at=first.due_at)  # due again at once, as when a person opens the gate
    [again] = claim(limit=1)
    settle(again)
    assert times_read(fluents) == 2
    assert Line.objects.get().absences == 2
    assert len(set(first.look_ups.values_list("at", flat=True))) == 2


def test_a_reading_from_before_a_look_is_due_does_not_spare_it(fluents):
    now, later = unknown(1), unknown(2)
    settle(now)
    later.due_at = db_now()
    settle(later)
    assert times_read(fluents) == 2


def test_a_look_is_as_old_as_the_reading_that_it_shares(fluents, settings):
    """The last look must begin a whole window after the send, which a shared reading may not have done."""
    lines = [unknown(n, absences=2, sends=MAX_SENDS) for n in range(2)]
    settle(lines[0])
    sent_at, now = lines[1].sent_at, db_now()
    settings.SETTLE_WINDOW = (now - sent_at).total_seconds()
    settle(lines[1])
    assert times_read(fluents) == 1
    assert sent_at < lines[1].look_ups.get().at < now
    assert Line.objects.get(pk=lines[1].pk).state == S.UNKNOWN


@pytest.mark.parametrize("trouble", ["error", "unreadable", "moved"])
def test_what_was_not_read_whole_proves_no_absence_for_any_line(fluents, trouble):
    fluents.control("reset", {"numbers": 150})
    lines = [unknown(n) for n in range(3)]
    faults = {
        "error": {"fault": "error_before", "status": 403, "path": "/v1/numbers/list", "skip": 1},
        "unreadable": {"fault": "odd_list", "how": "strange_items", "times": 9},
        "moved": {"fault": "page_drift", "times": 9},
    }
    fluents.control("faults", [faults[trouble]])
    for line in lines:
        settle(line)
        line.refresh_from_db()
    assert times_read(fluents) == 1
    assert [line.absences for line in lines] == [0, 0, 0]
    assert not Look.objects.filter(complete=True).exists()


def test_the_lease_is_renewed_with_every_page_and_whoever_has_lost_it_reads_no_further(fluents):
    fluents.control("reset", {"numbers": 250})
    line = unknown()
    began, leases = db_now(), []
    listing = client().numbers(before_page=lambda: leases.append(renewed(line)))
    assert len(list(listing)) == 250
    assert len(leases) == 3
    assert began + lease() < leases[0] < leases[1] < leases[2]
    Line.objects.filter(pk=line.pk).update(generation=line.generation + 1)
    before = times_read(fluents)
    with pytest.raises(LeaseLost):
        settle(line)
    assert times_read(fluents) == before


def renewed(line: Line) -> datetime:
    renew(line)
    return Line.objects.get(pk=line.pk).lease_until


def test_a_process_that_ends_reads_no_further_page(fluents, readings):
    readings.end()
    settle(line := unknown())
    line.refresh_from_db()
    assert (line.state, line.absences, line.lease_until, times_read(fluents)) == (S.UNKNOWN, 0, None, 0)
    assert "the worker was asked to end" in line.look_ups.get().detail
