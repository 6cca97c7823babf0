"""A basket of wants: rows, files, the review of exactly that, and the receipt."""

import csv
import io
import json
import time
from datetime import UTC

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from numbers.models import Agent, Draft, Line, Number, Order, Price, TypedForm
from numbers.permissions import Role
from numbers.states import LineState
from tests.support.people import person
from tests.views.test_buying import fields, typed

pytestmark = pytest.mark.django_db
S = LineState
FILE = "/orders/new/file/"
HEADER = "area_code,phone_number,quantity,agent,label,tags"
SECOND = {"area_code-2": "617", "phone_number-2": "", "quantity-2": "3", "inbound_agent-2": "",
          "label-2": "Boston", "tags-2": "east, 2026"}  # fmt: skip


def reviewed(staff, **more):
    """The confirming step of a basket of two rows."""
    return staff.post("/orders/new/", typed(staff, **SECOND | more), follow=True)


def confirmed(answer) -> dict:
    return fields(answer, "confirm-form")


def upload(staff, content: bytes | str, **more):
    content = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("wants.csv", content, content_type="text/csv")
    account = {"telephony_provider": "twilio", "telephony_account_connection": "main"}
    return staff.post(FILE, account | {"file": file} | more, follow=True)


# --- Rows -----------------------------------------------------------------------------------


def test_a_basket_is_reviewed_as_it_is_bought(staff, synced):
    Price.objects.create(telephony_provider="twilio", once=1, monthly="1.15")
    answer = reviewed(staff)
    assert [(row["want"].area_code, row["want"].quantity) for row in answer.context["rows"]] == [
        ("415", 2),
        ("617", 3),
    ]
    assert "Buy 5 lines, about $5.75 a month" in answer.text
    assert (Order.objects.count(), Draft.objects.count()) == (0, 1)
    staff.post("/orders/new/", confirmed(answer))
    lines = Line.objects.order_by("position")
    assert [line.area_code for line in lines] == ["415", "415", "617", "617", "617"]
    assert [str(line.agent or "") for line in lines] == ["Reception"] * 2 + [""] * 3
    assert (lines[4].label, lines[4].tags, lines[0].label) == ("Boston", ["2026", "east"], "")


def test_a_basket_that_is_sent_twice_is_one_order(staff, synced):
    want = confirmed(reviewed(staff))
    places = {staff.post("/orders/new/", want)["Location"] for _ in range(3)}
    assert places == {Order.objects.get().get_absolute_url()}


def test_a_price_that_changed_since_is_shown_again_and_nothing_is_ordered(staff, synced):
    price = Price.objects.create(telephony_provider="twilio", monthly=1)
    for answer in (reviewed(staff), staff.post("/orders/new/", typed(staff), follow=True)):
        Price.objects.filter(pk=price.pk).update(monthly=1)
        want = confirmed(staff.get(answer.request["PATH_INFO"] + "?" + answer.request["QUERY_STRING"]))
        Price.objects.filter(pk=price.pk).update(monthly=2)
        again = staff.post("/orders/new/", want, follow=True)
        assert "price table changed" in again.text
        assert Order.objects.count() == 0
    assert staff.post("/orders/new/", confirmed(again))["Location"] == Order.objects.get().get_absolute_url()


