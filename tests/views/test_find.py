"""The palette's endpoint, as htmx and as a page: what is found, for whom, and at what cost."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from numbers.listing import palette
from numbers.models import Agent, Gate, Order
from numbers.permissions import RIGHTS, Role, methods
from numbers.states import LineState, NumberStatus
from tests.services.orders.test_endings import ordered
from tests.support.people import person
from tests.support.queries import count
from tests.views.test_list import keep
from tests.views.upkeep import HOSTILE, agent, numbers

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "palette-results"}
OPTION = re.compile(
    r'<(?:a|button) role="option"[^>]*?(?:href|formaction)="([^"]+)">.*?<span>([^<]*)</span>', re.S
)
NBSP = "\u00a0"


def options(client, text: str = "") -> dict[str, str]:
    """The address of each option for TEXT by its title, in the palette's order."""
    found = OPTION.findall(client.get("/find/", {"q": text}, headers=HTMX).text)
    return {unescape(title).replace(NBSP, " "): unescape(url) for url, title in found}


def first(client, text: str) -> str:
    """The address of what Enter opens."""
    return next(iter(options(client, text).values()), "")


@pytest.mark.parametrize("typed", ["+14155550123", "(415) 555-0123", "4155550123", "tel:+1-415-555-0123"])
def test_a_whole_number_leads_to_its_page(staff, typed):
    keep("+14155550123", label="Front desk")
    keep("+14155550124")
    assert first(staff, typed) == "/numbers/+14155550123/"
    assert staff.get("/find/", {"q": typed})["Location"] == "/numbers/+14155550123/"


def test_a_number_that_was_given_up_has_its_page_too(staff):
    keep("+14155550123", status=NumberStatus.RELEASED)
    assert first(staff, "+14155550123") == "/numbers/+14155550123/"
    assert options(staff, "55501") == {}


@pytest.mark.parametrize("typed", ["{}", "order {}", "Order #{}", "#{}"])
def test_the_reference_of_an_order_leads_to_its_page(staff, typed):
    order = Order.objects.create(pk=91234, form_token="91234", quantity=1)
    keep("+14155550123", label="91234")
    typed = typed.format(order.pk)
    assert first(staff, typed) == order.get_absolute_url()
    assert staff.get("/find/", {"q": typed})["Location"] == order.get_absolute_url()


def test_three_digits_of_an_area_code_show_both_and_open_neither(staff):
    keep("+14155550123")
    again = Order.objects.create(pk=415, form_token="415", quantity=2)
    assert next(iter(options(staff, "415"))) == "+1 415 555 0123"
    assert "Order 415" in options(staff, "415")
    assert staff.get("/find/?q=415").status_code == 200
    assert first(staff, "#415") == again.get_absolute_url()


def test_each_kind_is_found_by_its_words(staff, bob):
    keep("+14155550123", label="Clinic north", tags=["west"])
    order = ordered(LineState.FAILED)
    order.lines.update(label="Clinic order")
    desk = agent("Clinic desk")
    found = options(staff, "clinic")
    assert found["+1 415 555 0123"] == "/numbers/+14155550123/"
    assert found[f"Order {order.pk}"] == order.get_absolute_url()
    assert found["Clinic desk"] == f"/agents/{desk.pk}/"
    assert options(staff, "west")["+1 415 555 0123"]
    assert options(staff, "ord")["Orders"] == "/orders/"
    assert options(staff, "audit")["Activity"] == "/activity/"
    assert options(staff, "zzzz") == {}


def test_the_likeliest_kind_stands_first(staff):
    keep("+14155550123", label="Prices and orders")
    assert first(staff, "ord") == "/orders/"
    assert first(staff, "buy") == first(staff, "Buy li") == "/orders/new/"  # and not "Buying"
    assert first(staff, "buying") == "/gate/"
    assert first(staff, "5550123") == "/numbers/+14155550123/"


def test_without_a_text_it_offers_every_page_and_action(client):
    client.force_login(person("ada", Role.ADMIN))
    found = options(client)
    everything = (*palette.PLACES, *palette.ACTIONS)
    assert list(found) == [place.title for place in everything if place.title != "Resume buying"]
    assert found["Sync with Fluents"] == "/numbers/sync/"


