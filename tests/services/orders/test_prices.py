"""Prices are never negative, and in a currency that there is: for the service, the page and the database."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from numbers.currencies import CURRENCIES
from numbers.models import Event, Order, Price
from numbers.services.orders.prices import WrongPrice, set_price
from tests.support.books import PERSON, order

pytestmark = pytest.mark.django_db
SOUND = {"once": Decimal(1), "monthly": Decimal("1.15"), "currency": "EUR"}
WRONG = [
    ({"once": Decimal("-0.01")}, "A price can't be negative."),
    ({"monthly": Decimal(-1)}, "A price can't be negative."),
    ({"currency": "XYZ"}, "Use an ISO 4217 currency code in capitals, such as USD or EUR."),
    ({"currency": "usd"}, "Use an ISO 4217 currency code in capitals, such as USD or EUR."),
    ({"currency": "BTC"}, "Use an ISO 4217 currency code in capitals, such as USD or EUR."),
]


@pytest.mark.parametrize(("change", "says"), WRONG)
def test_a_wrong_price_is_set_by_nobody(change, says):
    given = SOUND | change
    with pytest.raises(WrongPrice) as refused:
        set_price(by=PERSON, telephony_provider="twilio", **given)
    assert str(refused.value) == says
    row = Price(telephony_provider="twilio", **given)
    with pytest.raises(ValidationError) as refused:  # what a form on a page asks
        row.full_clean()
    assert refused.value.messages == [says]
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
    assert (Price.objects.count(), Event.objects.count()) == (0, 0)


def test_a_price_is_set_and_changed_and_the_history_has_both():
    set_price(by=PERSON, telephony_provider="twilio", **SOUND)
    price = set_price(by=PERSON, telephony_provider="twilio", **SOUND | {"currency": "CHF"})
    assert (Price.objects.get(), price.currency) == (price, "CHF")
    first, second = Event.objects.order_by("pk")
    assert first.before == {}
    assert [second.before["currency"], second.after["currency"]] == ["EUR", "CHF"]


@pytest.mark.parametrize("change", [{"cost_once": -1}, {"cost_monthly": -1}, {"currency": "QQQ"}])
def test_nor_is_an_estimate_of_an_order(change):
    Price.objects.create(telephony_provider="twilio", **SOUND)
    order()
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.update(**change)


def test_the_currencies_are_money():
    assert len(CURRENCIES) == len(set(CURRENCIES)) > 150
    assert {"USD", "EUR", "GBP", "JPY", "CHF"} <= set(CURRENCIES)
    assert not {"XXX", "XTS", "XAU", "BTC", "DEM"} & set(CURRENCIES)
