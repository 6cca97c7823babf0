"""What people type, checked: each message stands beside its field and says what to do."""

import re
import uuid
from collections.abc import Mapping

from django import forms
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core import signing
from django.core.exceptions import ValidationError

from ..models import Agent, Connection
from ..services.wants import LONGEST_LABEL, Want, owned_among, wrong_tag

TOKEN_SALT = "purchase-form"  # noqa: S105 -- the name of a purpose
TOKEN_SECONDS = 24 * 60 * 60  # a form that was left open longer buys nothing any more
MOST_ROWS = 50  # that one can type; a file may have more
LARGEST_WANT_LIST = 2_000_000
ROW_FIELDS = ("area_code", "phone_number", "quantity", "inbound_agent", "label", "tags")
ROW_FIELD = re.compile(rf"({'|'.join(ROW_FIELDS)})(?:-([2-9]|[1-9][0-9]{{1,2}}))?")
ACCOUNT_FIELDS = ("telephony_provider", "telephony_account_connection")
NO_TOKEN = "No Fluents token is set (FLUENTS_API_TOKEN), so nothing can be bought."  # noqa: S105 -- a message
NOT_SYNCED = "Nothing is synced from Fluents yet: write the id as Fluents shows it."
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


def clean_area_code(value: str) -> str:
    """A geographic US or Canadian area code. Raises ValidationError."""
    if len(value) != 3 or not value.isascii() or not value.isdigit():
        raise ValidationError("An area code has three digits, such as 415.")
    if value[0] in "01" or value[1:] == "11":
        raise ValidationError(f"{value} is not an area code: codes begin with 2 to 9 and do not end in 11.")
    return value


def clean_phone_number(value: str) -> str:
    """The number as E.164; typed with spaces, brackets, or without +1. Raises ValidationError."""
    import phonenumbers  # noqa: PLC0415 -- no small thing, and most pages have no such field

    try:
        parsed = phonenumbers.parse(value, "US")
    except phonenumbers.NumberParseException:
        parsed = None
    if not parsed or not phonenumbers.is_possible_number(parsed):
        raise ValidationError("This is not a complete phone number. Write it like +1 415 555 0123.")
    if not phonenumbers.is_valid_number(parsed):
        raise ValidationError("No such number can exist: check the area code and the digits after it.")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def typed_rows(data: Mapping) -> list[dict[str, str]]:
    """The rows of a basket as typed. The first has plain names, further ones are like `area_code-2`."""
    rows: dict[int, dict[str, str]] = {1: {}}
    for key in data:
        if found := ROW_FIELD.fullmatch(key):
            rows.setdefault(int(found[2] or 1), {})[found[1]] = data.get(key) or ""
    return [rows[n] for n in sorted(rows)]


def is_blank(row: dict[str, str]) -> bool:
    """Whether somebody added the row and then wrote nothing into it that says what to buy."""
    said = {name: value.strip() for name, value in row.items() if name != "inbound_agent"}
    return said.pop("quantity", "") in ("", "1") and not any(said.values())


def synced(kind: type) -> list:
    return list(kind.objects.filter(gone_at=None, synced_at__isnull=False))


def synced_connection(params: Mapping) -> Connection | None:
    """The connection that PARAMS choose, else the first that there is for their provider, if any."""
    rows = synced(Connection)
    chosen = [row for row in rows if row.api_id == params.get("telephony_account_connection")]
    provider = params.get("telephony_provider") or settings.TELEPHONY_PROVIDERS[0]
    fitting = [row for row in rows if row.telephony_provider == provider]
    return next(iter(chosen or fitting), None)


class AccountForm(forms.Form):
    """The account that pays. Choices come from the local copy only."""

    telephony_provider = forms.ChoiceField(label="Provider")
    telephony_account_connection = forms.CharField(
        label="Connection", max_length=200, error_messages={"required": "Choose the account that pays."}
    )

    def __init__(self, *args, provider: str = "", **kwargs) -> None:
        super().__init__(*args, **kwargs)
        names = [(p, PROVIDER_NAMES.get(p, p)) for p in settings.TELEPHONY_PROVIDERS]
        self.fields["telephony_provider"].choices = names
        self.provider = provider or self.data.get("telephony_provider") or names[0][0]
        self.fields["telephony_provider"].initial = self.provider
        self.connections = synced(Connection)
        field = self.fields["telephony_account_connection"]
        if not self.connections:
            field.help_text = NOT_SYNCED
            return
        fitting = [row for row in self.connections if row.telephony_provider == self.provider]
        choices = [("", "Choose a connection"), *((row.api_id, str(row)) for row in fitting)]
        field.widget = forms.Select(choices=choices)
        if len(fitting) == 1:
            field.initial = fitting[0].api_id

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

    def clean(self) -> dict:
        data = super().clean()
        if not settings.FLUENTS_API_TOKEN:
            self.add_error(None, NO_TOKEN)
        return data


