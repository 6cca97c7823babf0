"""What people type, checked: each message stands beside its field and says what to do."""

import uuid

import phonenumbers
from django import forms
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core import signing
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property

from ..models import Agent, Connection

TOKEN_SALT = "purchase-form"  # noqa: S105 -- the name of a purpose
TOKEN_SECONDS = 24 * 60 * 60  # a form that was left open longer buys nothing any more
REVIEW_SALT = "purchase-review"
PROVIDER_NAMES = {"twilio": "Twilio", "telnyx": "Telnyx"}


def new_form_token(user_id: int) -> str:
    """A token that makes one form one order; made here and signed, so that nobody can invent one."""
    return signing.dumps([user_id, uuid.uuid4().hex], salt=TOKEN_SALT)


def read_form_token(token: str, user_id: int) -> str:
    """The unique part of a token that was made for this user. Raises ValidationError."""
    try:
        owner, key = signing.loads(token, salt=TOKEN_SALT, max_age=TOKEN_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        owner, key = None, ""
    if owner != user_id:
        raise ValidationError("This form is not valid any more. Nothing was bought. Please start again.")
    return key


def thaw(frozen: str) -> dict:
    """What `PurchaseForm.freeze` made; nothing, where it was made by somebody else."""
    try:
        return signing.loads(frozen, salt=REVIEW_SALT)
    except signing.BadSignature:
        return {}


def clean_area_code(value: str) -> str:
    """A geographic US or Canadian area code. Raises ValidationError."""
    if len(value) != 3 or not value.isascii() or not value.isdigit():
        raise ValidationError("An area code has three digits, such as 415.")
    if value[0] in "01" or value[1:] == "11":
        raise ValidationError(f"{value} is not an area code: codes begin with 2 to 9 and do not end in 11.")
    return value


def clean_phone_number(value: str) -> str:
    """The number as E.164; typed with spaces, brackets, or without +1. Raises ValidationError."""
    try:
        parsed = phonenumbers.parse(value, "US")
    except phonenumbers.NumberParseException:
        parsed = None
    if not parsed or not phonenumbers.is_possible_number(parsed):
        raise ValidationError("This is not a complete phone number. Write it like +1 415 555 0123.")
    if not phonenumbers.is_valid_number(parsed):
        raise ValidationError("No such number can exist: check the area code and the digits after it.")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


class WantForm(forms.Form):
    """What is wanted. The fields have the API's names; choices come from the local copy only."""

    telephony_provider = forms.ChoiceField(label="Provider")
    telephony_account_connection = forms.CharField(
        label="Connection", max_length=200, error_messages={"required": "Choose the account that pays."}
    )
    area_code = forms.CharField(
        label="Area code",
        required=False,
        max_length=20,
        help_text="Three digits. A number for sale there is picked for you.",
    )
    phone_number = forms.CharField(
        label="Exact number", required=False, max_length=40, help_text="Only if you want one certain number."
    )
    inbound_agent = forms.CharField(label="Who answers", required=False, max_length=200)
    quantity = forms.IntegerField(
        label="How many lines",
        initial=1,
        error_messages={"required": "Say how many lines.", "invalid": "Write a whole number."},
    )

    def __init__(self, *args, provider: str = "", **kwargs) -> None:
        super().__init__(*args, **kwargs)
        names = [(p, PROVIDER_NAMES.get(p, p)) for p in settings.TELEPHONY_PROVIDERS]
        self.fields["telephony_provider"].choices = names
        self.provider = provider or self.data.get("telephony_provider") or names[0][0]
        self.fields["telephony_provider"].initial = self.provider
        self._choose("telephony_account_connection", self.connections, "Choose a connection")
        self._choose("inbound_agent", self.agents, "Nobody yet")

    @cached_property
    def connections(self) -> list[Connection]:
        return list(Connection.objects.filter(gone_at=None, synced_at__isnull=False))

    @cached_property
    def agents(self) -> list[Agent]:
        return list(Agent.objects.filter(gone_at=None, synced_at__isnull=False))

    def _choose(self, name: str, rows: list, empty: str) -> None:
        """Offer ROWS in a list; where there are none yet, the id may be typed."""
        field = self.fields[name]
        if not rows:
            field.help_text = "Nothing is synced from Fluents yet: write the id as Fluents shows it."
            return
        if name == "telephony_account_connection":
            rows = [row for row in rows if row.telephony_provider == self.provider]
        field.widget = forms.Select(choices=[("", empty), *((row.api_id, str(row)) for row in rows)])

    def clean_telephony_account_connection(self) -> str:
        value = self.cleaned_data["telephony_account_connection"]
        if not self.connections:
            return value
        row = next((row for row in self.connections if row.api_id == value), None)
        if not row:
            raise ValidationError("This connection is not known. Choose one from the list, or sync first.")
        provider = self.cleaned_data.get("telephony_provider")
        if provider and row.telephony_provider != provider:
            raise ValidationError(
                f"{row} is a {row.telephony_provider} connection. Choose one of {provider}."
            )
        return value

    def clean_inbound_agent(self) -> str:
        value = self.cleaned_data["inbound_agent"]
        if value and self.agents and value not in {row.api_id for row in self.agents}:
            raise ValidationError("This agent is not known. Choose one from the list, or sync first.")
        return value

    def clean_area_code(self) -> str:
        value = self.cleaned_data["area_code"]
        return clean_area_code(value) if value else ""

    def clean_phone_number(self) -> str:
        value = self.cleaned_data["phone_number"]
        return clean_phone_number(value) if value else ""

    def clean_quantity(self) -> int:
        value = self.cleaned_data["quantity"]
        if not 1 <= value <= settings.MAX_LINES_PER_ORDER:
            raise ValidationError(f"An order has 1 to {settings.MAX_LINES_PER_ORDER:,} lines.")
        return value

    def clean(self) -> dict:
        data = super().clean()
        area, number = (self.data.get(name, "").strip() for name in ("area_code", "phone_number"))
        if area and number:
            self.add_error("phone_number", "Give an area code or an exact number, not both.")
        if not area and not number:
            self.add_error("area_code", "Give an area code, or an exact number below.")
        if number and data.get("quantity", 1) != 1 and "quantity" not in self.errors:
            self.add_error("quantity", "An exact number can be bought once only. Write 1.")
        if not settings.FLUENTS_API_TOKEN:
            self.add_error(None, "No Fluents token is set (FLUENTS_API_TOKEN), so nothing can be bought.")
        return data

    def wanted(self) -> dict:
        """The want as keywords of `place_order`."""
        return {name: self.cleaned_data[name] for name in WantForm.base_fields}


class PurchaseForm(WantForm):
    """The purchase form of the page: a want, and the token that makes it one order only."""

    form_token = forms.CharField(widget=forms.HiddenInput, max_length=500, required=False)

    def __init__(self, *args, user: AbstractUser, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["form_token"].initial = None if self.is_bound else new_form_token(user.pk)

    def clean(self) -> dict:
        data = super().clean()
        try:
            self.form_key = read_form_token(data.get("form_token", ""), self.user.pk)
        except ValidationError as error:
            self.add_error(None, error)
        return data

    def wanted(self) -> dict:
        return super().wanted() | {"form_token": self.form_key}

    def freeze(self) -> str:
        """All that was typed, signed, for the address of the confirming step."""
        return signing.dumps({name: self.data.get(name, "") for name in self.fields}, salt=REVIEW_SALT)
