"""What people type, checked: each message stands beside its field and says what to do."""

import re
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.core.exceptions import ValidationError

from numbers.models import Agent, Connection
from numbers.services.inventory.agent_names import AgentNames
from numbers.services.orders.items import Want, owned_among
from numbers.services.orders.prices import estimate
from numbers.services.typed_values import Unreadable, read_label, read_quantity, read_tags
from numbers.telephony.numbering_plan import NotForSale, read_area
from numbers.telephony.phone import NotAPhoneNumber, read_number_for_sale, read_phone_number

from .files import TableField

TOKEN_SALT = "purchase-form"  # noqa: S105 -- the name of a purpose
TOKEN_SECONDS = 24 * 60 * 60  # a form that was left open longer buys nothing any more
MOST_ROWS = 50  # that one can type; a file may have more
ROW_FIELDS = ("area_code", "phone_number", "quantity", "inbound_agent", "label", "tags")
ROW_FIELD = re.compile(rf"({'|'.join(ROW_FIELDS)})(?:-([2-9]|[1-9][0-9]{{1,2}}))?")
ACCOUNT_FIELDS = ("telephony_provider", "telephony_account_connection")
NO_TOKEN = "FLUENTS_API_TOKEN isn't set, so nothing can be bought."  # noqa: S105 -- a message
NOT_SYNCED = "Nothing has been synced from Fluents yet. Enter the ID as Fluents shows it."
PROVIDER_NAMES = {"twilio": "Twilio", "telnyx": "Telnyx"}


def new_form_token(user_id: int) -> str:
    """A token that makes one form one order; made here and signed, which keeps it from being invented."""
    return signing.dumps([user_id, uuid.uuid4().hex], salt=TOKEN_SALT)


