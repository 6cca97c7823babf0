"""Whose number it is: one purchase, one line, for as long as we hold the number."""

import pytest
from django.db import IntegrityError, transaction

from numbers.models import Line, Number
from numbers.services.inventory import reconciliation
from numbers.services.inventory.sync import sync
from numbers.services.purchasing.review import CannotDecide, was_bought
from numbers.states import LineState, NumberStatus, Outcome
from tests.support.books import PERSON, bare_line, go_on, line_of, posts, rest

pytestmark = pytest.mark.django_db
S = LineState


def test_the_database_allows_one_bought_line_for_a_holding():
    number = Number.objects.create(e164="+14155550100")
    bare_line(S.BOUGHT, number=number)
    with pytest.raises(IntegrityError, match=r"holding"), transaction.atomic():
        bare_line(S.BOUGHT, number=number)
    bare_line(S.BOUGHT, number=number, holding=2)


@pytest.fixture
def cache(fluents):
    """Between us and an API without a search, whose list trails behind."""
    fluents.control("config", {"disabled_paths": ["/v1/numbers/available"], "lookup_lag": 60})
    return fluents


def test_a_cached_answer_that_shows_another_lines_number_goes_to_a_person(cache):
    first = rest(line_of(cache))
    cache.fault("cached")
    second = rest(line_of(cache))
    assert (first.state, second.state, second.number) == (S.BOUGHT, S.REVIEW, None)
    attempt = second.attempts.get()
    assert (attempt.outcome, attempt.status) == (Outcome.OTHER_NUMBER, 201)
    assert attempt.answer["number"] == first.phone_number
    assert f"belongs to line 1 of order {first.order_id}" in second.reason
    assert (len(cache.charges()), len(posts(cache))) == (1, 2)
    cache.control("config", {"lookup_lag": 0})
    with pytest.raises(CannotDecide, match=f"belongs to line 1 of order {first.order_id}"):
        was_bought(line_id=second.pk, phone_number=first.phone_number, by=PERSON, reason="On the invoice.")


def test_a_number_that_was_released_and_is_bought_again_is_another_holding(fluents):
    first = rest(line_of(fluents))
    number = first.number
    fluents.call("POST", "/v1/numbers/cancel", params={"phone_number": number.e164})
    Number.objects.update(status=NumberStatus.RELEASED)
    second = rest(line_of(fluents, phone_number=number.e164))
    assert (second.state, second.number, second.holding) == (S.BOUGHT, number, 2)
    assert Line.objects.filter(number=number, state=S.BOUGHT).count() == 2
    assert fluents.charged() == [number.e164] * 2


def test_a_number_that_we_gave_up_and_that_appears_again_belongs_to_no_line(fluents, settings):
    settings.SETTLE_WINDOW = 0
    first = rest(line_of(fluents))
    Number.objects.update(status=NumberStatus.RELEASED)
    fluents.control("faults", ["reset_before"])
    second = go_on(line_of(fluents))
    Line.objects.filter(pk=second.pk).update(state=S.FAILED)
    second.attempts.update(phone_number=first.phone_number)
    sync()
    number = Number.objects.get()
    assert (number.status, number.holding) == (NumberStatus.ACTIVE, 2)
    assert [d["kind"] for d in reconciliation.differences()] == ["given_up"]


def test_a_number_that_a_sync_missed_for_a_while_is_the_same_holding(fluents):
    line = rest(line_of(fluents))
    Number.objects.update(status=NumberStatus.GONE)
    sync()
    number = Number.objects.get()
    assert (number.status, number.holding) == (NumberStatus.ACTIVE, line.holding)
