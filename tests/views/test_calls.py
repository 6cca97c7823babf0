"""Calls on the pages: a number's, the agents', the overview's, and before a release."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from numbers.models import Agent, AgentDay, CallReading, Number, NumberDay, Price
from numbers.permissions import Role
from numbers.services.monitoring import statistics
from tests.support.calls import calls_are_known
from tests.support.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def line(settings):
    """Called on two days; once the wrong agent has answered."""
    calls_are_known(settings)
    now = timezone.now()
    own, other = (Agent.objects.create(api_id=name, name=name, known_as=name) for name in ("Desk", "Sales"))
    number = Number.objects.create(
        e164="+14155550101", agent=own, telephony_provider="twilio", calls_30=13, last_call_at=now
    )
    days = [
        {"agent": own, "incoming": 9, "outgoing": 2, "answered": 8, "failed": 1, "seconds": 600},
        {"agent": other, "incoming": 2, "answered": 2, "wrong": 1, "seconds": 120},
    ]
    for ago, day in enumerate(days):
        at = now - timedelta(days=ago)
        NumberDay.objects.create(number=number, day=at.date(), last_at=at, **day)
        AgentDay.objects.create(day=at.date(), last_at=at, **day)
    return number


@pytest.fixture
def unknown(line):
    CallReading.objects.update(supported=False)
    return line


WHY = "This Fluents API doesn&#x27;t list calls."


def test_a_number_shows_its_calls_in_words_and_as_a_chart(staff, line):
    text = staff.get(line.get_absolute_url()).text
    assert "13 calls</strong> in the last 30 days: 11 in, 2 out, 1 failed, 12 min talked." in text
    label = re.search(r'<svg class="chart"[^>]*aria-label="([^"]+)"', text)[1]
    assert label.startswith("Calls by day, the last 30 days. ")
    assert label.count("; ") == 1
    assert label.endswith(": 11 calls, 1 failed.")
    assert text.count('class="ground"') == 30


def test_a_number_shows_who_answered_and_who_should_have(staff, line):
    text = staff.get(line.get_absolute_url()).text
    assert re.search(r"<dt>Desk</dt><dd>answered 8</dd>", text)
    assert re.search(
        r"<dt>Sales</dt><dd>answered 2 .*Wrong agent.*1 call that another agent should have", text
    )


def test_a_number_without_calls_says_how_far_back_that_is_known(staff, line):
    silent = Number.objects.create(e164="+14155550102")
    text = staff.get(silent.get_absolute_url()).text
    assert "<strong>No calls</strong> in the last 30 days." in text
    assert "the earliest day read" in text


def test_a_number_whose_calls_are_not_known_says_why(staff, unknown):
    text = staff.get(unknown.get_absolute_url()).text
    assert f"Not known. {WHY}" in text
    assert 'class="chart"' not in text


def test_agents_show_calls_and_how_many_failed(staff, line):
    calls = r'<td class="figure">(\d+)<span class="unit"> calls?</span></td>'
    failed = r'<td class="figure">([\d.]+)%'
    rows = re.findall(rf"{calls}\s*{failed}", staff.get("/agents/").text)
    assert rows == [("11", "9.1"), ("2", "0.0")]


def test_agents_whose_calls_are_not_known_say_so(staff, unknown):
    text = staff.get("/agents/").text
    assert text.count('<td class="figure"><span class="quiet">Not known</span></td>') == 2
    assert WHY in text


def test_an_agents_own_page_shows_its_calls_and_how_many_failed(staff, line):
    text = staff.get(f"/agents/{line.agent_id}/").text
    assert '<dt>Calls (30 days)</dt><dd><span class="num">11</span>' in text
    assert '<dt>Failed calls</dt><dd><span class="num">9.1%</span></dd>' in text


def test_an_agents_own_page_says_why_its_calls_are_not_known(staff, unknown):
    text = staff.get(f"/agents/{unknown.agent_id}/").text
    assert f'<dt>Calls (30 days)</dt><dd><span class="quiet">Not known. {WHY}</span></dd>' in text
    assert "Failed calls" not in text


def test_the_overview_shows_the_busiest_the_silent_and_what_a_used_line_costs(staff, line):
    Price.objects.create(telephony_provider="twilio", monthly="1.15")
    old = timezone.now() - timedelta(days=90)
    Number.objects.create(e164="+14155550102", telephony_provider="twilio", bought_at=old)
    text = staff.get("/").text
    assert re.search(r"silent=30[^>]*>1 line</a> silent", text)
    assert text.count('<a href="/numbers/+14155550101/" title="">') == 1


def test_the_overview_says_why_calls_are_not_known(staff, unknown):
    assert f"Not known. {WHY}" in staff.get("/").text


def test_the_overview_counts_anew_once_calls_were_read(staff, line):
    assert statistics.figures().counts["calls"]["used"] == 1
    Number.objects.create(e164="+14155550102", calls_30=2)
    assert statistics.figures().counts["calls"]["used"] == 1
    CallReading.objects.update(until=timezone.now())
    assert statistics.figures().counts["calls"]["used"] == 2


def test_before_a_release_its_calls_are_shown(client, line):
    client.force_login(person("ada", Role.ADMIN))
    text = client.get(f"{line.get_absolute_url()}release/").text
    assert re.search(r"<dt>Last call</dt><dd><time", text)
    assert re.search(r"<dt>Calls \(30 days\)</dt><dd>13<", text)
    assert "Check in Fluents" not in text


def test_before_a_release_it_says_that_calls_are_not_known(client, unknown):
    client.force_login(person("ada", Role.ADMIN))
    text = client.get(f"{unknown.get_absolute_url()}release/").text
    assert f"{WHY} Check in Fluents whether the number is still in use." in text
    assert "<dt>Last call</dt><dd>Not known</dd>" in text


@pytest.mark.parametrize("known", [True, False])
def test_before_many_are_released_their_calls_are_shown(client, line, known):
    client.force_login(person("ada", Role.ADMIN))
    CallReading.objects.update(supported=known)
    Number.objects.create(e164="+14155550102", telephony_provider="twilio")
    text = client.post("/plans/give-up/", {"all": "1", "act": "release"}, follow=True).text
    if known:
        assert "1 number of them had calls in the last 30 days." in text
        assert '13<span class="unit"> calls</span>' in text
    else:
        assert "Calls aren&#x27;t known" in text or "Calls aren't known" in text
        assert text.count("Not known") == 4
