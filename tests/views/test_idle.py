"""Idle lines: which they are, what they cost, what their provider may do, and what to do about them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from numbers.models import Agent, CallReading, Number, NumberDay, Price
from numbers.permissions import Role
from numbers.services.monitoring.attention import Kind, open_items
from tests.support.calls import calls_are_known
from tests.support.people import person

pytestmark = pytest.mark.django_db
URL = "/attention/?tab=idle"


@pytest.fixture
def line(settings):
    """Ours for half a year, and not called for 40 days."""
    calls_are_known(settings)
    Price.objects.create(telephony_provider="twilio", monthly="1.15")
    now = timezone.now()
    return Number.objects.create(
        e164="+14155550101",
        label="Summer campaign",
        telephony_provider="twilio",
        agent=Agent.objects.create(api_id="a1", name="Reception", known_as="Reception"),
        bought_at=now - timedelta(days=180),
        last_call_at=now - timedelta(days=40),
    )


def idle() -> list[Number]:
    return list(open_items(Kind.IDLE))


def test_it_says_since_when_what_it_costs_and_what_its_provider_may_do(client, line):
    client.force_login(person("ada", Role.ADMIN))
    text = client.get(URL).text
    assert "Summer campaign. Reception answers." in text
    assert "Twilio may take it back: 0 calls of 12 s or more in 30 days, and it expects 3." in text
    assert f'datetime="{line.last_call_at:%Y-%m-%dT%H:%M}' in text
    assert 'cost <strong class="num">$1.15</strong> a month' in text
    assert f'href="/numbers/{line.e164}/release/"' in text
    assert f'href="/numbers/{line.e164}/assign/"' in text


def test_what_is_known_of_calls_is_read_once_for_the_page(client, line):
    client.force_login(person("ada", Role.ADMIN))
    with CaptureQueriesContext(connection) as queries:
        client.get(URL)
    assert sum("callreading" in query["sql"] for query in queries) == 1


def test_who_may_not_release_is_not_offered_it(client, line):
    client.force_login(person("ines", Role.ASSIGNER))
    text = client.get(URL).text
    assert f"/numbers/{line.e164}/assign/" in text
    assert f"/numbers/{line.e164}/release/" not in text


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"last_call_at": None}, True),
        ({"last_call_at": timedelta(days=29)}, False),
        ({"last_call_at": timedelta(days=31)}, True),
        ({"bought_at": timedelta(days=29)}, False),
        ({"bought_at": None}, True),
        ({"bought_at": None, "last_call_at": None}, False),  # found in Fluents today, for all we know
        ({"status": "released"}, False),
    ],
)
def test_which_lines_are_idle(line, changes, found):
    now = timezone.now()
    values = {name: now - value if isinstance(value, timedelta) else value for name, value in changes.items()}
    Number.objects.filter(pk=line.pk).update(**values)
    assert idle() == ([line] if found else [])


def test_days_are_a_setting_and_new_lines_are_exempt_anyway(line, settings):
    settings.IDLE_DAYS = 60
    assert idle() == []
    settings.IDLE_DAYS = 7
    bought = timezone.now() - timedelta(days=20)
    Number.objects.filter(pk=line.pk).update(bought_at=bought, last_call_at=bought + timedelta(days=1))
    assert idle() == []
    Number.objects.filter(pk=line.pk).update(bought_at=bought - timedelta(days=11))
    assert idle() == [line]


@pytest.mark.parametrize(("lasting", "at_risk"), [(2, True), (3, False)])
def test_the_rule_counts_calls_that_lasted(staff, line, settings, lasting, at_risk):
    settings.IDLE_DAYS = 7
    called = timezone.now() - timedelta(days=10)
    Number.objects.filter(pk=line.pk).update(last_call_at=called)
    NumberDay.objects.create(number=line, day=called.date(), incoming=9, lasting=lasting, last_at=called)
    assert ("Twilio may take it back" in staff.get(URL).text) is at_risk


def test_a_provider_without_a_known_rule_is_no_risk(staff, line):
    Number.objects.update(telephony_provider="telnyx")
    text = staff.get(URL).text
    assert "Summer campaign" in text
    assert "may take it back" not in text


@pytest.mark.parametrize("changes", [{"supported": False}, {"until": None}, {"since": timezone.now()}])
def test_where_calls_are_not_known_it_says_so_and_lists_nothing(staff, line, changes):
    CallReading.objects.update(**changes)
    text = staff.get(URL).text
    assert "Nothing is listed until calls are known." in text
    assert idle() == []
    assert "Summer campaign" not in text


def test_an_idle_line_is_snoozed_with_a_reason(staff, line):
    form = {"kind": "idle", "item": line.pk, "days": 30, "reason": "Opens in May."}
    staff.post("/attention/snooze/", form)
    assert idle() == []
    assert "Opens in May." in staff.get(f"{URL}&snoozed=1").text


def test_the_side_bar_does_not_count_idle_lines(staff, line):
    assert 'class="count"' not in staff.get("/").text.partition('href="/attention/"')[2].partition("</a>")[0]
