"""planned -> reserved: one exact number that nobody holds and that is not ours."""

import pytest

from numbers.models import Gate, Line, Number
from numbers.services import fluents_client
from numbers.services.purchasing import selection as choosing
from numbers.services.purchasing.selection import choose
from numbers.services.purchasing.transitions import claim
from numbers.states import Guarantee, LineState, NumberStatus, Outcome
from tests.support.books import attempt_of, bare_line, go_on, line_of, posts, rest

pytestmark = pytest.mark.django_db
S = LineState


def chosen(line: Line) -> Line:
    choose(claim(line_id=line.pk))
    return Line.objects.get(pk=line.pk)


def asked_for(sandbox) -> list[str]:
    return [request["path"] for request in sandbox.requests()]


def test_a_line_reserves_an_exact_number_that_was_looked_up_and_sends_nothing(fluents):
    line = chosen(line_of(fluents))
    assert (line.state, line.guarantee, line.by_area_code) == (S.RESERVED, Guarantee.EXACT, False)
    assert line.phone_number[:5] == "+1415"
    assert line.checked_at is not None
    assert asked_for(fluents) == ["/v1/numbers/available", "/v1/numbers/list", "/v1/numbers"]
    assert (rest(line).state, Gate.objects.get().guarantee) == (S.BOUGHT, Guarantee.EXACT)


def test_two_lines_never_reserve_the_same_number(fluents):
    fluents.control("config", {"stock_per_area_code": {"415": 2}})
    numbers = {chosen(line_of(fluents)).phone_number for _ in range(2)}
    assert len(numbers) == 2
    third = chosen(line_of(fluents))
    assert (third.state, third.phone_number, third.searches) == (S.PLANNED, "", 1)


def test_a_number_that_the_books_own_is_not_chosen(fluents):
    fluents.control("config", {"stock_per_area_code": {"415": 2}})
    ours, other = fluents.offered()
    Number.objects.create(e164=ours)
    assert chosen(line_of(fluents)).phone_number == other


def test_the_search_offers_a_number_that_is_no_longer_for_sale(fluents):
    fluents.control("config", {"stock_per_area_code": {"415": 2}})
    ours, other = fluents.offered()
    fluents.control("numbers", {"number": ours})
    fluents.fault("stale_stock", path="/v1/numbers/available")
    assert chosen(line_of(fluents)).phone_number == other


@pytest.mark.parametrize("status", [NumberStatus.GONE, NumberStatus.RELEASED])
def test_a_number_that_was_given_up_may_be_bought_again(fluents, status):
    fluents.control("config", {"stock_per_area_code": {"415": 1}})
    (only,) = fluents.offered()
    Number.objects.create(e164=only, status=status)
    assert chosen(line_of(fluents)).phone_number == only


def test_offers_of_another_area_are_not_taken(fluents):
    fluents.fault("wrong_area", path="/v1/numbers/available")
    line = chosen(line_of(fluents))
    assert (line.state, line.phone_number) == (S.PLANNED, "")


def test_an_area_without_stock_is_searched_three_times_and_then_fails_without_a_purchase(fluents):
    line = rest(line_of(fluents, area_code="907"))
    assert (line.state, line.searches) == (S.FAILED, 2)
    assert "907 has no numbers available" in line.reason
    assert asked_for(fluents).count("/v1/numbers/available") == 3
    assert posts(fluents) == []


def test_a_wanted_number_is_reserved_as_it_is(fluents):
    wanted = fluents.offered()[3]
    line = chosen(line_of(fluents, phone_number=wanted))
    assert (line.state, line.phone_number) == (S.RESERVED, wanted)
    assert asked_for(fluents)[1:] == ["/v1/numbers/list", "/v1/numbers"]  # the first question was the test's


def test_a_wanted_number_that_is_ours_fails_without_a_purchase(fluents):
    ours = fluents.control("numbers", {})["number"]
    line = rest(line_of(fluents, phone_number=ours))
    assert line.state == S.FAILED
    assert line.reason.startswith("We already own ")
    assert posts(fluents) == []


