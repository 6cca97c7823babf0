"""What people type: every message stands on its own field, and the other values stay."""

import pytest
from django.utils import timezone

from numbers.forms.orders import PurchaseForm, WantForm, new_form_token
from numbers.models import Agent, Connection

pytestmark = pytest.mark.django_db
GOOD = {
    "telephony_provider": "twilio",
    "telephony_account_connection": "main",
    "area_code": "415",
    "phone_number": "",
    "inbound_agent": "agent-1",
    "quantity": "2",
}
PLAIN = {"label": "", "tags": []}  # nothing is written on it
NUMBER = {"area_code": "", "phone_number": "+1 (415) 273-0123", "quantity": "1"}


@pytest.fixture
def synced():
    now = timezone.now()
    Connection.objects.create(api_id="main", label="Main", telephony_provider="twilio", synced_at=now)
    Connection.objects.create(api_id="backup", label="Backup", telephony_provider="telnyx", synced_at=now)
    Connection.objects.create(api_id="old", telephony_provider="twilio", synced_at=now, gone_at=now)
    Agent.objects.create(api_id="agent-1", name="Reception", synced_at=now)
    Agent.objects.create(api_id="agent-old", name="Old", synced_at=now, gone_at=now)


def errors(**changes) -> dict:
    """The form's messages by field; what was typed must still be there."""
    typed = GOOD | changes
    form = WantForm(typed)
    found = dict(form.errors.items())
    assert {name: form[name].value() for name in typed} == typed
    return {name: list(messages) for name, messages in found.items()}


def test_a_good_want_is_handed_on_as_typed(synced):
    form = WantForm(GOOD)
    assert form.is_valid()
    assert form.wanted() == GOOD | PLAIN | {"quantity": 2}


def test_an_exact_number_is_brought_into_its_one_form(synced):
    form = WantForm(GOOD | NUMBER)
    assert form.is_valid()
    assert form.wanted() == GOOD | PLAIN | {
        "area_code": "",
        "phone_number": "+14152730123",
        "quantity": 1,
    }


@pytest.mark.parametrize("value", ["41a", "4", "41", "4155", "-15", "4 5"])
def test_an_area_code_has_three_digits(synced, value):
    assert errors(area_code=value) == {"area_code": [f"“{value}” isn't an area code such as 415."]}


@pytest.mark.parametrize(
    ("value", "words"),
    [("911", "the emergency number"), ("411", "directory assistance"), ("015", "start with 2 to 9"),
     ("800", "toll-free"), ("900", "premium rate"), ("555", "directory assistance"), ("242", "the Bahamas")],
)  # fmt: skip
def test_a_code_that_belongs_to_no_place_is_told_for_what_it_is(synced, value, words):
    [[message]] = errors(area_code=value).values()
    assert words in message


@pytest.mark.parametrize("value", ["+1555", "1", "abc", "+", "+1415555012345"])
def test_an_incomplete_number_is_told(synced, value):
    [[message]] = errors(**NUMBER | {"phone_number": value}).values()
    assert message.startswith(f"“{value}” isn't a ")


def test_a_number_that_cannot_exist_is_told(synced):
    assert errors(**NUMBER | {"phone_number": "+1 123 273 0123"}) == {
        "phone_number": ["This number can't exist. 123 isn't an area code. Area codes start with 2 to 9."]
    }


@pytest.mark.parametrize("value", ["0", "-1", "1001", "9" * 30])
def test_an_order_has_one_to_a_thousand_lines(synced, value):
    [[message]] = errors(quantity=value).values()
    assert "1,000" in message


@pytest.mark.parametrize("value", ["two", "1.5", "9" * 5000])
def test_a_quantity_is_a_whole_number(synced, value):
    [[message]] = errors(quantity=value).values()
    assert "isn't a whole number" in message


def test_a_quantity_must_be_given(synced):
    assert errors(quantity="") == {"quantity": ["Enter a quantity."]}


@pytest.mark.parametrize("value", ["nobody-knows-it", "old"])
def test_an_unknown_connection_is_told(synced, value):
    assert errors(telephony_account_connection=value) == {
        "telephony_account_connection": ["Unknown connection. Choose one from the list, or sync first."]
    }


def test_a_connection_of_another_provider_is_told(synced):
    assert errors(telephony_account_connection="backup") == {
        "telephony_account_connection": ["Backup is a telnyx connection. Choose a twilio connection."]
    }


