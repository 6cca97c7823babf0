"""`manage.py prove`: what it answers, and its exit status."""

import json

import pytest

from numbers.db.clock import db_now
from numbers.models import CallEndpoint, Proof
from numbers.permissions import Role
from tests.management.test_commands import run
from tests.support.calls import allow_test_calls
from tests.support.people import person
from tests.views.upkeep import agent, numbers

pytestmark = pytest.mark.django_db
LINE, PROBE = "+14155550000", "+14155550001"


@pytest.fixture
def lines(settings, monkeypatch):
    allow_test_calls(settings, monkeypatch)
    return numbers(3, agent=agent())


@pytest.mark.parametrize(("verdict", "status"), [("answers", 0), ("wrong", 1), ("unclear", 1), ("", 3)])
def test_the_status_is_that_of_the_verdict(lines, monkeypatch, verdict, status):
    def answered(seconds: float) -> None:
        Proof.objects.update(
            verdict=verdict, reason="So it is.", ended_at=db_now(), answered_by=lines[0].agent
        )

    monkeypatch.setattr("time.sleep", answered)
    wait = "0.3" if verdict else "0"
    found, out, _ = run("prove", LINE, "--from", PROBE, "--json", "--wait", wait)
    row = json.loads(out)
    assert (found, row["number"], row["verdict"]) == (status, LINE, verdict)


def test_what_is_refused_is_told_beside_what_is_not(lines):
    status, out, _ = run("prove", LINE, PROBE, "--from", PROBE)
    assert status == 3
    assert out.splitlines()[0].startswith(f"{LINE}  Testing")
    assert out.splitlines()[1] == f"{PROBE}  Not tested  A line can't call itself."


@pytest.mark.parametrize(
    "arguments",
    [(), (LINE,), ("--from", PROBE), (LINE, "--from", "+14155550999"), ("nonsense", "--from", PROBE)],
    ids=["nothing", "no probe", "no line", "not ours", "no number"],
)
def test_bad_input_asks_for_nothing(lines, arguments):
    status, out, err = run("prove", *arguments)
    assert (status, out, Proof.objects.exists()) == (2, "", False)
    assert err


def test_the_endpoint_is_checked_by_those_who_may(fluents):
    person("bob", Role.BUYER)
    assert run("prove", "--check", "--as", "bob")[0] == 2
    assert run("prove", "--check") == (0, "This Fluents API places calls.\n", "")
    assert run("prove", "--check")[0] == 1  # there is nothing to check any more
    CallEndpoint.objects.all().delete()
    fluents.control("config", {"disabled_paths": ["/v1/calls/create"]})
    status, out, _ = run("prove", "--check", "--json")
    assert (status, json.loads(out)["places_calls"]) == (1, False)
