"""When each number was last listed, though most rows do not say it themselves."""

import random
from datetime import timedelta

import pytest
import responses
from django.db import connection
from django.test.utils import CaptureQueriesContext

from numbers.db.clock import db_now
from numbers.listing.export import number_rows
from numbers.listing.query import Query
from numbers.models import Number, SyncState
from numbers.services.inventory.sightings import LAST_SEEN
from numbers.services.inventory.sync import sync
from numbers.states import AWAY, NumberStatus
from numbers.templatetags.ui import when

pytestmark = pytest.mark.django_db
ORDERS = {"synced": False, "-synced": True}


@pytest.fixture
def books(fluents):
    fluents.control("reset", {"numbers": 12})
    sync()
    return fluents


def seen() -> dict:
    return dict(Number.objects.values_list("e164", LAST_SEEN))


def in_order(**params) -> list:
    """When each number of the list was seen, as it is sorted by that."""
    found = Number.objects.annotate(last_seen=LAST_SEEN)
    order = Query.read(params).order
    return list(order.sorted(found).exclude(synced_at=None).values_list("last_seen", flat=True))


def give_up(fluents, number: Number) -> None:
    """As a plan does that releases it."""
    fluents.call("DELETE", "/_sandbox/numbers", params={"phone_number": number.e164})
    released = NumberStatus.RELEASED
    Number.objects.filter(pk=number.pk).update(status=released, synced_at=db_now(), drift={}, drifted=False)


def written(asked: CaptureQueriesContext) -> list[str]:
    return [query["sql"] for query in asked if "UPDATE" in query["sql"] and "numbers_number" in query["sql"]]


def test_a_sync_without_news_writes_no_number(books):
    before = db_now()
    with CaptureQueriesContext(connection) as asked:
        sync()
    assert written(asked) == []
    assert all(at >= before for at in seen().values())


def test_a_number_that_was_written_since_says_so_itself(books):
    number = Number.objects.last()
    later = db_now() + timedelta(minutes=1)
    Number.objects.filter(pk=number.pk).update(synced_at=later)
    sync()
    assert seen()[number.e164] == later


def test_what_is_gone_was_seen_by_the_sync_before(books):
    sync()
    before, number = seen(), Number.objects.first()
    books.call("DELETE", "/_sandbox/numbers", params={"phone_number": number.e164})
    assert sync().gone == 1
    after = seen()
    assert after[number.e164] == before[number.e164]
    assert all(after[e164] > before[e164] for e164 in before.keys() - {number.e164})
    sync()
    assert seen()[number.e164] == before[number.e164]


def test_what_was_bought_a_moment_ago_and_is_not_listed_yet_was_not_seen(books):
    number = Number.objects.first()
    books.call("DELETE", "/_sandbox/numbers", params={"phone_number": number.e164})
    Number.objects.filter(pk=number.pk).update(bought_at=db_now())
    before = seen()
    assert sync().gone == 0
    after = seen()
    assert after.pop(number.e164) == before[number.e164]
    assert all(after[e164] > before[e164] for e164 in after)


def test_of_a_list_that_could_not_be_read_as_a_whole_only_what_it_held_was_seen(settings):
    settings.FLUENTS_API_URL = "https://fluents.test"
    listed = [{"id": f"n-{n}", "number": f"+1415555010{n}"} for n in range(2)]

    def read(items: list) -> None:
        with responses.RequestsMock() as mock:
            for path, rows in [("account_connections", []), ("agents", []), ("numbers", items)]:
                mock.get(f"https://fluents.test/v1/{path}/list", json={"items": rows, "has_more": False})
            sync()

    read(listed)
    before = seen()
    read([listed[0], {"number": "unreadable"}])
    after = seen()
    assert after["+14155550100"] > before["+14155550100"]
    assert after["+14155550101"] == before["+14155550101"]


def test_a_sync_that_breaks_off_has_seen_nothing(books, monkeypatch):
    before = seen()

    def broken(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr("numbers.services.inventory.sync.sync_numbers", broken)
    with pytest.raises(RuntimeError):
        sync()
    assert seen() == before


def test_a_number_that_nothing_has_listed_yet_was_never_seen(books):
    Number.objects.create(e164="+14155550199")
    sync()
    assert seen()["+14155550199"] is None


@pytest.mark.parametrize("chance", range(6))
def test_the_list_sorts_by_what_it_shows(books, chance):
    """Whatever came, went or was given up between and during syncs."""
    dice = random.Random(chance)
    acts = [sync, sync, "give up", "lose", "renew", "find"]
    for _ in range(15):
        act, number = dice.choice(acts), dice.choice(Number.objects.owned())
        if act == "give up":
            give_up(books, number)
        elif act == "lose":
            books.call("DELETE", "/_sandbox/numbers", params={"phone_number": number.e164})
        elif act == "renew":
            Number.objects.filter(pk=number.pk).update(synced_at=db_now())
        elif act == "find":
            books.control("numbers", {})
        else:
            sync()
        for sort, down in ORDERS.items():
            shown = in_order(sort=sort, status="any")
            assert shown == sorted(shown, reverse=down)
    assert Number.objects.filter(status__in=AWAY).exists()


def test_pages_and_files_say_it(books, staff):
    number, at = Number.objects.first(), db_now() + timedelta(hours=2)
    SyncState.objects.update(seen_at=at)
    assert {row["synced_at"] for row in number_rows(Number.objects.all())} == {at.isoformat()}
    for address in ("/numbers/?cols=synced", f"/numbers/{number.e164}/"):
        assert when(at) in staff.get(address).content.decode(), address
    refused = staff.post(f"/numbers/{number.e164}/prove/")
    assert (refused.status_code, when(at) in refused.content.decode()) == (422, True)
