"""Two people at one order: who asked sees that it waits, and another one sees all of it and decides."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from numbers.models import Agent, Connection, Event, Line, Order, Price
from numbers.permissions import Role
from numbers.services.audit.events import Actor
from numbers.services.orders.items import Want
from numbers.services.orders.placement import cancel_line, place_order
from tests.dashboard.accounts.test_login import PASSWORD, log_in, stale
from tests.support.people import person
from tests.views.test_buying import fields, typed

pytestmark = pytest.mark.django_db
WANTS = [
    Want(area_code="415", quantity=2, inbound_agent="agent-1", label="Front desk", tags=("clinic",)),
    Want(phone_number="+14155550123"),
]


@pytest.fixture(autouse=True)
def threshold(settings, synced):
    settings.APPROVAL_LINES = 2
    Price.objects.create(telephony_provider="twilio", once=1, monthly="1.15")


@pytest.fixture
def ada():
    """An approver's signed-in client."""
    client = Client()
    client.force_login(person("ada", Role.APPROVER, password=PASSWORD))
    return client


@pytest.fixture
def placed(bob):
    """Three lines that bob asks for."""
    placed, _ = place_order(
        by=Actor.person(bob),
        form_token="three",
        telephony_provider="twilio",
        telephony_account_connection="main",
        wants=WANTS,
    )
    return placed


def page(client, order: Order) -> str:
    return client.get(order.get_absolute_url()).text


def decide(client, order: Order, act: str = "approve", **more):
    given = fields(client.get(order.get_absolute_url()), f"{act}-form")
    return client.post(f"{order.get_absolute_url()}{act}/", {**given, **more}, follow=True)


def section(text: str) -> str:
    return re.search(r'<section class="approval".*?</section>', text, re.DOTALL)[0]


def test_the_review_step_says_beforehand_that_another_person_must_approve_it(staff):
    few = staff.post("/orders/new/", typed(staff, quantity="2"), follow=True)
    assert "another person" not in few.text
    many = staff.post("/orders/new/", typed(staff, quantity="3"), follow=True)
    assert "Over 2 lines. Another person must approve it before anything is bought." in many.text
    assert "Request approval for 3 lines</button>" in many.text
    told = staff.post("/orders/new/", fields(many, "confirm-form"), follow=True).text
    assert Order.objects.get().approval == "waiting"
    assert "You requested this" in told


def test_who_asked_sees_that_it_waits_and_gets_no_button(staff, placed):
    text = page(staff, placed)
    assert "You requested this" in section(text)
    assert not re.search('id="approve"|id="refuse"|name="digest"', text)
    assert text.count("It starts after another person approves the order.") == 3
    assert "left.</span>" not in text
    assert "data-moving" not in text
    assert "Cancel the remaining 3" in text


def test_the_approver_sees_all_that_is_asked_for_and_what_a_yes_does(ada, placed):
    text = section(page(ada, placed))
    rows = re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)[1:]
    words = [" ".join(re.sub(r"<[^>]+>", " ", row).split()).replace("\u00a0", " ") for row in rows]
    assert words == [
        "415 San Francisco, CA 2 lines Reception Front desk clinic",
        "+1 415 555 0123 1 line Unassigned",
    ]
    assert re.search(r"Connection</dt><dd>Main", text)
    assert (
        "This buys 3 lines, exactly as listed here, for about $3.00 in setup fees and $3.45 a month." in text
    )
    assert "At today's prices" not in text
    Price.objects.update(monthly=2)
    assert "At today's prices: $3.00 setup fee, $6.00 a month." in page(ada, placed)


def test_an_approved_order_says_by_whom_and_goes_on(ada, staff, placed):
    answer = decide(ada, placed)
    assert f"Order {placed.pk} is approved. Its lines will be bought." in answer.text
    assert "ada approved order" in staff.get("/notices/").text
    assert re.search(r"<strong>Approved</strong> by ada", page(staff, placed))
    assert 'id="approve"' not in answer.text
    assert re.search(
        r"<dt>Approved</dt><dd>[^<]* UTC by ada<", staff.get(f"{placed.get_absolute_url()}receipt/").text
    )
    assert Line.objects.due().count() == 3


def test_a_refusal_needs_its_reason_and_buys_nothing(ada, staff, placed):
    short = decide(ada, placed, "refuse", reason="No")
    assert short.status_code == 422
    assert re.search(
        r'value="No"[^>]*|<p class="error" id="id_reason_error"[^>]*>Add a little more detail', short.text
    )
    assert "Add a little more detail." in short.text
    told = decide(ada, placed, "refuse", reason="Too many for one clinic")
    assert f"Order {placed.pk} is refused. Nothing will be bought." in told.text
    text = page(staff, placed)
    assert re.search(r"<strong>Refused</strong> by ada", text)
    assert "Too many for one clinic" in text
    assert set(Line.objects.values_list("state", flat=True)) == {"cancelled"}
    assert "Refused" in staff.get("/orders/").text


