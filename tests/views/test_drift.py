"""The drift inbox: both sides are shown, and a person decides."""

import pytest
from django.db import connection
from django.utils import timezone

from numbers.models import Event, Number, Plan, SyncRequest
from numbers.templatetags.numbers import DRIFT_KINDS
from numbers.views.drift import of_kind
from tests.support.books import run_worker_until_idle
from tests.views.upkeep import HOSTILE, agent, differing, numbers

pytestmark = pytest.mark.django_db


def ticks(staff) -> list[str]:
    """The values of the boxes on the page."""
    text = staff.get("/drift/").content.decode()
    return [part.split('"')[0] for part in text.split('name="number" value="')[1:]]


@pytest.mark.parametrize("count", [1, 60])
def test_the_inbox_asks_as_much_for_many_numbers_as_for_one(staff, django_assert_num_queries, count):
    differing(count)
    with django_assert_num_queries(12):
        staff.get("/drift/")


def test_both_sides_stand_there_in_words(staff):
    differing(1)
    text = staff.get("/drift/").content.decode()
    for words in ("Reception", "Bookings", "Ours", "Theirs", "+1\u00a0415\u00a0555\u00a00000"):
        assert words in text
    assert "id of Bookings" not in text


def test_theirs_are_taken_for_the_ticked_numbers_only(staff):
    first, second = differing(2)
    tick = next(tick for tick in ticks(staff) if tick.startswith(first.e164))
    staff.post("/drift/decide/", {"number": tick, "which": "ticked", "decision": "theirs"})
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.label, str(first.agent), first.drifted) == ("Theirs", "Bookings", False)
    assert (second.label, second.drifted) == ("Ours", True)
    event = Event.objects.get(action="number.accepted")
    assert (event.actor_name, event.number) == ("bob", first)
    assert "Used Fluents" in staff.get("/drift/").content.decode()


def test_pushing_ours_is_a_plan_first(staff):
    differing(2)
    answer = staff.post("/drift/decide/", {"which": "all", "decision": "ours"})
    plan = Plan.objects.get()
    assert answer.url == f"/plans/{plan.pk}/"
    assert (plan.act, plan.state, plan.rows.count()) == ("push", "draft", 2)
    assert Number.objects.filter(drifted=True).count() == 2


def test_the_button_of_a_row_means_that_row_whatever_is_ticked(staff):
    differing(2)
    boxes = ticks(staff)
    staff.post("/drift/decide/", {"number": boxes, "which": "all", "one": f"theirs {boxes[0]}"})
    assert [n.e164 for n in Number.objects.filter(drifted=True)] == [boxes[1].partition(":")[0]]


def test_what_differs_in_another_way_by_now_is_not_decided(staff):
    differing(1)
    boxes = ticks(staff)
    Number.objects.update(drift={"label": {"ours": "Ours", "theirs": "Something else"}})
    answer = staff.post("/drift/decide/", {"number": boxes, "decision": "theirs"}, follow=True)
    assert "This number changed since" in answer.content.decode()
    assert Number.objects.get().drifted


def test_there_is_nothing_to_push_of_a_number_that_is_gone(staff):
    numbers(1, drift={"gone": True}, drifted=True, status="gone")
    numbers(1, start=5, drift={"appeared": True}, drifted=True)
    answer = staff.post("/drift/decide/", {"which": "all", "decision": "ours"}, follow=True)
    assert "nothing to send" in answer.content.decode()
    assert not Plan.objects.exists()


def test_all_that_match_means_the_filter(staff):
    differing(2)
    numbers(1, start=50, drift={"gone": True}, drifted=True, status="gone")
    staff.post("/drift/decide/", {"which": "all", "kind": "gone", "decision": "theirs"})
    assert Number.objects.filter(drifted=True).count() == 2


@pytest.mark.parametrize("kind", DRIFT_KINDS)
def test_numbers_of_a_kind_are_found_in_its_index_however_many_others_differ(kind):
    if connection.vendor == "postgresql":  # which reads a table as small as this one as a whole
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
    assert f"number_drift_{kind}" in of_kind(kind).order_by().explain()


@pytest.mark.parametrize("kind", ["appeared", "gone", "agent", "label", "description", "outbound_only"])
def test_the_inbox_is_filtered_by_kind(staff, kind):
    side = {"ours": "", "theirs": ""}
    for n, name in enumerate(["appeared", "gone", "agent", "label", "description", "outbound_only"]):
        marked = True if name in ("appeared", "gone") else side
        numbers(1, start=n, drift={name: marked}, drifted=True, label=f"It is the {name}")
    text = staff.get("/drift/", {"kind": kind}).content.decode()
    assert f"It is the {kind}" in text
    assert text.count("It is the ") == 1


def test_odd_parameters_break_nothing(staff):
    differing(1)
    for text in HOSTILE:
        asked = dict.fromkeys(("kind", "before", "after", "late"), text)
        assert staff.get("/drift/", asked).status_code == 200, text
        asked = dict.fromkeys(("number", "which", "kind", "decision", "one", "back"), text)
        assert staff.post("/drift/decide/", asked).status_code == 302, text
        assert Number.objects.get().drifted, text


def test_deciding_leads_back_to_our_own_pages_only(staff):
    differing(1)
    for back in ("https://example.com/", "//example.com", "javascript:alert(1)", "/\\example.com"):
        assert staff.post("/drift/decide/", {"back": back}).url == "/drift/"


# --- Sync now ---------------------------------------------------------------------------------


def test_a_sync_is_asked_for_once_and_shows_until_it_is_done(staff, bob, fluents):
    fluents.control("reset", {"numbers": 3})
    staff.post("/numbers/sync/")
    staff.post("/numbers/sync/")
    assert SyncRequest.objects.get().requested_by == bob
    assert "Syncing" in staff.get("/drift/").text
    run_worker_until_idle()
    assert "Syncing" not in staff.get("/drift/").text
    event = Event.objects.get(action="sync.finished")
    assert (event.actor_name, event.actor, bool(event.request_id)) == ("bob", bob, True)


def test_a_failed_sync_says_so_and_does_not_go_on_for_ever(staff, settings):
    staff.post("/numbers/sync/")
    run_worker_until_idle()
    assert SyncRequest.objects.get().finished_at is not None
    assert "The last sync failed" in staff.get("/drift/").content.decode()


def test_without_a_token_no_sync_is_asked_for(staff, settings):
    settings.FLUENTS_API_TOKEN = ""
    answer = staff.post("/numbers/sync/", follow=True)
    assert "so nothing can be synced" in answer.content.decode()
    assert not SyncRequest.objects.exists()


def test_a_sync_that_no_worker_takes_says_so(staff):
    SyncRequest.objects.create(asked_at=timezone.now() - timezone.timedelta(minutes=2), pk=1)
    assert "No worker has finished it yet" in staff.get("/drift/").content.decode()


def test_the_count_stands_in_the_sidebar(staff):
    differing(3)
    assert '3<span class="visually-hidden"> open</span>' in staff.get("/orders/").content.decode()
    agent()
