"""From the form to the order, and the order's live page."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.utils import timezone
from django.utils.html import escape

from numbers.forms.orders import new_form_token
from numbers.models import Agent, Event, Line, Number, Order, Plan
from numbers.permissions import Role
from numbers.services.purchasing.selection import reserve
from numbers.states import FINAL, Guarantee, LineState
from tests.support.books import bare_line
from tests.support.people import person
from tests.views.conftest import FORM

pytestmark = pytest.mark.django_db
S = LineState


class Fields(HTMLParser):
    """The named controls of the form with ID, and their values."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.inside, self.select = form_id, False, ""
        self.found: dict[str, str] = {}

    def handle_starttag(self, tag, attributes):
        attrs = dict(attributes)
        if tag == "form":
            self.inside = attrs.get("id") == self.form_id
        if not self.inside:
            return
        if tag in ("input", "textarea") and attrs.get("name"):
            if attrs.get("type") in ("radio", "checkbox") and "checked" not in attrs:
                return
            self.found[attrs["name"]] = attrs.get("value", "")
        if tag == "select":
            self.select = attrs["name"]
            self.found.setdefault(self.select, "")
        if tag == "option" and "selected" in attrs:
            self.found[self.select] = attrs.get("value", "")

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False


def fields(answer, form_id: str) -> dict[str, str]:
    parser = Fields(form_id)
    parser.feed(answer.text)
    return {name: value for name, value in parser.found.items() if name != "csrfmiddlewaretoken"}


def typed(staff, **changes) -> dict:
    """What a person would post from a fresh form."""
    token = fields(staff.get("/orders/new/"), "purchase-form")["form_token"]
    return {**FORM, "label": "", "tags": "", "form_token": token, **changes}


def test_the_form_has_the_promised_fields(staff, synced):
    found = fields(staff.get("/orders/new/"), "purchase-form")
    assert sorted(found) == sorted([*FORM, "form_token", "label", "tags"])


def test_a_script_that_posts_the_promised_fields_alone_buys(staff, synced):
    """Only what has always been there: from the form over the confirming step to the order."""
    token = typed(staff)["form_token"]
    answer = staff.post("/orders/new/", FORM | {"form_token": token}, follow=True)
    answer = staff.post("/orders/new/", fields(answer, "confirm-form"))
    assert answer["Location"] == Order.objects.get().get_absolute_url()
    direct = FORM | {"form_token": typed(staff)["form_token"], "confirmed": "1"}
    assert staff.post("/orders/new/", direct).status_code == 302
    assert Line.objects.count() == 4


def test_two_openings_of_the_form_are_two_orders_to_be(staff, synced):
    assert typed(staff)["form_token"] != typed(staff)["form_token"]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"area_code": "41a"}, "area_code"),
        ({"area_code": "911"}, "area_code"),
        ({"area_code": "", "phone_number": "+1555", "quantity": "1"}, "phone_number"),
        ({"quantity": "0"}, "quantity"),
        ({"quantity": "1001"}, "quantity"),
        ({"telephony_account_connection": ""}, "telephony_account_connection"),
    ],
)
def test_a_mistake_is_422_beside_its_field_and_the_rest_stays_as_typed(staff, synced, changes, wrong):
    want = typed(staff, **changes)
    answer = staff.post("/orders/new/", want)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [wrong])
    assert fields(answer, "purchase-form") == want
    assert re.search(rf'name="{wrong}"[^>]*aria-invalid="true"', answer.text)
    assert Order.objects.count() == 0


def test_a_good_form_leads_to_the_confirming_step_and_writes_nothing(staff, synced):
    want = typed(staff)
    answer = staff.post("/orders/new/", want, follow=True)
    shown = fields(answer, "confirm-form")
    assert answer.status_code == 200
    assert {name: shown[name] for name in want} == want
    assert "confirmed" in answer.text
    assert (Order.objects.count(), Event.objects.count()) == (0, 0)


def confirmed(staff, **changes):
    want = typed(staff, **changes)
    shown = fields(staff.post("/orders/new/", want, follow=True), "confirm-form")
    return shown | {"confirmed": "1"}


def test_confirming_makes_one_order_with_the_person_on_it(staff, synced, bob):
    answer = staff.post("/orders/new/", confirmed(staff))
    order = Order.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, order.get_absolute_url())
    assert (order.requested_by, order.lines.count()) == (bob, 2)
    assert set(order.lines.values_list("state", flat=True)) == {S.PLANNED}
    assert Event.objects.get().request_id == answer["X-Request-Id"]


def test_the_same_form_sent_again_leads_to_the_same_order(staff, synced):
    want = confirmed(staff)
    places = {staff.post("/orders/new/", want)["Location"] for _ in range(5)}
    assert places == {Order.objects.get().get_absolute_url()}
    assert Line.objects.count() == 2


