"""Files of wants, labels and prices from the command line."""

import json

import pytest
from django.core.management import call_command
from django.utils import timezone

from numbers.models import Connection, Event, Line, Order, Price
from tests.management.test_commands import buy, run

pytestmark = pytest.mark.django_db


@pytest.fixture
def wants(tmp_path):
    """A maker of CSV files."""

    def write(*rows: str) -> str:
        path = tmp_path / "wants.csv"
        path.write_text("\n".join(["area_code,phone_number,quantity,inbound_agent,label,tags", *rows]))
        return str(path)

    return write


def test_a_file_of_wants_is_checked_first_and_ordered_with_a_yes(wants):
    path = wants("415,,2,,Front desk,clinic", "617,,1,,,")
    status, _, err = buy("--csv", path)
    assert (status, Order.objects.count()) == (2, 0)
    assert "3 lines (2 in 415, 1 in 617)" in err
    status, out, _ = buy("--csv", path, "--yes")
    assert status == 3
    assert len(out.splitlines()) == 3
    lines = Line.objects.order_by("position").values_list("area_code", "label", "tags")
    assert list(lines) == [("415", "Front desk", ["clinic"])] * 2 + [("617", "", [])]


def test_an_order_that_waits_for_approval_is_said_to_and_is_still_open(wants, settings):
    settings.APPROVAL_LINES = 1
    status, out, err = buy("--csv", wants("415,,2,,,"), "--yes", "--json")
    assert status == 3
    asked = f"Order {Order.objects.get().pk} is waiting for another person's approval."
    assert err == f"{asked} Over 1 lines.\n"
    assert [json.loads(row)["state"] for row in out.splitlines()] == ["planned"] * 2


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"MAX_LINES_PER_DAY": 2}, "The limit is 2 lines per day. This order needs 3 lines."),
        ({"MAX_LINES_PER_USER_DAY": 2}, "The limit is 2 lines per person per day."),
        ({"MAX_COST_PER_ORDER": 1}, "has no price in USD"),
    ],
)
def test_a_check_meets_the_limits_that_the_order_would_meet(wants, settings, limit, words):
    path = wants("415,,2,,,", "617,,1,,,")
    for name, value in limit.items():
        setattr(settings, name, value)
    for options in (
        ["--csv", path, "--check"],
        ["--csv", path],
        ["--area-code", "415", "--quantity", "3", "--check"],
    ):
        status, out, err = buy(*options)
        assert (status, out) == (2, "")
        assert words in err
        assert "Nothing was ordered." in err
    assert (Order.objects.count(), Event.objects.count()) == (0, 0)


def test_a_check_says_that_another_person_would_be_asked(wants, settings):
    settings.APPROVAL_LINES = 1
    status, out, _ = buy("--csv", wants("415,,2,,,"), "--check")
    assert (status, out.splitlines()[-1]) == (
        0,
        "It would wait for approval by another person. Over 1 lines.",
    )


def test_a_file_with_a_mistake_orders_nothing(wants):
    status, _, err = buy("--csv", wants("415,,2,,,", "911,,1,,,"), "--yes")
    assert (status, Order.objects.count()) == (2, 0)
    assert "row 3" in err.lower()
    assert "area_code" in err
    assert "Nothing was ordered." in err


def test_a_label_and_tags_go_with_the_line():
    buy("--area-code", "415", "--label", "Front desk", "--tag", "west", "--tag", "clinic")
    assert Line.objects.values_list("label", "tags").get() == ("Front desk", ["clinic", "west"])
    status, _, err = buy("--area-code", "415", "--tag", "x" * 51)
    assert status == 2
    assert err.startswith("--tag: ")


def test_a_price_is_set_listed_and_told_to_the_history():
    Connection.objects.create(api_id="main", telephony_provider="twilio")
    call_command("prices", "--telephony-provider", "twilio", "--monthly", "2")
    own = ("--telephony-account-connection", "main", "--monthly", "1.15", "--once", "0.5")
    status, out, _ = run("prices", "--telephony-provider", "twilio", *own, "--currency", "EUR")
    assert status == 0
    assert "1.15 a month EUR" in out
    assert f"2.00 a month USD  from {timezone.localdate()}  all others" in out
    assert Price.objects.get(connection__api_id="main").currency == "EUR"
    assert Event.objects.filter(action="price.changed").count() == 2


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--telephony-provider", "acme", "--monthly", "1"), "--telephony-provider"),
        (("--telephony-provider", "twilio", "--monthly", "1.234"), "--monthly"),
        (("--telephony-provider", "twilio", "--monthly", "nan"), "--monthly"),
        (("--telephony-provider", "twilio", "--monthly", "1", "--currency", "euro"), "--currency"),
        (
            ("--telephony-provider", "twilio", "--telephony-account-connection", "x", "--monthly", "1"),
            "--telephony-account-connection",
        ),
    ],
)
def test_a_price_that_makes_no_sense_is_refused(options, word):
    status, _, err = run("prices", *options)
    assert (status, Price.objects.count()) == (2, 0)
    assert err.startswith(word)