def test_what_is_gone_since_is_told_and_cannot_be_bought(staff, synced):
    answer = reviewed(staff)
    Agent.objects.update(gone_at=timezone.now())
    again = staff.post("/orders/new/", confirmed(answer))
    assert "Reception was deleted in Fluents" in again.text
    assert "btn-primary" not in again.text.split('id="confirm-form"')[1].split("</form>")[0]
    assert Order.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "row", "wrong"),
    [
        ({"area_code-2": "41a"}, 1, "area_code"),
        ({"area_code-2": "", "label-2": "x"}, 1, "area_code"),
        ({"quantity-2": "0"}, 1, "quantity"),
        ({"quantity-2": "999"}, 1, "quantity"),
        ({"tags-2": "x" * 51}, 1, "tags"),
        ({"label-2": "x" * 201}, 1, "label"),
        ({"area_code-2": "", "phone_number-2": "+1 212 273 0123", "quantity-2": "1"}, 1, "phone_number"),
    ],
)
def test_a_mistake_in_a_further_row_stands_beside_its_field_and_the_rest_stays(
    staff, synced, changes, row, wrong
):
    Number.objects.create(e164="+12122730123")  # ours already
    want = typed(staff, **SECOND | changes)
    answer = staff.post("/orders/new/", want)
    assert (answer.status_code, list(answer.context["form"].rows[row].errors)) == (422, [wrong])
    assert fields(answer, "purchase-form") == want
    assert (Order.objects.count(), Draft.objects.count()) == (0, 0)


def test_the_same_number_in_two_rows_is_told(staff, synced):
    number = {"area_code": "", "phone_number": "+12122730123", "quantity": "1"}
    second = {"area_code-2": "", "phone_number-2": "(212) 273-0123", "quantity-2": "1"}
    answer = staff.post("/orders/new/", typed(staff, **number, **SECOND | second))
    assert answer.context["form"].more[0].errors == {"phone_number": ["This number is already in row 1."]}


def test_blank_rows_are_left_out(staff, synced):
    blank = dict.fromkeys(SECOND, "") | {"quantity-2": "1", "inbound_agent-2": "agent-1"}
    answer = staff.post("/orders/new/", typed(staff, **blank), follow=True)
    assert len(answer.context["rows"]) == 1
    first_blank = dict.fromkeys(("area_code", "quantity"), "")
    answer = staff.post("/orders/new/", typed(staff, **first_blank, **SECOND), follow=True)
    assert [row["want"].area_code for row in answer.context["rows"]] == ["617"]


def test_rows_come_and_go_and_what_was_typed_stays(staff, synced):
    want = typed(staff, **SECOND)
    answer = staff.post("/orders/new/", want | {"add": "yes"})
    shown = fields(answer, "purchase-form")
    assert (shown["area_code"], shown["label-2"], shown["area_code-3"]) == ("415", "Boston", "")
    answer = staff.post("/orders/new/", want | {"remove": "1"})
    shown = fields(answer, "purchase-form")
    assert (shown["area_code"], "area_code-2" in shown) == ("617", False)
    htmx = {"HX-Request": "true", "HX-Target": "rows"}
    answer = staff.post("/orders/new/", want | {"add": "yes"}, headers=htmx)
    assert "<html" not in answer.text
    assert 'name="area_code-3"' in answer.text


@pytest.mark.parametrize(
    ("pick", "field", "value"),
    [("857", "area_code-3", "857"), ("+12122730123", "phone_number-3", "+12122730123")],
)
def test_what_is_picked_lands_in_a_row(staff, synced, pick, field, value):
    shown = fields(staff.post("/orders/new/", typed(staff, **SECOND) | {"pick": pick}), "purchase-form")
    assert (shown[field], shown["area_code"], shown["area_code-2"]) == (value, "415", "617")
    empty = typed(staff, area_code="", quantity="4")
    shown = fields(staff.post("/orders/new/", empty | {"pick": "857"}), "purchase-form")
    assert (shown["area_code"], shown["quantity"], "area_code-2" in shown) == ("857", "4", False)


# --- Finding --------------------------------------------------------------------------------


def test_what_is_found_works_by_its_address_alone(staff, synced, fluents):
    Number.objects.create(e164="+16175550100", area_code="617")
    text = staff.get("/orders/new/", {"find": "boston"}).text
    assert "Boston, MA" in text
    assert "You already own 1 unassigned number in 617" in text
    assert "/numbers/?agent=none&amp;area_code=617" in text
    assert 'value="857"' in text