def test_going_back_and_changing_the_form_does_not_make_a_second_order(staff, synced):
    want = confirmed(staff)
    first = staff.post("/orders/new/", want)["Location"]
    assert staff.post("/orders/new/", want | {"area_code": "212"})["Location"] == first
    assert set(Line.objects.values_list("area_code", flat=True)) == {"415"}


def test_confirmed_but_forged_is_422_and_buys_nothing(staff, synced, django_user_model):
    ada = django_user_model.objects.create_user("ada")
    for token in ("", "forged", new_form_token(ada.pk)):
        assert staff.post("/orders/new/", {**FORM, "form_token": token, "confirmed": "1"}).status_code == 422
    assert Order.objects.count() == 0


def test_a_confirmed_mistake_is_still_a_mistake(staff, synced):
    assert staff.post("/orders/new/", confirmed(staff) | {"quantity": "1001"}).status_code == 422
    assert Order.objects.count() == 0


@pytest.mark.parametrize("step", ["form", "confirm"])
def test_an_order_over_a_limit_is_422_on_the_quantity(staff, synced, settings, step):
    want = confirmed(staff) if step == "confirm" else typed(staff)
    settings.MAX_LINES_PER_DAY = 1
    answer = staff.post("/orders/new/", want)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["quantity"])
    assert Order.objects.count() == 0


def test_changing_ones_mind_keeps_what_was_typed(staff, synced):
    want = typed(staff)
    confirm = staff.post("/orders/new/", want, follow=True)
    answer = staff.get("/orders/new/", {"change": confirm.context["draft"].pk})
    shown = fields(answer, "purchase-form")
    assert answer.status_code == 200
    assert shown | {"form_token": ""} == want | {"form_token": ""}
    assert shown["form_token"] not in ("", want["form_token"])


def test_the_confirming_step_can_be_loaded_again_and_still_buys_once(staff, synced):
    place = staff.post("/orders/new/", typed(staff))["Location"]
    tokens = {fields(staff.get(place), "confirm-form")["form_token"] for _ in range(3)}
    assert len(tokens) == 1
    want = fields(staff.get(place), "confirm-form") | {"confirmed": "1"}
    assert staff.post("/orders/new/", want)["Location"] == staff.post("/orders/new/", want)["Location"]
    assert Order.objects.count() == 1


def test_the_confirming_step_of_another_person_is_not_mine(staff, synced, client):
    place = staff.post("/orders/new/", typed(staff))["Location"]
    client.force_login(person("ada", Role.BUYER))
    assert client.get(place).status_code == 422


@pytest.mark.parametrize("draft", ["", "forged", "0b6f1bd6-8d0d-4d7a-a4e8-0f4cb1c1f7a3"])
def test_a_confirming_step_that_we_did_not_make_is_422(staff, synced, draft):
    answer = staff.get("/orders/new/", {"draft": draft})
    assert (answer.status_code, "confirm-form" in answer.text) == (422, False)


def test_without_a_token_the_page_works_and_buying_says_what_is_missing(staff, synced, settings):
    settings.FLUENTS_API_TOKEN = ""
    assert staff.get("/orders/new/").status_code == 200
    answer = staff.post("/orders/new/", typed(staff))
    assert (answer.status_code, "FLUENTS_API_TOKEN" in answer.text) == (422, True)


# --- the live page --------------------------------------------------------------------------


@pytest.mark.parametrize("state", S)
def test_a_page_asks_more_often_while_a_line_moves(staff, state):
    line = bare_line()
    if state == S.BOUGHT:
        line.number = Number.objects.create(e164="+14155550100")
    Line.objects.update(state=state, number=line.number)
    answer = staff.get(line.order.get_absolute_url())
    moving = state not in FINAL and state != S.REVIEW
    assert ("data-moving" in answer.text) == moving
    assert f'data-line="{line.pk}"' in answer.text
    assert f'data-state="{state}"' in answer.text


@pytest.mark.parametrize("state", [S.PLANNED, S.RESERVED])
def test_a_line_in_the_hands_of_a_worker_that_may_have_died_promises_nothing_sooner(staff, state, settings):
    settings.LEASE_SECONDS = 90
    now = timezone.now()
    line = bare_line(state, due_at=now, lease_until=now + timedelta(seconds=55))
    text = staff.get(line.order.get_absolute_url()).text
    assert "Nothing was sent. Being processed." in text
    assert "About a minute left." in text
    assert " now." not in text


@pytest.mark.parametrize("state", [S.PLANNED, S.RESERVED])
def test_a_line_says_once_that_nothing_was_sent(staff, fluents, state):
    line = Line.objects.get(pk=bare_line(S.PLANNED, due_at=timezone.now()).pk)
    if state == S.RESERVED:
        line = reserve(line, "+14155550101", Guarantee.EXACT)
    text = staff.get(line.order.get_absolute_url()).text
    assert len(re.findall("Nothing (?:was|has been) sent", text)) == 1


