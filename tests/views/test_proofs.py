"""Testing a line from its page: offered where it can be done, and why not where it can't."""

import re

import pytest

from numbers.db.clock import db_now
from numbers.db.news import look
from numbers.models import Proof
from numbers.permissions import Role
from numbers.services.calls import proofs
from tests.support.calls import NO_CALLS, allow_test_calls, place_no_calls
from tests.support.people import person
from tests.views.upkeep import HOSTILE, agent, numbers

pytestmark = pytest.mark.django_db
PAGE = "/numbers/+14155550000/"
BUTTON, CHECK = "Test this line", "Check whether Fluents places calls"


@pytest.fixture
def lines(settings, monkeypatch):
    """Two lines, and nothing in the way."""
    allow_test_calls(settings, monkeypatch)
    return numbers(2, agent=agent())


def token_in(text: str) -> str:
    return re.search(r'name="token" value="([0-9a-f]{32})"', text)[1]


def ask(client, **typed):
    token = token_in(client.get(PAGE).text)
    return client.post(f"{PAGE}prove/", {"token": token, "probe": "+1 415 555 0001", **typed})


def test_a_click_asks_for_one_call(staff, lines):
    answer = ask(staff, token="a" * 32)
    assert (answer.status_code, answer.url) == (302, PAGE)
    proof = Proof.objects.get()
    assert (proof.number, proof.probe, proof.asked_by) == (*lines, "bob")
    text = staff.get(PAGE).text
    assert ("Calling from" in text, BUTTON in text) == (True, False)
    staff.post(f"{PAGE}prove/", {"token": "a" * 32, "probe": "+14155550001"})
    assert Proof.objects.count() == 1


def test_the_page_waits_for_the_verdict_and_then_shows_it(staff, lines):
    ask(staff)
    assert re.search(r'<section id="proof"[^>]* data-moving>', staff.get(PAGE).text)
    at = look()[0]
    Proof.objects.update(lease_until=db_now())
    assert not look(at)[1]
    Proof.objects.update(verdict="wrong", reason="Night desk answered.", ended_at=db_now())
    assert look(at)[1]
    text = staff.get(PAGE).text
    assert ("Wrong agent" in text, "Night desk answered." in text, BUTTON in text) == (True, True, True)
    assert "+1 415 555 0001" in re.search(r'<input[^>]*name="probe"[^>]*>', text)[0]


def test_another_line_of_ours_must_call(staff, lines):
    for typed in ("", "+14155550000", "+14155550999", *HOSTILE):
        answer = ask(staff, probe=typed)
        assert (answer.status_code, Proof.objects.exists()) == (422, False), typed
        form = answer.context["prove_form"]
        assert (form["probe"].value(), bool(form.errors["probe"])) == (typed, True), typed
        assert "Nothing was called." in answer.text.split('id="id_probe_error"')[0], typed


@pytest.mark.parametrize("token", ["", "short", "a b" * 10, "x" * 65])
def test_a_form_without_its_token_asks_for_nothing(staff, lines, token):
    ask(staff, token=token)
    assert not Proof.objects.exists()
    assert "This page was out of date. Try again." in staff.get(PAGE).text


@pytest.mark.parametrize("how", [*NO_CALLS, "asleep", "outbound"])
def test_where_it_cannot_be_done_the_page_says_why(staff, lines, settings, monkeypatch, how):
    if how in NO_CALLS:
        place_no_calls(how, settings)
    elif how == "asleep":
        monkeypatch.setattr(proofs, "HOURS", range(0))
    else:
        type(lines[0]).objects.update(outbound_only=True)
    text = staff.get(PAGE).text
    words = {
        "off": "Test calls are off: PROOF_CALLS_PER_DAY is 0.",
        "unchecked": "No one has checked yet",
        "absent": "place calls.",
        "asleep": "Lines are tested from",
        "outbound": "receive calls.",
    }
    assert (BUTTON in text, CHECK in text, words[how] in text) == (False, False, True)


def test_an_administrator_checks_the_endpoint(client, fluents, settings, monkeypatch):
    settings.PROOF_CALLS_PER_DAY = 5
    monkeypatch.setattr(proofs, "HOURS", range(24))
    numbers(1, agent=agent())
    client.force_login(person("ada", Role.ADMIN))
    assert CHECK in client.get(PAGE).text
    assert client.post(f"{PAGE}prove/check/").url == PAGE
    text = client.get(PAGE).text
    assert (CHECK in text, BUTTON in text, "This Fluents API places calls." in text) == (False, True, True)


def test_who_may_not_buy_sees_the_verdict_alone(client, lines):
    client.force_login(person("vera", Role.VIEWER))
    text = client.get(PAGE).text
    assert ("Never tested." in text, BUTTON in text, 'name="probe"' in text) == (True, False, False)