def test_a_code_shows_candidates_that_are_called_so(staff, fluents):
    from numbers.services.inventory.sync import sync  # noqa: PLC0415 -- real connections, for this test

    sync()
    answer = staff.get("/orders/new/", {"find": "617", "digits": "", "telephony_account_connection": "x"})
    assert "(not reserved)" in answer.text
    assert len(answer.context["found"]["sale"].numbers) == 8
    answer = staff.get("/orders/new/", {"find": "907"})
    assert "No numbers available in 907 right now" in answer.text
    assert "Use 206" in answer.text


def test_an_api_that_is_down_leaves_the_page_as_it_is(staff, synced, fluents):
    fluents.fault("error_before", path="/v1/numbers/available")
    answer = staff.get("/orders/new/", {"find": "617"})
    assert answer.status_code == 200
    assert "Availability unknown" in answer.text


# --- Files ----------------------------------------------------------------------------------


def thousand(wrong: bool) -> tuple[str, dict]:
    rows, places = [f"415,,1,Reception,Desk {n},clinic" for n in range(1000)], {}
    for i, n in enumerate(range(3, 1000, 50) if wrong else []):
        rows[n] = ["41a,,1,,,", "415,,0,,,", "415,,1,Nobdy,,", ",12,1,,,"][i % 4]
        places[n + 2] = ["area_code", "quantity", "agent", "phone_number"][i % 4]
    return "\n".join([HEADER, *rows]), places


def test_a_thousand_rows_with_twenty_mistakes_name_each_by_row_and_column(staff, synced):
    content, places = thousand(wrong=True)
    answer = upload(staff, content)
    assert answer.status_code == 422
    told = {mistake.row: mistake.column for mistake in answer.context["mistakes"]}
    assert (told, len(told)) == (places, 20)
    for row, column in places.items():
        assert f'<td class="figure">{row}</td><td class="at-column">{column}</td>' in answer.text
    assert (Order.objects.count(), Draft.objects.count(), Line.objects.count()) == (0, 0, 0)
    assert answer.context["form"]["telephony_account_connection"].value() == "main"


def test_a_large_basket_asks_who_is_buying_before_it_is_ordered(staff, synced, settings):
    settings.REAUTH_SECONDS, settings.REAUTH_LINES = 1800, 4
    answer = staff.post("/orders/new/", confirmed(reviewed(staff)))
    assert answer["Location"].startswith("/accounts/confirm/?next=")
    answer = staff.post("/orders/new/", typed(staff, quantity="5") | {"confirmed": "yes"})
    assert answer["Location"].startswith("/accounts/confirm/?next=")
    assert Order.objects.count() == 0


def test_a_thousand_good_rows_are_reviewed_and_bought_as_one_order(staff, synced):
    began = time.monotonic()
    answer = upload(staff, thousand(wrong=False)[0])
    assert (answer.status_code, answer.context["quantity"]) == (200, 1000)
    assert "wants.csv" in answer.text
    assert len(answer.request["QUERY_STRING"]) < 100
    staff.post("/orders/new/", confirmed(answer))
    order = Order.objects.get()
    assert (order.lines.count(), order.lines.last().label) == (1000, "Desk 999")
    assert time.monotonic() - began < 40
    receipt = staff.get(f"{order.get_absolute_url()}receipt/")
    assert len(receipt.context["open"]) == 1000


def test_too_large_a_file_or_none_is_told_on_its_field(staff, synced):
    for content in (b"x" * 5_000_001, b""):
        answer = upload(staff, content)
        assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["file"])


def test_a_file_over_the_limit_of_a_day_is_told(staff, synced, settings):
    settings.MAX_LINES_PER_DAY = 4
    answer = upload(staff, f"{HEADER}\n415,,5,,,")
    assert "The limit is 4 lines per day" in answer.text
    assert Draft.objects.count() == 0


def test_the_template_can_be_taken_away_and_comes_back_without_a_mistake(staff, synced):
    Agent.objects.create(api_id="agent-2", name="Sales", synced_at=timezone.now())
    template = b"".join(staff.get("/orders/new/template.csv").streaming_content)
    assert upload(staff, template).context["quantity"] == 16