def test_an_order_says_how_many_agents_answer_and_how_many_lines_nobody_does(staff):
    one, two = (Agent.objects.create(api_id=name, name=name) for name in ("Reception", "Billing"))
    first = bare_line(S.PLANNED)
    order = first.order
    for path in (order.get_absolute_url(), "/orders/"):
        Line.objects.exclude(pk=first.pk).delete()
        Line.objects.update(agent=None)
        for n, agent in enumerate((one, None, None), start=2):
            Line.objects.create(
                order=order, position=n, agent=agent, area_code="415", connection=first.connection
            )
        assert "or 1 agent, 3 unassigned" in staff.get(path).text
        Line.objects.filter(agent=None).update(agent=two)
        assert "or 2 agents<" in staff.get(path).text


def test_waiting_is_told_as_a_countdown_and_for_how_long(staff):
    now = timezone.now()
    line = bare_line(S.SENDING, phone_number="+14155550101", sent_at=now - timedelta(seconds=45))
    text = staff.get(line.order.get_absolute_url()).text
    assert re.search(
        r'Waiting for Fluents to answer <span class="num" data-for="4[5-9]">for 4[5-9] s</span>', text
    )
    assert "A few seconds left" not in text
    line = bare_line(S.UNKNOWN, phone_number="+14155550102", due_at=now + timedelta(seconds=20))
    text = staff.get(line.order.get_absolute_url()).text
    assert len(re.findall(r'again <span class="num" data-in="(?:1[5-9]|20)">in \d+ s</span>', text)) == 2
    assert "Checking 1 line again" in text


def test_all_numbers_of_an_order_get_one_agent_by_a_plan(staff, synced):
    number = Number.objects.create(e164="+14155550100")
    line = bare_line(S.BOUGHT, number=number, phone_number=number.e164)
    page = line.order.get_absolute_url()
    assert f'data-copy-from="{page}receipt.json"' in staff.get(page).text
    assert staff.post(f"{page}assign/", {"agent": "Nobody such"}, follow=True).status_code == 200
    assert not Plan.objects.exists()
    answer = staff.post(f"{page}assign/", {"agent": "reception"})
    assert answer.url == Plan.objects.get().get_absolute_url()
    assert Plan.objects.get().rows.get().after == {"agent": "agent-1"}


def test_from_a_number_that_nobody_answers_one_click_leads_to_assigning_it(staff, synced):
    number = Number.objects.create(e164="+14155550100")
    line = bare_line(S.BOUGHT, number=number, phone_number=number.e164)
    assert f'href="/unassigned/?at={number.pk}"' in staff.get(line.order.get_absolute_url()).text
    Number.objects.update(agent=Agent.objects.first())
    assert "/unassigned/?at=" not in staff.get(line.order.get_absolute_url()).text


def test_the_confirming_step_doubts_an_area_code_that_it_does_not_know(staff, synced):
    doubt = "Unknown area code"
    assert doubt in staff.post("/orders/new/", typed(staff, area_code="232"), follow=True).text
    assert doubt not in staff.post("/orders/new/", typed(staff, area_code="415"), follow=True).text


def test_a_line_is_called_off_from_its_page(staff, bob):
    line = bare_line()
    answer = staff.post(f"/lines/{line.pk}/cancel/")
    line.refresh_from_db()
    assert (answer.status_code, answer["Location"]) == (302, line.order.get_absolute_url())
    assert (line.state, line.events.get().actor) == (S.CANCELLED, bob)


def test_calling_off_with_htmx_shows_the_page_anew(staff):
    line = bare_line()
    answer = staff.post(f"/lines/{line.pk}/cancel/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Refresh"]) == (200, "true")


def test_what_was_sent_cannot_be_called_off(staff):
    line = bare_line(S.SENDING)
    staff.post(f"/lines/{line.pk}/cancel/")
    line.refresh_from_db()
    assert (line.state, line.events.count()) == (S.SENDING, 0)


def test_a_number_that_is_sold_out_does_not_sound_like_lost_money(staff):
    reason = "Fluents says it isn't available. Confirming that nothing was bought, then trying another."
    line = bare_line(S.UNKNOWN, phone_number="+14155550100", refusal="taken", reason=reason)
    page = staff.get(line.order.get_absolute_url()).text
    assert escape(reason) in page
    assert "Checking again" in page
    for words in ("may have been bought", "Don't buy it again"):
        assert words not in page
    Line.objects.update(refusal="", reason="Someone else may have bought it.")
    assert "It may have been bought. Checking again" in staff.get(line.order.get_absolute_url()).text


@pytest.mark.parametrize(
    ("guarantee", "words"),
    [("snapshot", "We check refusals"), ("blind", "we accept refusals as given")],
)
def test_the_page_says_whether_a_refusal_is_looked_up(staff, guarantee, words):
    line = bare_line(guarantee=guarantee)
    assert words in staff.get(line.order.get_absolute_url()).text
