"""What stands at a row of the purchase form while somebody types."""

import pytest
from django.utils import timezone

from numbers.models import Connection, Line, Number, Order, Price
from numbers.services.inventory.sync import sync

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(fluents):
    """The account that pays, as the form sends it."""
    sync()
    connection = Connection.objects.filter(telephony_provider="twilio").first()
    Price.objects.create(telephony_provider="twilio", monthly="1.15", once="1.25")
    return {"telephony_provider": "twilio", "telephony_account_connection": connection.api_id}


def hint(staff, account, **fields) -> str:
    answer = staff.post("/orders/new/row/", account | {"row": "1", "quantity": "1"} | fields)
    assert answer.status_code == 200
    return " ".join(answer.text.split())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"area_code": "212", "quantity": "7"}, "3 for sale, you want 7."),
        ({"area_code": "212", "quantity": "2"}, "3 for sale."),
        ({"area_code": "907", "quantity": "2"}, "None for sale right now."),
        ({"area_code": "907"}, 'value="1:206"'),
        ({"area_code": "617", "quantity": "10"}, "$1.15 a month each, $11.50 for 10, plus $12.50 once."),
        ({"area_code": "617", "quantity": "10"}, "<strong>10 lines</strong>, about <strong>$11.50 a month"),
        ({"area_code": "boston"}, 'value="1:857"'),
        ({"area_code": "Mountain"}, "and 20 more"),
        ({"area_code": "la"}, "<p>Louisiana:"),
        ({"area_code": "portland"}, "<p>Portland:"),
        ({"area_code": "boston ma"}, "<p>Boston MA:"),
        ({"area_code": "Nowhere at all"}, "No area code, city, or state is called"),
        ({"area_code": "800"}, "It&#x27;s toll-free."),
        ({"area_code": "232"}, "isn&#x27;t a known area code"),
        ({"phone_number": "+44 20 7946 0000"}, "isn&#x27;t a US or Canadian number."),
        ({"phone_number": "12"}, "words-red"),
        ({}, '<p id="total"'),
        ({"row": "9", "area_code": "617"}, "Total: <strong>1 line"),
        ({"row": "x", "area_code": "\x00"}, '<p id="total"'),
    ],
)
def test_a_row_says_what_it_comes_to(staff, account, fields, words):
    assert words in hint(staff, account, **fields)


def test_numbers_that_are_ours_already_are_named_first(staff, account):
    Number.objects.create(e164="+16175550100", area_code="617")
    assert "You already own 1 unassigned number in 617" in hint(staff, account, area_code="617")


def test_stock_that_cannot_be_looked_up_is_said_to_be_unknown(staff, account, fluents):
    fluents.fault("error_before", path="/v1/numbers/available")
    assert "for sale" not in hint(staff, account, area_code="617")


@pytest.mark.parametrize(
    ("put", "rows"),
    [
        ("1:646", [("646", "7")]),
        ("1:646:3", [("212", "3"), ("646", "4")]),
        ("1:646:7", [("646", "7")]),
        ("1:999:3", [("212", "7")]),
        ("9:646", [("212", "7")]),
        ("1:646:x", [("212", "7")]),
    ],
)
def test_what_is_missing_goes_into_a_row_of_its_own(staff, account, put, rows):
    answer = staff.post("/orders/new/", account | {"area_code": "212", "quantity": "7", "put": put})
    form = answer.context["form"]
    assert [(row["area_code"].value(), row["quantity"].value()) for row in form.rows] == rows


def test_the_last_account_is_chosen_unless_it_is_gone(staff, account, bob):
    chosen = Connection.objects.filter(telephony_provider="twilio").last()
    order = Order.objects.create(requested_by=bob, quantity=1, form_token="t")
    Line.objects.create(
        order=order, position=1, area_code="415", telephony_provider="twilio", connection=chosen
    )

    def shown() -> str:
        form = staff.get("/orders/new/").context["form"]
        return form["telephony_account_connection"].value()

    assert shown() == chosen.api_id
    Connection.objects.filter(pk=chosen.pk).update(gone_at=timezone.now())
    assert shown() != chosen.api_id
