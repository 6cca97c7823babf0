"""The review desk: the proven number is offered, the disproved one is not, and who decided is told."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from numbers.models import Attempt, Line, Look
from numbers.services.purchasing.review import proven, was_bought
from numbers.states import LineState
from tests.support.books import PERSON, bare_line, go_on, line_of, rest

pytestmark = pytest.mark.django_db
S = LineState
ASKED = "+14155550100"


def under_review(fluents, commit: str) -> Line:
    """A line whose purchase was answered with another number; COMMIT says which of them was bought."""
    fluents.control("faults", [{"fault": "wrong_number", "commit": commit}])
    line = rest(go_on(line_of(fluents)))
    assert line.state == S.REVIEW
    return line


def page(staff, line: Line, query: str = "") -> str:
    return staff.get(f"/review/{line.pk}/{query}").text.replace("\u00a0", " ")


def filled(text: str) -> str:
    found = re.search(r'name="phone_number"[^>]*value="([^"]*)"', text)
    return found[1] if found else ""


def digits(text: str) -> str:
    return re.sub(r"[^+\d]", "", text)


@pytest.mark.parametrize("commit", ["other", "asked"])
def test_the_number_that_was_bought_is_filled_in_and_recommended(staff, fluents, commit):
    line = under_review(fluents, commit)
    [bought] = fluents.charged()
    assert proven(line) == [bought]
    text = page(staff, line)
    assert digits(filled(text)) == bought
    assert re.search(r"It was bought</span>\s*<span[^>]*>.*?Recommended", text, re.DOTALL)
    assert "Use this number" in text
    assert "https://console.twilio.com/" in text


def test_of_two_numbers_a_person_chooses_the_one_to_use(staff, fluents):
    line = under_review(fluents, "both")
    assert sorted(proven(line)) == sorted(fluents.charged())
    assert (filled(page(staff, line)), "Recommended" in page(staff, line)) == ("", False)
    other = line.attempts.get().answer["number"]
    text = page(staff, line, f"?use=%2B{other[1:]}")
    assert digits(filled(text)) == other
    assert re.search(r'value="bought"[^>]*checked', text)


def test_a_number_that_was_not_found_is_not_filled_in_and_trying_again_is_recommended(staff):
    line = bare_line(S.REVIEW, phone_number=ASKED)
    sent = timezone.now() - timedelta(hours=1)
    Attempt.objects.create(line=line, n=1, generation=1, phone_number=ASKED, sent_at=sent)
    Look.objects.create(line=line, at=sent, complete=True, found=True, phone_numbers=[ASKED])
    Look.objects.create(line=line, complete=True, found=False)
    text = page(staff, line)
    assert (proven(line), filled(text)) == ([], "")
    assert "+1 415 555 0100 wasn't in Fluents in 1 full check." in text
    assert re.search(r"try again</span>\s*<span[^>]*>.*?Recommended", text, re.DOTALL)


def test_where_nothing_was_looked_up_the_number_that_was_asked_for_is_filled_in(staff):
    line = bare_line(S.REVIEW, phone_number=ASKED)
    assert digits(filled(page(staff, line))) == ASKED


def test_a_number_of_another_line_is_not_proven(staff):
    line = bare_line(S.REVIEW, phone_number=ASKED)
    Attempt.objects.create(line=line, n=1, generation=1, sent_at=timezone.now() - timedelta(hours=1))
    bare_line(S.SENDING, phone_number="+14155550101")
    Look.objects.create(line=line, complete=True, found=True, phone_numbers=["+14155550101"])
    assert proven(line) == []


def test_who_decided_is_told_with_the_reason(staff, fluents):
    line = under_review(fluents, "other")
    [number] = fluents.charged()
    was_bought(line_id=line.pk, phone_number=number, by=PERSON, reason="Seen in the console.")
    text = re.sub(r"<[^>]+>", "", page(staff, line))
    assert re.search(r"Decided by bob today \d\d:\d\d: Seen in the console\.", text)