class RowForm(forms.Form):
    """One row of a basket. The fields have the API's names; row N has `-N` behind them, but for the first."""

    area_code = forms.CharField(label="Area code", required=False, max_length=20, help_text="Three digits.")
    phone_number = forms.CharField(
        label="Exact number", required=False, max_length=40, help_text="Only if you want one certain number."
    )
    quantity = forms.IntegerField(
        label="How many lines",
        initial=1,
        error_messages={"required": "Say how many lines.", "invalid": "Write a whole number."},
    )
    inbound_agent = forms.CharField(label="Who answers", required=False, max_length=200)
    label = forms.CharField(label="Label", required=False, max_length=LONGEST_LABEL)
    tags = forms.CharField(label="Tags", required=False, max_length=1200)

    def __init__(self, *args, n: int = 1, agents: list[Agent] | None = None, **kwargs) -> None:
        self.n = n
        super().__init__(*args, **kwargs)
        self.agents = synced(Agent) if agents is None else agents
        if n > 1:
            for field in self.fields.values():
                field.help_text = ""
        field = self.fields["inbound_agent"]
        if self.agents:
            choices = [("", "Nobody yet"), *((row.api_id, str(row)) for row in self.agents)]
            field.widget = forms.Select(choices=choices)
        else:
            field.help_text = NOT_SYNCED

    def add_prefix(self, field_name: str) -> str:
        return field_name if self.n == 1 or field_name not in ROW_FIELDS else f"{field_name}-{self.n}"

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

    def clean_label(self) -> str:
        value = self.cleaned_data["label"]
        if not value.isprintable():
            raise ValidationError("A label is one line of text.")
        return value

    def clean_tags(self) -> list[str]:
        tags = sorted({tag.strip() for tag in re.split("[,;]", self.cleaned_data["tags"])} - {""})
        if wrong := wrong_tag(tags):
            raise ValidationError(wrong)
        return tags

    def clean(self) -> dict:
        data = super().clean()
        names = ("area_code", "phone_number")
        area, number = (self.data.get(self.add_prefix(name), "").strip() for name in names)
        if area and number:
            self.add_error("phone_number", "Give an area code or an exact number, not both.")
        if not area and not number:
            self.add_error("area_code", "Give an area code, or an exact number.")
        if number and data.get("quantity", 1) != 1 and "quantity" not in self.errors:
            self.add_error("quantity", "An exact number can be bought once only. Write 1.")
        return data

    def want(self) -> Want:
        return Want(**{name: self.cleaned_data[name] for name in ROW_FIELDS})


class WantForm(AccountForm, RowForm):
    """What is wanted, and the account that pays for it."""

    field_order = ["telephony_provider", "telephony_account_connection", *ROW_FIELDS]

    def wanted(self) -> dict:
        """The want as keywords of `place_order`."""
        return {name: self.cleaned_data[name] for name in WantForm.base_fields}


class PurchaseForm(WantForm):
    """The purchase form of the page: a basket of one row or more, and the token that makes it one order.

    `more` are the forms of the rows after the first. Blank rows of what was sent are left out.
    """

    form_token = forms.CharField(widget=forms.HiddenInput, max_length=500, required=False)

    def __init__(self, data=None, *, user: AbstractUser, initial: Mapping | None = None, **kwargs) -> None:
        rows = typed_rows(initial or {} if data is None else data)
        if data is not None:
            rows = [row for row in rows if not is_blank(row)] or rows[:1]
            data = account_in(data) | named(rows)
        super().__init__(data, initial=account_in(initial or {}, token=False) | rows[0], **kwargs)
        self.user = user
        self.fields["form_token"].initial = None if self.is_bound else new_form_token(user.pk)
        self.more = [
            RowForm(data, n=n, agents=self.agents, initial=row) for n, row in enumerate(rows[1:], start=2)
        ]

    @property
    def rows(self) -> list[RowForm]:
        return [self, *self.more]

    def is_valid(self) -> bool:
        return super().is_valid() and all(row.is_valid() for row in self.more)

    def clean(self) -> dict:
        data = super().clean()
        try:
            self.form_key = read_form_token(data.get("form_token", ""), self.user.pk)
        except ValidationError as error:
            self.add_error(None, error)
        if len(self.rows) > MOST_ROWS:
            self.add_error(None, f"This form takes {MOST_ROWS} rows. Put more of them into a CSV file.")
        self._check_together([data, *(row.cleaned_data for row in self.more if row.is_valid())])
        return data

    def _check_together(self, rows: list[dict]) -> None:
        """What no row shows alone: numbers that stand there twice or are ours, and too many lines."""
        ours = owned_among(row.get("phone_number", "") for row in rows)
        seen: dict[str, int] = {}
        for row in self.rows:
            number = "phone_number" not in row.errors and row.cleaned_data.get("phone_number")
            if number and seen.setdefault(number, row.n) != row.n:
                row.add_error("phone_number", f"This number stands in row {seen[number]} already.")
            elif number in ours:
                row.add_error("phone_number", "This number is ours already.")
        count, most = sum(row.get("quantity") or 0 for row in rows), settings.MAX_LINES_PER_ORDER
        if self.more and count > most:
            text = f"All rows together ask for {count:,} lines; an order has at most {most:,}."
            self.more[-1].add_error("quantity", text)

    def wants(self) -> list[Want]:
        return [row.want() for row in self.rows]

    def wanted(self) -> dict:
        """The whole basket as keywords of `place_order`."""
        account = {name: self.cleaned_data[name] for name in ACCOUNT_FIELDS}
        return account | {"wants": self.wants(), "form_token": self.form_key}


class WantListForm(AccountForm):
    """A CSV file of wants, and the account that pays for them."""

    file = forms.FileField(
        label="CSV file",
        error_messages={"required": "Choose the file.", "empty": "This file is empty."},
    )

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > LARGEST_WANT_LIST:
            raise ValidationError(f"This file is larger than {LARGEST_WANT_LIST // 1_000_000} MB.")
        return file


def account_in(data: Mapping, *, token: bool = True) -> dict:
    """What DATA says besides the rows."""
    names = (*ACCOUNT_FIELDS, "form_token") if token else ACCOUNT_FIELDS
    return {name: data[name] for name in names if name in data}


def named(rows: list[dict[str, str]]) -> dict[str, str]:
    """ROWS under the names that they have in the form."""
    return {
        name if n == 1 else f"{name}-{n}": value
        for n, row in enumerate(rows, start=1)
        for name, value in row.items()
    }