@pytest.mark.parametrize("act", ["approve", "refuse"])
def test_a_direct_post_to_ones_own_order_is_refused_and_in_the_history(client, ada, placed, act):
    """Somebody who may approve, at what they have asked for themselves: with the digest of another's page."""
    digest = fields(ada.get(placed.get_absolute_url()), "approve-form")["digest"]
    bob = placed.requested_by
    client.force_login(bob)
    url = f"{placed.get_absolute_url()}{act}/"
    answer = client.post(url, {"digest": digest, "reason": "I say so"}, follow=True)
    assert "You requested this order, so another person must decide." in answer.text
    placed.refresh_from_db()
    assert placed.approval == "waiting"
    event = Event.objects.get(action="order.approval_denied")
    assert (event.actor, event.order, event.request_id != "") == (bob, placed, True)
    assert 'id="approve"' not in page(client, placed)


@pytest.mark.parametrize("digest", ["", "0" * 64, "\x00", "x" * 5000])
def test_a_digest_of_something_else_approves_nothing(ada, placed, digest):
    assert "changed after you opened the page" in decide(ada, placed, digest=digest).text
    assert Line.objects.due().count() == 0


def test_what_is_called_off_while_the_approver_reads_is_shown_again_before_it_is_approved(ada, bob, placed):
    seen = fields(ada.get(placed.get_absolute_url()), "approve-form")
    cancel_line(line_id=placed.lines.get(position=1).pk, by=Actor.person(bob))
    answer = ada.post(f"{placed.get_absolute_url()}approve/", seen, follow=True)
    assert "changed after you opened the page. Nothing was decided. Check it again." in answer.text
    assert "1 line cancelled since then." in answer.text
    assert "This buys 2 lines" in answer.text
    assert "is approved" in decide(ada, placed).text


def test_an_order_that_was_changed_in_the_database_cannot_be_approved(ada, placed):
    Line.objects.filter(position=3).update(wanted_number="+14155550199")
    text = page(ada, placed)
    assert "This isn't what was requested." in text
    assert 'id="approve"' not in text
    assert "is refused" in decide(ada, placed, "refuse", reason="Somebody has changed it").text


def test_approving_asks_again_who_it_is_and_then_goes_on(client, ada, placed, settings):
    settings.REAUTH_SECONDS = 1800
    log_in(client, "ada")
    given = fields(client.get(placed.get_absolute_url()), "approve-form")
    stale(client)
    url = f"{placed.get_absolute_url()}approve/"
    answer = client.post(url, given)
    assert answer["Location"].startswith("/accounts/confirm/")
    assert Line.objects.due().count() == 0
    assert client.post(answer["Location"], {"password": PASSWORD})["Location"] == placed.get_absolute_url()
    assert Line.objects.due().count() == 3


def test_lists_and_overview_tell_who_has_to_do_something(ada, staff, placed):
    for client in (ada, staff):
        assert "Waiting for approval" in client.get("/orders/").text
    mine, theirs = staff.get("/").text, ada.get("/").text
    assert "you requested 3 lines. Another person must approve before anything is bought." in mine
    assert "bob requests 3 lines, about $3.45 a month. Review it, then approve or refuse." in theirs
    tab = r'Approvals <span class="count">1<'
    assert re.search(tab, ada.get("/attention/").text)
    assert not re.search(tab, staff.get("/attention/").text)
    assert re.search(r"In progress</dt><dd[^>]*><a[^>]*>0</a>", theirs)
    listed = ada.get("/orders/?approval=waiting")
    assert [order.pk for order in listed.context["page"]] == [placed.pk]
    decide(ada, placed)
    assert "No orders waiting for approval" in ada.get("/orders/?approval=waiting").text


def test_the_page_costs_as_much_for_many_wants_as_for_few(ada, bob, placed):
    wants = [Want(area_code="415", label=f"Desk {n}") for n in range(40)]
    about = {"telephony_provider": "twilio", "telephony_account_connection": "main"}
    many, _ = place_order(by=Actor.person(bob), form_token="many", wants=wants, **about)
    counts = []
    for order in (placed, many):
        page(ada, order)  # its notice is seen
    for order in (placed, many):
        with CaptureQueriesContext(connection) as queries:
            page(ada, order)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 15


def test_what_is_gone_at_fluents_by_now_is_said(ada, placed):
    Agent.objects.update(gone_at=placed.created_at)
    Connection.objects.update(gone_at=placed.created_at)
    assert section(page(ada, placed)).count("Deleted in Fluents") == 2