def read_form_token(token: str, user_id: int) -> str:
    """The unique part of a token that was made for this user. Raises ValidationError."""
    try:
        owner, key = signing.loads(token, salt=TOKEN_SALT, max_age=TOKEN_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        owner, key = None, ""
    if owner != user_id:
        raise ValidationError("This form has expired. Nothing was bought. Start again.")
    return key


def clean_phone_number(value: str) -> str:
    """The number as E.164, however it was typed. Raises ValidationError."""
    try:
        return read_phone_number(value)
    except NotAPhoneNumber as error:
        raise ValidationError(str(error)) from None


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


def understood[T](read: Callable[[str], T], value: str) -> T:
    """What `read` makes of `value`. Raises ValidationError with its reason."""
    try:
        return read(value)
    except (Unreadable, NotForSale, NotAPhoneNumber) as error:
        raise ValidationError(str(error)) from None


def with_typed(choices: list[tuple[str, str]], value: str | None) -> list[tuple[str, str]]:
    """`choices` and `value`, which a person sees beside the reason why it is none of them."""
    known = not value or value in dict(choices)
    return choices if known else [*choices, (str(value), f"{value} (not in this list)")]


def offer(form: forms.Form, name: str, choices: list[tuple[str, str]]) -> None:
    """Let form's field name be one of choices; another that was sent stays to be seen, and is an error."""
    field = cast("forms.ChoiceField", form.fields[name])
    field.choices = choices
    field.widget.choices = with_typed(choices, form[name].value())


def synced[M: (Agent, Connection)](kind: type[M]) -> list[M]:
    return list(kind.objects.filter(gone_at=None, synced_at__isnull=False))


def synced_connection(params: Mapping) -> Connection | None:
    """The connection that `params` choose, else the first that there is for their provider, if any."""
    rows = synced(Connection)
    chosen = [row for row in rows if row.api_id == params.get("telephony_account_connection")]
    provider = params.get("telephony_provider") or settings.TELEPHONY_PROVIDERS[0]
    fitting = [row for row in rows if row.telephony_provider == provider]
    return next(iter(chosen or fitting), None)


class AccountForm(forms.Form):
    """The account that pays. Choices come from the local copy only."""

    telephony_provider = forms.ChoiceField(label="Provider")
    telephony_account_connection = forms.CharField(
        label="Connection", max_length=200, error_messages={"required": "Choose the account to buy with."}
    )

    def __init__(self, *args, provider: str = "", **kwargs) -> None:
        super().__init__(*args, **kwargs)
        names = [(p, PROVIDER_NAMES.get(p, p)) for p in settings.TELEPHONY_PROVIDERS]
        offer(self, "telephony_provider", names)
        self.provider = provider or self.data.get("telephony_provider") or names[0][0]
        self.fields["telephony_provider"].initial = self.provider
        self.connections = synced(Connection)
        field = self.fields["telephony_account_connection"]
        if not self.connections:
            field.help_text = NOT_SYNCED
            return
        fitting = [row for row in self.connections if row.telephony_provider == self.provider]
        choices = [("", "Choose a connection"), *((row.api_id, str(row)) for row in fitting)]
        field.widget = forms.Select(choices=with_typed(choices, self["telephony_account_connection"].value()))
        if len(fitting) == 1:
            field.initial = fitting[0].api_id

    def clean_telephony_account_connection(self) -> str:
        value = self.cleaned_data["telephony_account_connection"]
        if not self.connections:
            return value
        row = next((row for row in self.connections if row.api_id == value), None)
        if not row:
            raise ValidationError("Unknown connection. Choose one from the list, or sync first.")
        provider = self.cleaned_data.get("telephony_provider")
        if provider and row.telephony_provider != provider:
            raise ValidationError(
                f"{row} is a {row.telephony_provider} connection. Choose a {provider} connection."
            )
        return value

    def clean(self) -> dict:
        super().clean()
        data = self.cleaned_data
        if not settings.FLUENTS_API_TOKEN:
            self.add_error(None, NO_TOKEN)
        return data


class RowForm(forms.Form):
    """One row of a basket. The fields have the API's names; row n has `-N` behind them, but for the first."""

    area_code = forms.CharField(label="Area code", required=False, help_text="Or a city, state, or nickname.")
    phone_number = forms.CharField(
        label="Exact number", required=False, help_text="Only to buy one specific number."
    )
    quantity = forms.CharField(
        label="Quantity",
        initial="1",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"required": "Enter a quantity."},
    )
    inbound_agent = forms.CharField(label="Who answers", required=False, max_length=300)
    label = forms.CharField(label="Label", required=False, strip=False)
    tags = forms.CharField(label="Tags", required=False, strip=False)

    def __init__(self, *args, n: int = 1, agents: list[Agent] | None = None, **kwargs) -> None:
        self.n = n
        super().__init__(*args, **kwargs)
        self.agents = synced(Agent) if agents is None else agents
        if n > 1:
            for field in self.fields.values():
                field.help_text = ""
        field = self.fields["inbound_agent"]
        if self.agents:
            choices = [("", "Unassigned"), *((row.api_id, str(row)) for row in self.agents)]
            field.widget = forms.Select(choices=with_typed(choices, self["inbound_agent"].value()))
        else:
            field.help_text = NOT_SYNCED

    def add_prefix(self, field_name: str) -> str:
        return field_name if self.n == 1 or field_name not in ROW_FIELDS else f"{field_name}-{self.n}"

    @property
    def asked(self) -> int:
        """How many lines the row asks for as it stands; 0 where nobody can tell."""
        values = {name: self[name].value() or "" for name in ("area_code", "phone_number", "quantity")}
        try:
            count = read_quantity(values["quantity"], most=settings.MAX_LINES_PER_ORDER)
        except Unreadable:
            return 0
        return count if values["area_code"] or values["phone_number"] else 0

    def clean_inbound_agent(self) -> str:
        value = self.cleaned_data["inbound_agent"]
        if not value or not self.agents:
            return value
        agent = understood(AgentNames(self.agents).find, value)
        return agent.api_id if agent else ""

    def clean_area_code(self) -> str:
        value = self.cleaned_data["area_code"]
        return understood(read_area, value) if value else ""

    def clean_phone_number(self) -> str:
        value = self.cleaned_data["phone_number"]
        return understood(read_number_for_sale, value) if value else ""

    def clean_quantity(self) -> int:
        read = partial(read_quantity, most=settings.MAX_LINES_PER_ORDER)
        return understood(read, self.cleaned_data["quantity"])

    def clean_label(self) -> str:
        return understood(read_label, self.cleaned_data["label"])

    def clean_tags(self) -> list[str]:
        return understood(read_tags, self.cleaned_data["tags"])

    def clean(self) -> dict:
        super().clean()
        data = self.cleaned_data
        names = ("area_code", "phone_number")
        area, number = (self.data.get(self.add_prefix(name), "").strip() for name in names)
        if area and number:
            self.add_error("phone_number", "Enter an area code or an exact number, not both.")
        if not area and not number:
            self.add_error("area_code", "Enter an area code or an exact number.")
        if number and data.get("quantity", 1) != 1 and "quantity" not in self.errors:
            self.add_error("quantity", "You can buy an exact number only once. Enter 1.")
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

    def __init__(self, data=None, *, user: User, initial: Mapping | None = None, **kwargs) -> None:
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

    @property
    def total(self) -> dict:
        """How many lines the rows ask for as they stand, and what these cost by our own price table."""
        quantity = sum(row.asked for row in self.rows)
        account = {name: self[name].value() or "" for name in ACCOUNT_FIELDS}
        return {"quantity": quantity, "cost": estimate(**account, quantity=quantity)}

    def is_valid(self) -> bool:
        return super().is_valid() and all(row.is_valid() for row in self.more)

    def clean(self) -> dict:
        super().clean()
        data = self.cleaned_data
        try:
            self.form_key = read_form_token(data.get("form_token", ""), self.user.pk)
        except ValidationError as error:
            self.add_error(None, error)
        if len(self.rows) > MOST_ROWS:
            self.add_error(None, f"This form has room for {MOST_ROWS} rows. Use a CSV file for more.")
        self._check_together([data, *(row.cleaned_data for row in self.more if row.is_valid())])
        return data

    def _check_together(self, rows: list[dict]) -> None:
        """What no row shows alone: numbers that stand there twice or are ours, and too many lines."""
        ours = owned_among(row.get("phone_number", "") for row in rows)
        seen: dict[str, int] = {}
        for row in self.rows:
            number = "phone_number" not in row.errors and row.cleaned_data.get("phone_number")
            if number and seen.setdefault(number, row.n) != row.n:
                row.add_error("phone_number", f"This number is already in row {seen[number]}.")
            elif number in ours:
                row.add_error("phone_number", "We already own this number.")
        count, most = sum(row.get("quantity") or 0 for row in rows), settings.MAX_LINES_PER_ORDER
        if self.more and count > most:
            text = f"The rows add up to {count:,} lines. An order can have up to {most:,}."
            self.more[-1].add_error("quantity", text)

    def wants(self) -> list[Want]:
        return [row.want() for row in self.rows]

    def wanted(self) -> dict:
        """The whole basket as keywords of `place_order`."""
        account = {name: self.cleaned_data[name] for name in ACCOUNT_FIELDS}
        return account | {"wants": self.wants(), "form_token": self.form_key}


class WantListForm(AccountForm):
    """A CSV file of wants, and the account that pays for them."""

    file = TableField()


def account_in(data: Mapping, *, token: bool = True) -> dict:
    """What `data` says besides the rows."""
    names = (*ACCOUNT_FIELDS, "form_token") if token else ACCOUNT_FIELDS
    return {name: data[name] for name in names if name in data}


def named(rows: list[dict[str, str]]) -> dict[str, str]:
    """`rows` under the names that they have in the form."""
    return {
        name if n == 1 else f"{name}-{n}": value
        for n, row in enumerate(rows, start=1)
        for name, value in row.items()
    }