@pytest.mark.parametrize("role", Role)
def test_nobody_is_offered_what_they_may_not_do(client, role):
    client.force_login(person("vera", role))
    person("someone else", Role.VIEWER)
    by_url = {reverse(place.page): place for place in (*palette.PLACES, *palette.ACTIONS)}
    for text in ("", "some", "a", "buy"):
        for title, url in options(client, text).items():
            place = by_url.get(url.split("?")[0])
            if place and place.page not in ("account", "logout"):
                method = "POST" if place.sent else "GET"
                assert methods(place.page)[method] in RIGHTS[role], title
    assert ("someone else" in options(client, "someone")) == (role == Role.ADMIN)
    expected = role in (Role.BUYER, Role.APPROVER, Role.ADMIN)
    assert ("Pause buying" in options(client)) == expected


def test_people_are_found_by_name_and_mail_and_by_who_manages_them_alone(client):
    eve = person("eve", Role.VIEWER)
    eve.email = "eve@clinic.example"
    eve.save()
    client.force_login(person("ada", Role.ADMIN))
    assert options(client, "clinic.ex") == {"eve": f"/people/{eve.pk}/"}
    client.force_login(person("bea", Role.BUYER))
    assert options(client, "clinic.ex") == {}


def test_many_matches_lead_on_to_their_list(staff):
    numbers(8)
    found = options(staff, "555")
    assert list(found.values())[palette.SHOWN] == "/numbers/?q=555"
    assert list(found)[palette.SHOWN] == "All numbers that match “555”"


def test_a_pasted_list_leads_to_the_list_of_these_numbers(staff):
    for n in range(8):
        keep(f"+1415555010{n}")
    pasted = ", ".join(f"(415) 555-010{n}" for n in range(8))
    found = options(staff, pasted)
    assert len(found) == palette.SHOWN + 1
    assert "%2B14155550107" in list(found.values())[-1]


def test_as_a_page_it_has_links_and_no_listbox(staff):
    keep("+14155550123", label="Front desk")
    text = staff.get("/find/?q=front").text
    main = text.partition('<main id="main"')[2].partition("</main>")[0]
    assert '<a href="/numbers/+14155550123/">' in main
    assert "role=" not in main.replace('role="search"', "").replace('role="status"', "")
    assert "Nothing found" in staff.get("/find/?q=zzzz").text
    assert 'action="/find/"' in staff.get("/").text


def test_what_people_type_is_written_and_never_run(staff):
    text = staff.get("/find/", {"q": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in text
    for typed in HOSTILE:
        assert staff.get("/find/", {"q": typed}).status_code == 200
        assert staff.get("/find/", {"q": typed}, headers=HTMX).status_code == 200


@pytest.mark.parametrize("text", ["", "555", "clinic", "+14155550001", "12", "5550001"])
def test_it_asks_as_much_in_big_books_as_in_small_ones(client, text):
    client.force_login(person("ada", Role.ADMIN))
    made = []
    for start, amount in ((0, 2), (2, 60)):
        numbers(amount, start=start, label="Clinic")
        for _ in range(amount // 2):
            ordered(LineState.FAILED).lines.update(label="Clinic")
        agent(f"Clinic {start}")
        client.get("/find/", {"q": text}, headers=HTMX)  # what a search remembers for some seconds
        with CaptureQueriesContext(connection) as queries:
            client.get("/find/", {"q": text}, headers=HTMX)
        made.append(count(queries))
    assert made[0] <= made[1] + 1
    assert made[1] <= 15
    assert Agent.objects.count() == 2


@pytest.mark.parametrize("paused", [False, True])
def test_buying_is_paused_from_here_while_it_is_on_and_resumed_while_it_is_not(staff, paused):
    Gate.objects.update(paused=paused)
    found = {"Pause buying", "Resume buying"} & set(options(staff))
    assert found == ({"Resume buying"} if paused else {"Pause buying"})