# --- Afterwards -----------------------------------------------------------------------------


@pytest.fixture
def half(staff, synced) -> Order:
    """An order of five of which two were bought, two not, and one was called off."""
    Price.objects.create(telephony_provider="twilio", once=1, monthly="1.15")
    staff.post("/orders/new/", confirmed(reviewed(staff)))
    now = timezone.now()
    for position, state in enumerate([S.BOUGHT, S.BOUGHT, S.FAILED, S.FAILED, S.CANCELLED], start=1):
        number = Number.objects.create(e164=f"+1415555010{position}") if state == S.BOUGHT else None
        reason = "Area code 617 has no numbers available right now." if state == S.FAILED else "=Because"
        Line.objects.filter(position=position).update(
            state=state, number=number, phone_number=number.e164 if number else "", reason=reason,
            settled_at=now, changed_at=now,
        )  # fmt: skip
    return Order.objects.get()


def test_the_receipt_says_what_was_asked_what_was_got_and_what_not(staff, half):
    answer = staff.get(f"/orders/{half.pk}/receipt/")
    assert "Bought 2 of 5" in answer.text
    assert "$2.00 in setup fees and $2.30 a month" in answer.text
    assert [row["count"] for row in answer.context["asked"]] == [2, 3]
    assert (len(answer.context["got"]), len(answer.context["missing"])) == (2, 3)
    assert half.events.get().request_id in answer.text


def test_the_receipt_tells_times_in_utc_wherever_our_days_begin(staff, half, settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    told = f"<dt>Ordered</dt><dd>{half.created_at.astimezone(UTC):%b %-d, %Y, %H:%M:%S} UTC by bob"
    assert told in staff.get(f"/orders/{half.pk}/receipt/").text


def test_the_receipt_leaves_as_csv_and_json(staff, half):
    text = b"".join(staff.get(f"/orders/{half.pk}/receipt.csv").streaming_content).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["state"], row["number"], row["asked_area_code"]) for row in rows[:3]] == [
        ("bought", "'+14155550101", "415"),
        ("bought", "'+14155550102", "415"),
        ("failed", "", "617"),
    ]
    assert (rows[0]["estimate_monthly"], rows[2]["estimate_monthly"]) == ("1.15", "")
    assert rows[4]["reason"] == "'=Because"
    data = json.loads(b"".join(staff.get(f"/orders/{half.pk}/receipt.json").streaming_content))
    assert (data["asked"], data["bought"], data["open"], data["requested_by"]) == (5, 2, 0, "bob")
    assert data["request_id"] == half.events.get().request_id
    assert len(data["lines"]) == 5


def test_the_order_says_honestly_what_is_missing_and_offers_exactly_that_again(staff, half):
    page = staff.get(half.get_absolute_url())
    assert "bought 0 of 3." in page.text
    assert "5 lines: 2 in 415, 3 in 617" in page.text
    answer = staff.post(f"/orders/{half.pk}/again/", follow=True)
    (row,) = answer.context["rows"]
    want = row["want"]
    assert (want.area_code, want.quantity, want.label) == ("617", 2, "Boston")
    assert Order.objects.count() == 1
    staff.post("/orders/new/", confirmed(answer))
    later = Order.objects.exclude(pk=half.pk).get()
    assert (later.again_of, later.quantity) == (half, 2)
    assert 'id="again"' not in staff.get(half.get_absolute_url()).text
    second = staff.post(f"/orders/{half.pk}/again/", follow=True)
    again = staff.post("/orders/new/", confirmed(second), follow=True)
    assert f"already reordered in Order {later.pk}" in again.text
    assert Order.objects.count() == 2


def test_an_order_that_still_moves_is_not_tried_again(staff, half):
    Line.objects.filter(position=5).update(state=S.PLANNED)
    answer = staff.post(f"/orders/{half.pk}/again/", follow=True)
    assert "still in progress" in answer.text
    assert Draft.objects.filter(again_of=half).count() == 0


