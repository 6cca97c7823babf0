"""What a page asks Fluents for while somebody waits."""

import time

import pytest

from numbers.models import Number
from numbers.services.orders import availability as finding
from numbers.services.orders.availability import for_sale, idle_in
from numbers.states import LineState, NumberStatus
from tests.support.books import bare_line
from tests.support.stack import free_port

pytestmark = pytest.mark.django_db


def asked(fluents, area_code: str, **more) -> finding.ForSale:
    return for_sale(
        area_code=area_code,
        telephony_provider="twilio",
        telephony_account_connection=fluents.connection,
        **more,
    )


def test_what_is_for_sale_is_shown_and_nothing_is_held_or_bought(fluents):
    found = asked(fluents, "617")
    assert (len(found.numbers), found.unknown, found.near) == (finding.SHOWN, "", [])
    assert set(found.numbers) <= set(fluents.offered("617", limit=100))
    assert fluents.charges() == []


def test_digits_are_searched_for_anywhere_in_the_number(fluents):
    digits = fluents.offered("617", limit=1)[0][-4:]
    found = asked(fluents, "617", digits=digits)
    assert found.numbers
    assert all(digits in number[2:] for number in found.numbers)


def test_digits_that_no_number_has_do_not_send_one_elsewhere(fluents):
    found = asked(fluents, "617", digits="0000000")
    assert (found.numbers, found.near, found.near_asked) == ([], [], 0)


def test_what_is_ours_or_in_a_lines_hands_is_not_offered(fluents):
    ours, held, *_ = offers = asked(fluents, "617").numbers
    Number.objects.create(e164=ours)
    bare_line(LineState.RESERVED, phone_number=held)
    fluents.control("config", {"stock_per_area_code": {"default": 40, "617": 4}})
    again = asked(fluents, "617").numbers
    assert not {ours, held} & set(again)
    assert len(offers) == finding.SHOWN


def test_where_there_is_none_the_nearest_that_have_some_are_named(fluents):
    found = asked(fluents, "907")
    assert (found.numbers, found.unknown) == ([], "")
    assert [area.code for area in found.near] == ["206", "425", "253", "360"]
    fluents.control("config", {"stock_per_area_code": {"default": 40, "617": 0, "857": 0}})
    found = asked(fluents, "617")
    assert [area.code for area in found.near] == ["339", "781", "351"]
    assert found.near_asked == finding.ASKED_NEAR


@pytest.mark.parametrize("how", ["away", "hangs", "fails", "no search", "off", "no token", "nonsense"])
def test_an_api_that_does_not_answer_is_unknown_soon(fluents, settings, how):
    if how == "away":
        settings.FLUENTS_API_URL = f"http://127.0.0.1:{free_port()}"
    elif how == "hangs":
        fluents.control("config", {"latency_ms": [6000, 6000]})
    elif how == "fails":
        fluents.fault("error_before", path="/v1/numbers/available")
    elif how == "nonsense":
        fluents.fault("wrong_type", path="/v1/numbers/available")
    elif how == "no search":
        fluents.control("config", {"disabled_paths": ["/v1/numbers/available"]})
    elif how == "off":
        settings.FLUENTS_SEARCH = False
    else:
        settings.FLUENTS_API_TOKEN = ""
    began = time.monotonic()
    found = asked(fluents, "617") if how != "away" else for_sale(
        area_code="617", telephony_provider="twilio", telephony_account_connection="x"
    )  # fmt: skip
    assert time.monotonic() - began < 5
    assert found.unknown
    assert found.numbers == []


def test_more_are_bought_while_idle_ones_of_ours_lie_about():
    """The purchase page names them first: they are ours, and nobody answers them."""
    Number.objects.create(e164="+16175550100", area_code="617")
    Number.objects.create(e164="+16175550101", area_code="617")
    Number.objects.create(e164="+16175550102", area_code="617", status=NumberStatus.RELEASED)
    Number.objects.create(e164="+14155550100", area_code="415")
    assert idle_in(["617", "212", ""]) == {"617": 2}