def test_a_wanted_number_that_another_line_holds_waits_and_says_why(fluents):
    wanted = fluents.offered()[0]
    holder = chosen(line_of(fluents, phone_number=wanted))
    line = chosen(line_of(fluents, phone_number=wanted))
    assert (holder.state, line.state, line.lease_until) == (S.RESERVED, S.PLANNED, None)
    assert line.due_at > line.created_at
    assert line.reason == f"Another line is buying {choosing.pretty(wanted)}; waiting for it."


def test_of_two_lines_that_want_one_number_one_buys_it_and_the_other_fails(fluents):
    wanted = fluents.offered()[0]
    first, second = (line_of(fluents, phone_number=wanted) for _ in range(2))
    assert rest(first).state == S.BOUGHT
    assert rest(second).state == S.FAILED
    assert fluents.charged() == [wanted]


@pytest.mark.parametrize("by_whom", ["area_code", "phone_number"])
def test_a_closed_gate_lets_a_line_wait_without_asking_fluents(fluents, by_whom):
    Gate.objects.update(paused=True, pause_reason="Audit.")
    line = bare_line(wanted_number="+14155550100" if by_whom == "phone_number" else "")
    line = go_on(line)
    assert (line.state, line.reason) == (S.PLANNED, "Buying is paused: Audit.")
    assert fluents.requests() == []


def test_a_read_that_fails_keeps_the_line_and_tells_why_in_plain_words(fluents):
    fluents.fault("error_before", path="/v1/numbers/available", times=3)
    line = chosen(line_of(fluents))
    assert (line.state, line.retries, line.lease_until) == (S.PLANNED, 1, None)
    assert line.reason == ("Fluents gave no clear answer. Fluents says: Internal server error. Trying again.")
    assert go_on(line).state == S.BOUGHT


def test_a_search_that_is_slowed_down_waits_as_long_as_fluents_asks(fluents):
    fluents.fault("rate_limited", path="/v1/numbers/available", times=3, retry_after="120")
    line = line_of(fluents)
    placed = line.created_at
    line = chosen(line)
    assert 119 < (line.due_at - placed).total_seconds() < 125


def test_after_five_numbers_that_could_not_be_bought_the_line_gives_up(fluents):
    line = line_of(fluents)
    for n in range(5):
        attempt_of(line, phone_number=f"+1415555010{n}", outcome=Outcome.UNAVAILABLE)
    line = chosen(line)
    assert (line.state, line.reason) == (S.FAILED, "Tried 5 numbers, but none could be bought.")


def test_refusals_that_were_about_our_token_do_not_count_against_the_numbers(fluents):
    line = line_of(fluents)
    for n in range(9):
        attempt_of(line, phone_number=f"+1415555010{n}", outcome=Outcome.REFUSED, status=401)
    assert chosen(line).state == S.RESERVED


def test_a_number_that_was_turned_down_is_not_tried_again(fluents):
    fluents.control("config", {"stock_per_area_code": {"415": 2}})
    tried, other = fluents.offered()
    line = line_of(fluents)
    attempt_of(line, phone_number=tried, outcome=Outcome.UNAVAILABLE)
    assert chosen(line).phone_number == other


def test_offers_are_drawn_and_not_taken_in_their_order(fluents, monkeypatch):
    """Other lines, and other dashboards of the account, are offered the same ones."""
    offers = fluents_client.client().available(
        telephony_provider="twilio", telephony_account_connection=fluents.connection, area_code="415"
    )
    monkeypatch.setattr(fluents_client.fluents.Client, "available", lambda self, **want: offers)
    lines = [choose(claim(line_id=line_of(fluents).pk)) for _ in range(8)]
    chosen = [[offer.number for offer in offers].index(line.phone_number) for line in lines]
    assert chosen not in (sorted(chosen), sorted(chosen, reverse=True))  # the last offer is taken first