def test_all_that_waits_is_called_off_at_once(staff, synced):
    staff.post("/orders/new/", confirmed(reviewed(staff)))
    order = Order.objects.get()
    Line.objects.filter(position=1).update(state=S.SENDING)
    assert "Cancel the remaining 4" in staff.get(order.get_absolute_url()).text
    answer = staff.post(f"/orders/{order.pk}/cancel/", follow=True)
    assert "4 lines are cancelled" in answer.text
    assert order.lines.filter(state=S.CANCELLED).count() == 4


def test_a_page_of_a_thousand_lines_costs_few_queries_and_says_how_long_it_takes(
    staff, synced, django_assert_max_num_queries, settings
):
    settings.GATE_RATE = 5
    staff.post("/orders/new/", confirmed(upload(staff, thousand(wrong=False)[0])))
    order = Order.objects.get()
    with django_assert_max_num_queries(16):
        page = staff.get(order.get_absolute_url())
    assert "About 3 minutes left" in page.text
    with django_assert_max_num_queries(16):
        staff.get("/orders/")


# --- What was typed is kept -----------------------------------------------------------------


def keep(staff, **more) -> dict:
    """What the page sends while somebody types."""
    want = typed(staff, **SECOND | more)
    answer = staff.post("/orders/new/typed/", want, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.text) == (200, "Saved.")
    return want


def without_token(values: dict) -> dict:
    return {name: value for name, value in values.items() if name != "form_token"}


def test_what_was_typed_is_offered_again_exactly_as_it_stood(staff, synced, client, bob):
    want = keep(staff, **{"label-2": " two  spaces, “quoted” ", "quantity-2": "1,0", "tags-2": "<b>&"})
    answer = staff.get("/orders/new/")
    assert without_token(fields(answer, "purchase-form")) == without_token(want)
    assert "Not ordered yet" in answer.text
    client.logout()  # the session ended
    client.force_login(bob)
    assert without_token(fields(client.get("/orders/new/"), "purchase-form")) == without_token(want)
    assert fields(answer, "purchase-form")["form_token"] != want["form_token"]


def test_another_person_has_a_form_of_their_own(staff, synced, client, django_user_model):
    keep(staff)
    client.force_login(person("ben", Role.BUYER))
    assert fields(client.get("/orders/new/"), "purchase-form")["area_code"] == ""
    assert TypedForm.objects.count() == 1


def test_an_address_that_says_something_is_not_overruled(staff, synced):
    keep(staff)
    answer = staff.get("/orders/new/?area_code=312")
    assert fields(answer, "purchase-form")["area_code"] == "312"
    assert "You have an unfinished order" in answer.text
    answer = staff.get("/orders/new/?find=boston")  # which says nothing of rows
    assert fields(answer, "purchase-form")["label-2"] == "Boston"


def test_ordering_clears_it_and_what_the_page_still_sends_is_late(staff, synced):
    want = keep(staff)
    staff.post("/orders/new/", confirmed(staff.post("/orders/new/", want, follow=True)))
    assert (Order.objects.count(), TypedForm.objects.count()) == (1, 0)
    staff.post("/orders/new/typed/", want)
    assert TypedForm.objects.count() == 0


def test_going_to_the_review_and_a_mistake_keep_it(staff, synced):
    want = typed(staff, area_code="41a")
    staff.post("/orders/new/", want)
    assert TypedForm.objects.get().values["area_code"] == "41a"
    staff.post("/orders/new/", typed(staff, **SECOND), follow=True)
    assert fields(staff.get("/orders/new/"), "purchase-form")["label-2"] == "Boston"


def test_a_row_that_is_taken_away_does_not_come_back(staff, synced):
    want = keep(staff)
    staff.post("/orders/new/", want | {"remove": "2"})
    assert "area_code-2" not in fields(staff.get("/orders/new/"), "purchase-form")


