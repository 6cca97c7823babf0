"""Where an exact number cannot be searched for: one purchase at a time, and a snapshot before it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from numbers.db.clock import db_now
from numbers.models import Attempt, Gate, Line
from numbers.services.inventory.sync import sync
from numbers.services.purchasing.selection import choose
from numbers.services.purchasing.transitions import claim
from numbers.states import Guarantee, LineState, Outcome
from tests.support.books import bare_line, go_on, line_of, posts, rest
from tests.support.stack import wait_until

pytestmark = pytest.mark.django_db
S = LineState
LOST = ["reset_after", "truncated", {"fault": "error_after", "status": 502, "body": "html"}]


@pytest.fixture
def by_area(fluents):
    fluents.control("config", {"disabled_paths": ["/v1/numbers/available"]})
    return fluents


@pytest.fixture
def blind(fluents):
    fluents.control("config", {"only_buy": True})
    return fluents


def reserved(sandbox, **want) -> Line:
    choose(claim(line_id=line_of(sandbox, **want).pk))
    return Line.objects.latest("pk")


def test_a_line_is_bought_by_area_code_with_a_snapshot_taken_before(by_area):
    owned = by_area.control("numbers", {"area_code": "415"})["number"]
    by_area.control("numbers", {"area_code": "206"})
    line = rest(line_of(by_area))
    (post,) = posts(by_area)
    assert (line.state, line.guarantee, line.by_area_code) == (S.BOUGHT, Guarantee.SNAPSHOT, True)
    assert by_area.charged() == [line.phone_number] == [line.number.e164]
    assert (post["body"]["area_code"], "phone_number" in post["body"]) == ("415", False)
    assert line.attempts.get().owned_before == [owned]
    assert Gate.objects.get().guarantee == Guarantee.SNAPSHOT


def test_a_deployment_can_switch_the_search_off(fluents, settings):
    settings.FLUENTS_SEARCH = False
    line = rest(line_of(fluents))
    assert (line.state, line.guarantee) == (S.BOUGHT, Guarantee.SNAPSHOT)
    assert fluents.requests(path="/v1/numbers/available") == []


def test_a_wanted_number_is_still_exact_without_a_search(by_area):
    by_area.control("config", {"disabled_paths": []})
    wanted = by_area.offered()[0]
    by_area.control("config", {"disabled_paths": ["/v1/numbers/available"]})
    line = rest(line_of(by_area, phone_number=wanted))
    assert (line.state, line.guarantee, line.phone_number) == (S.BOUGHT, Guarantee.EXACT, wanted)


def test_only_one_line_of_a_connection_is_under_way(by_area):
    assert reserved(by_area).state == S.RESERVED
    second = reserved(by_area)
    assert (second.state, second.lease_until) == (S.PLANNED, None)
    assert second.due_at > db_now()
    assert second.reason == (
        "Another line on this connection is being bought. By area code, it's one at a time."
    )


@pytest.mark.parametrize("state", [S.RESERVED, S.SENDING, S.UNKNOWN])
def test_the_database_refuses_a_second_line_by_area_code(state):
    bare_line(state, by_area_code=True)
    with pytest.raises(IntegrityError, match=r"connection"), transaction.atomic():
        bare_line(S.RESERVED, by_area_code=True)


@pytest.mark.parametrize("fault", LOST, ids=str)
def test_a_lost_answer_is_found_by_the_difference_to_the_snapshot(by_area, fault):
    by_area.control("numbers", {"area_code": "415"})
    by_area.control("faults", [fault])
    line = go_on(line_of(by_area))
    assert (line.state, line.phone_number) == (S.UNKNOWN, "")
    line = rest(line)
    assert (line.state, by_area.charged(), len(posts(by_area))) == (S.BOUGHT, [line.phone_number], 1)


def test_a_purchase_that_comes_late_is_found(by_area):
    by_area.control("faults", [{"fault": "late_commit", "delay": 0.1}])
    line = go_on(line_of(by_area))
    wait_until(by_area.charges)
    line = rest(line)
    assert (line.state, by_area.charged(), len(posts(by_area))) == (S.BOUGHT, [line.phone_number], 1)


@pytest.mark.parametrize("fault", ["reset_before", {"fault": "error_before", "status": 503}], ids=str)
def test_an_absence_cannot_be_proven_so_a_person_decides(by_area, fault):
    by_area.control("faults", [fault])
    line = rest(line_of(by_area))
    assert (line.state, by_area.charges(), len(posts(by_area))) == (S.REVIEW, [], 1)
    assert line.reason == "Nothing new appeared, but a purchase by area code can't be ruled out."


def test_two_new_numbers_are_ambiguous_so_a_person_decides(by_area):
    by_area.control("faults", ["reset_after"])
    line = go_on(line_of(by_area))
    by_area.control("numbers", {"area_code": "415"})
    line = rest(line)
    assert (line.state, line.number, len(posts(by_area))) == (S.REVIEW, None, 1)
    assert line.reason.startswith("Several numbers have appeared since: +1 415")


def test_a_sync_in_between_does_not_hide_the_purchase(by_area):
    by_area.control("faults", ["reset_after"])
    line = go_on(line_of(by_area))
    sync()
    line = rest(line)
    assert (line.state, by_area.charged()) == (S.BOUGHT, [line.phone_number])


def test_a_number_that_another_line_is_about_is_not_taken(by_area):
    by_area.control("faults", ["reset_before"])
    line = go_on(line_of(by_area))
    others = by_area.control("numbers", {"area_code": "415"})["number"]
    bare_line(S.REVIEW, phone_number=others)
    line = rest(line)
    assert (line.state, line.number) == (S.REVIEW, None)


@pytest.mark.parametrize("known", ["by a look-up", "by a sync"])
def test_a_number_that_the_list_showed_too_late_is_not_taken(by_area, known):
    by_area.control("faults", [{"fault": "replay", "status": 409, "message": "Already taken"}])
    earlier = rest(line_of(by_area))
    assert (earlier.state, earlier.number) == (S.REVIEW, None)
    if known == "by a sync":
        earlier.look_ups.update(found=False)
        sync()
    by_area.control("config", {"lookup_lag": 60})
    by_area.control("faults", ["reset_after"])
    line = go_on(line_of(by_area))
    by_area.control("config", {"lookup_lag": 0})
    line = rest(line)
    assert (line.state, line.phone_number) == (S.BOUGHT, by_area.charged()[-1])


def test_an_empty_area_fails_with_fluents_words(by_area):
    line = rest(line_of(by_area, area_code="907"))
    assert (line.state, by_area.charges(), len(posts(by_area))) == (S.FAILED, [], 1)
    assert "No numbers available in area code 907" in line.reason


def test_a_429_is_sent_again_after_its_time(by_area):
    by_area.control("faults", [{"fault": "rate_limited", "retry_after": "3"}])
    line = rest(line_of(by_area))
    assert (line.state, by_area.charged(), len(posts(by_area))) == (S.BOUGHT, [line.phone_number], 2)


def test_an_answer_with_a_number_that_was_ours_before_is_not_taken_for_a_purchase(by_area, monkeypatch):
    owned = by_area.control("numbers", {"area_code": "415"})
    line = reserved(by_area)
    from numbers.services.purchasing import purchase as sending  # noqa: PLC0415 -- patched below

    monkeypatch.setattr(
        sending.fluents.Client, "buy", lambda self, **want: sending.fluents.RemoteNumber.from_json(owned)
    )
    Line.objects.update(lease_until=None)
    line = rest(line)
    assert (line.state, Attempt.objects.get().outcome) == (S.REVIEW, Outcome.OTHER_NUMBER)


@pytest.mark.parametrize("commit", ["asked", "both"])
def test_an_answer_from_another_area_goes_to_a_person(by_area, commit):
    by_area.control("config", {"stock_per_area_code": {"415": 1}})
    by_area.control("faults", [{"fault": "wrong_number", "commit": commit}])
    line = rest(line_of(by_area))
    assert (line.state, len(posts(by_area))) == (S.REVIEW, 1)


def test_blind_buying_works_and_says_what_it_can_not_promise(blind):
    line = rest(line_of(blind))
    assert (line.state, line.guarantee, line.by_area_code) == (S.BOUGHT, Guarantee.BLIND, True)
    assert blind.charged() == [line.phone_number]
    assert Gate.objects.get().guarantee == Guarantee.BLIND


@pytest.mark.parametrize("fault", ["reset_after", "reset_before", "truncated"])
@pytest.mark.parametrize("exact", [True, False])
def test_blind_every_unanswered_purchase_goes_to_a_person_at_once(fluents, exact, fault):
    want = {"phone_number": fluents.offered()[0]} if exact else {"area_code": "415"}
    fluents.control("config", {"only_buy": True})
    fluents.control("faults", [fault])
    line = rest(line_of(fluents, **want))
    assert (line.state, len(posts(fluents))) == (S.REVIEW, 1)
    assert line.reason == line.attempts.get().detail + " This API offers no way to check."
    done = "Fluents reported success, but its answer couldn't be read (the answer was cut off)."
    said = done if fault == "truncated" else "Fluents gave no clear answer: the "
    assert line.reason.startswith(said)


def test_blind_a_refusal_is_believed(blind):
    blind.control("faults", [{"fault": "status", "status": 400, "message": "Not with this plan"}])
    line = rest(line_of(blind))
    assert (line.state, blind.charges()) == (S.FAILED, [])
    assert line.reason.endswith("This API offers no lookup, so we accept this answer.")


def test_the_absence_of_a_line_by_area_code_waits_for_the_whole_window(by_area):
    by_area.control("faults", ["reset_before"])
    line = go_on(line_of(by_area))
    Line.objects.update(absences=9, sent_at=db_now() - timedelta(seconds=0.3))
    assert go_on(line).state == S.UNKNOWN