def test_a_connection_must_be_chosen(synced):
    assert errors(telephony_account_connection="") == {
        "telephony_account_connection": ["Choose the account to buy with."]
    }


@pytest.mark.parametrize("value", ["nobody-knows-it", "agent-old"])
def test_an_unknown_agent_is_told(synced, value):
    assert errors(inbound_agent=value) == {"inbound_agent": [f"No agent is named “{value}”."]}


def test_nobody_need_answer(synced):
    assert errors(inbound_agent="") == {}


def test_an_unknown_provider_is_told_on_its_field(synced):
    assert list(errors(telephony_provider="carrier pigeon")) == ["telephony_provider"]


def test_both_an_area_and_a_number_are_too_much(synced):
    assert errors(**NUMBER | {"area_code": "415"}) == {
        "phone_number": ["Enter an area code or an exact number, not both."]
    }


def test_neither_an_area_nor_a_number_is_too_little(synced):
    assert errors(area_code="") == {"area_code": ["Enter an area code or an exact number."]}


def test_an_exact_number_is_bought_once_only(synced):
    assert errors(**NUMBER | {"quantity": "2"}) == {
        "quantity": ["You can buy an exact number only once. Enter 1."]
    }


def test_without_a_token_buying_says_what_is_missing(synced, settings):
    settings.FLUENTS_API_TOKEN = ""
    assert errors() == {"__all__": ["FLUENTS_API_TOKEN isn't set, so nothing can be bought."]}


def test_an_empty_copy_lets_ids_be_typed():
    form = WantForm(GOOD | {"telephony_account_connection": "typed-1", "inbound_agent": "typed-2"})
    assert form.is_valid()
    assert (form.wanted()["telephony_account_connection"], form.wanted()["inbound_agent"]) == (
        "typed-1",
        "typed-2",
    )
    assert form.fields["telephony_account_connection"].widget.input_type == "text"


def test_a_bare_row_that_nothing_has_listed_is_no_choice():
    Connection.objects.create(api_id="typed-1")
    assert WantForm(GOOD).is_valid()


def test_the_lists_offer_what_is_there_for_the_provider(synced):
    form = WantForm(provider="telnyx")
    assert form.fields["telephony_account_connection"].widget.choices == [
        ("", "Choose a connection"),
        ("backup", "Backup"),
    ]
    assert form.fields["inbound_agent"].widget.choices == [("", "Unassigned"), ("agent-1", "Reception")]


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_null_byte_is_told_on_its_field(synced, name):
    assert name in errors(**{name: "4\x0015"})


def test_all_mistakes_are_told_at_once(synced):
    found = errors(area_code="41a", quantity="0", telephony_account_connection="x", inbound_agent="y")
    assert sorted(found) == ["area_code", "inbound_agent", "quantity", "telephony_account_connection"]


def purchase(bob, **changes) -> PurchaseForm:
    return PurchaseForm({**GOOD, "form_token": new_form_token(bob.pk), **changes}, user=bob)


def test_a_form_of_ours_carries_its_key(synced, bob):
    form = purchase(bob)
    assert form.is_valid()
    assert len(form.wanted()["form_token"]) == 32


def test_two_forms_have_two_keys_and_one_form_has_one(synced, bob):
    token = new_form_token(bob.pk)
    first, again, other = purchase(bob, form_token=token), purchase(bob, form_token=token), purchase(bob)
    assert all(form.is_valid() for form in (first, again, other))
    assert first.form_key == again.form_key != other.form_key


@pytest.mark.parametrize("token", ["", "forged", "WzEsIngiXQ:1abc:sig", "a" * 501, "\x00"])
def test_a_missing_or_forged_token_buys_nothing(synced, bob, token):
    form = purchase(bob, form_token=token)
    assert not form.is_valid()
    assert "This form has expired. Nothing was bought. Start again." in form.non_field_errors()


def test_the_token_of_another_person_buys_nothing(synced, bob, django_user_model):
    ada = django_user_model.objects.create_user("ada")
    form = purchase(bob, form_token=new_form_token(ada.pk))
    assert form.non_field_errors() == ["This form has expired. Nothing was bought. Start again."]


def test_a_new_form_brings_its_own_token_and_a_sent_one_keeps_its_own(synced, bob):
    assert PurchaseForm(user=bob)["form_token"].value()
    form = purchase(bob, area_code="41a")
    assert form["form_token"].value() == form.data["form_token"]