def test_starting_over_and_an_empty_form_keep_nothing(staff, synced):
    keep(staff)
    assert staff.post("/orders/new/start-over/")["Location"] == "/orders/new/"
    assert TypedForm.objects.count() == 0
    keep(staff)
    empty = dict.fromkeys(SECOND, "") | {"area_code": "", "phone_number": "", "quantity": "1"}
    staff.post("/orders/new/typed/", typed(staff, **empty))
    assert TypedForm.objects.count() == 0


def test_an_order_from_a_file_leaves_the_form_alone(staff, synced):
    keep(staff)
    staff.post("/orders/new/", confirmed(upload(staff, f"{HEADER}\n415,,1,,,")))
    assert (Order.objects.count(), TypedForm.objects.count()) == (1, 1)


def test_nothing_that_was_typed_breaks_the_books(staff, synced):
    keep(staff, label="a\x00b" + "x" * 5000)
    assert TypedForm.objects.get().values["label"] == "ab" + "x" * 1998
    for bad in ({"area_code-99999": "1"}, {"csrf": "x"}, {}):
        assert staff.post("/orders/new/typed/", bad).status_code == 200


@pytest.mark.parametrize("provider", ["", "pigeon"])
def test_a_choice_that_is_gone_is_still_shown_beside_the_reason(staff, synced, provider):
    gone = {"inbound_agent": "agent-gone", "telephony_account_connection": "gone"}
    if provider:
        gone = {"telephony_provider": provider}
    answer = staff.post("/orders/new/", want := typed(staff, **gone))
    assert answer.status_code == 422
    assert fields(answer, "purchase-form") == want


# --- Warnings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"area_code": "232"}, "232 isn&#x27;t a known area code"),
        ({"area_code": "787"}, "787 is Puerto Rico"),
        (
            {"area_code": "", "phone_number": "+44 20 7946 0958", "quantity": "1"},
            "a US or Canadian number",
        ),
        (
            {"area_code": "", "phone_number": "+1 232 555 0123", "quantity": "1"},
            "232 isn&#x27;t a known area code",
        ),
    ],
)
def test_what_is_doubtful_is_bought_only_by_somebody_who_confirms_it(staff, synced, changes, words):
    answer = staff.post("/orders/new/", want := typed(staff, **changes), follow=True)
    assert words in answer.text
    form = confirmed(answer)
    assert "sure" not in form
    assert "Confirm the warnings first" in staff.post("/orders/new/", form, follow=True).text
    assert (
        "Confirm the warnings first"
        in staff.post("/orders/new/", want | {"confirmed": "1"}, follow=True).text
    )
    assert Order.objects.count() == 0
    staff.post("/orders/new/", form | {"sure": "yes"})
    assert Order.objects.count() == 1


def test_a_file_is_doubted_as_a_whole_and_row_by_row(staff, synced):
    content = "area_code,label,Cost center\n415,Café,7\n232,x,7".encode("cp1252")
    answer = upload(staff, content)
    for words in ("Windows-1252", "ignored: Cost center", "232 isn&#x27;t a known area code"):
        assert words in answer.text
    staff.post("/orders/new/", confirmed(answer))
    assert Order.objects.count() == 0
    staff.post("/orders/new/", confirmed(answer) | {"sure": "yes"})
    assert list(Line.objects.order_by("position").values_list("label", flat=True)) == ["Café", "x"]


@pytest.mark.parametrize(
    ("find", "words"),
    [
        ("(617)", "Boston, MA"),
        ("+1 617", "Boston, MA"),
        ("617-555-0123", "Boston, MA"),
        ("nyc", "Brooklyn"),
        ("bosten", "No match for “bosten”. Showing Boston"),
        ("800", "800 can&#x27;t be bought. It&#x27;s toll-free"),
        ("232", "232 isn&#x27;t a known area code"),
        ("Philly", "Philadelphia, PA"),
        ("zzz", "matches “zzz”"),
    ],
)
def test_the_finder_knows_what_people_write(staff, synced, find, words):
    assert words in staff.get("/orders/new/", {"find": find}).text
