"""What people type, checked: each message stands beside its field and says what to do."""

import uuid
from collections import Counter
from collections.abc import Iterable

import phonenumbers
from django import forms
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core import signing
from django.core.exceptions import ValidationError
from django.utils.functional import cached_property

from .models import Agent, Connection

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


class ReasonForm(forms.Form):
    """Why a person does what only a person may do; it stays in the history."""

    reason = forms.CharField(
        label="Why",
        min_length=5,
        max_length=400,
        help_text="What you saw and where. It stays in the history with your name.",
        error_messages={
            "required": "Say why: whoever reads the history later was not there.",
            "min_length": "Say a little more.",
        },
    )


class DecisionForm(ReasonForm):
    """What a person decides about a line under review."""

    BOUGHT, AGAIN, CLOSE = "bought", "again", "close"
    decision = forms.ChoiceField(
        label="What happened",
        widget=forms.RadioSelect,
        choices=[
            (BOUGHT, "It was bought"),
            (AGAIN, "It was not bought: try again"),
            (CLOSE, "Close it without a number"),
        ],
        error_messages={"required": "Choose what happened."},
    )
    phone_number = forms.CharField(label="The number that was bought", max_length=40, required=False)
    field_order = ["decision", "phone_number", "reason"]

    def clean(self) -> dict:
        data = super().clean()
        if data.get("decision") == self.BOUGHT:
            try:
                data["phone_number"] = clean_phone_number(data.get("phone_number", ""))
            except ValidationError as error:
                self.add_error("phone_number", error)
        return data


SEEN_SALT = "number-seen"


class NumberForm(forms.Form):
    """What may be changed about one number, with the values that the person saw.

    VALUES are those of the books now. `changes` are the fields that the person has changed.
    """

    inbound_agent = forms.ChoiceField(label="Who answers", required=False)
    label = forms.CharField(label="Label", required=False, max_length=200)
    description = forms.CharField(
        label="Description", required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
    )
    tags = forms.CharField(
        label="Tags",
        required=False,
        max_length=2000,
        help_text="Words of your own, with commas between them. Fluents does not see them.",
    )
    outbound_only = forms.BooleanField(label="Outbound only", required=False)
    seen = forms.CharField(widget=forms.HiddenInput, max_length=8000, required=False)

    def __init__(self, data=None, *, values: dict) -> None:
        super().__init__(data, initial=self.as_typed(values))
        self.values = values
        agents = Agent.objects.filter(gone_at=None)
        choices = [(agent.api_id, str(agent)) for agent in agents]
        if values["agent"] and values["agent"] not in dict(choices):
            gone = Agent.objects.filter(api_id=values["agent"]).first()
            choices.append((values["agent"], f"{gone or values['agent']} (gone at Fluents)"))
        self.fields["inbound_agent"].choices = [("", "Nobody"), *choices]

    @staticmethod
    def as_typed(values: dict) -> dict:
        typed = {"inbound_agent": values["agent"], "tags": ", ".join(values["tags"])}
        return typed | {key: values[key] for key in ("label", "description", "outbound_only")}

    @property
    def stamp(self) -> str:
        """The values of now, for the hidden field: who sends the form again has seen these."""
        return signing.dumps(self.values, salt=SEEN_SALT)

    def clean(self) -> dict:
        data = super().clean()
        try:
            self.seen = signing.loads(data.get("seen", ""), salt=SEEN_SALT)
        except signing.BadSignature:
            raise ValidationError("This page was too old. Look at the values again, then save.") from None
        if self.errors:
            return data
        wanted = {
            "agent": data["inbound_agent"],
            "label": data["label"],
            "description": data["description"],
            "tags": sorted({tag.strip() for tag in data["tags"].split(",")} - {""}),
            "outbound_only": data["outbound_only"],
        }
        self.changes = {key: value for key, value in wanted.items() if value != self.seen[key]}
        return data


class GiveUpForm(forms.Form):
    """A number is given up only by somebody who has typed it."""

    phone_number = forms.CharField(
        label="Type the number",
        max_length=40,
        error_messages={"required": "Type the number, so that it is certainly the one you mean."},
    )

    def __init__(self, data=None, *, e164: str) -> None:
        super().__init__(data)
        self.e164 = e164

    def clean_phone_number(self) -> str:
        value = self.cleaned_data["phone_number"]
        typed = "".join(c for c in value if c in "0123456789")
        if typed not in {self.e164[1:], self.e164.removeprefix("+1")}:
            raise ValidationError("This is another number than the one on this page.")
        return value


class CountForm(forms.Form):
    """Many numbers are given up only by somebody who has typed how many."""

    count = forms.IntegerField(
        label="Type how many numbers are given up",
        error_messages={"required": "Type how many.", "invalid": "Write a whole number."},
    )

    def __init__(self, data=None, *, count: int) -> None:
        super().__init__(data)
        self.expected = count

    def clean_count(self) -> int:
        if self.cleaned_data["count"] != self.expected:
            raise ValidationError("That is not how many numbers this plan gives up. Look at it again.")
        return self.expected


class LinkForm(forms.Form):
    """A number that a connection holds already, to be used here."""

    phone_number = forms.CharField(
        label="Number",
        max_length=40,
        error_messages={"required": "Write the number that the connection holds."},
    )
    telephony_account_connection = forms.ModelChoiceField(
        label="Connection",
        queryset=Connection.objects.filter(gone_at=None, synced_at__isnull=False),
        to_field_name="api_id",
        empty_label="Choose a connection",
        error_messages={
            "required": "Choose the account that holds the number.",
            "invalid_choice": "This connection is not known. Choose one from the list, or sync first.",
        },
    )
    inbound_agent = forms.ModelChoiceField(
        label="Who answers",
        queryset=Agent.objects.filter(gone_at=None, synced_at__isnull=False),
        to_field_name="api_id",
        required=False,
        empty_label="Nobody yet",
        error_messages={
            "invalid_choice": "This agent is not known. Choose one from the list, or sync first."
        },
    )

    def clean_phone_number(self) -> str:
        return clean_phone_number(self.cleaned_data["phone_number"])


LARGEST_UPLOAD = 20_000_000


class UploadForm(forms.Form):
    """A table of numbers that was exported, edited and comes back."""

    file = forms.FileField(
        label="CSV file",
        error_messages={"required": "Choose the file.", "empty": "This file is empty."},
    )

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > LARGEST_UPLOAD:
            raise ValidationError(f"This file is larger than {LARGEST_UPLOAD // 1_000_000} MB.")
        return file


ITSELF = "-"  # the value of the person filter that finds what the dashboard did by itself


class ActivityForm(forms.Form):
    """Which part of the history is wanted. Everything is optional, and what is mistyped is left out."""

    q = forms.CharField(label="Words in the reason", required=False, max_length=200)
    action = forms.CharField(label="What", required=False, max_length=50)
    person = forms.CharField(label="Who", required=False, max_length=150)
    number = forms.CharField(label="Number", required=False, max_length=40)
    order = forms.IntegerField(label="Order", required=False, min_value=1, max_value=2**63 - 1)
    plan = forms.IntegerField(label="Plan", required=False, min_value=1, max_value=2**63 - 1)

    def __init__(self, data, *, people: list[str] = ()) -> None:
        super().__init__(data)
        for name, label in (("from", "From"), ("to", "To")):  # "from" cannot be written as a class attribute
            self.fields[name] = forms.DateField(
                label=label,
                required=False,
                widget=forms.DateInput(attrs={"type": "date"}),
                input_formats=["%Y-%m-%d"],
                error_messages={"invalid": "Write a day like 2026-01-31."},
            )
        self.people = people

    def clean_number(self) -> str:
        value = self.cleaned_data["number"]
        digits = "".join(c for c in value if c in "0123456789")
        if value and not digits:
            raise ValidationError("Write some digits of the number.")
        return digits

    @property
    def is_filled(self) -> bool:
        return any(self.data.get(name) for name in self.fields)


def agent_names(agents: Iterable[Agent]) -> dict[str, str]:
    """What people type for each agent, and its id at Fluents; where a name is not unique, the id tells."""
    agents = list(agents)
    often = Counter(str(agent).casefold() for agent in agents)
    return {
        f"{agent} ({agent.short_id})" if often[str(agent).casefold()] > 1 else str(agent): agent.api_id
        for agent in agents
    }


class AgentField(forms.CharField):
    """An agent, typed by name with the page's list of agents as help; its value is the id at Fluents."""

    def __init__(self, **kwargs) -> None:
        widget = forms.TextInput(attrs={"list": "agents", "autocomplete": "off", "spellcheck": "false"})
        super().__init__(label="Who answers", max_length=300, widget=widget, **kwargs)

    def clean(self, value: str) -> str:
        text = super().clean(value)
        if not text:
            return ""
        names = agent_names(Agent.objects.filter(gone_at=None))
        if text in names.values():
            return text
        found = {name.casefold(): api_id for name, api_id in names.items()}
        if text.casefold() in found:
            return found[text.casefold()]
        close = [name for name in names if text.casefold() in name.casefold()]
        if len(close) == 1:
            return names[close[0]]
        hint = f" Did you mean {', '.join(close[:3])}?" if close else " Choose one from the list."
        raise ValidationError(f"No agent is called “{text}”.{hint}")


class AssignForm(forms.Form):
    """Who shall answer one number. SEEN is who did when the form was made."""

    agent = AgentField(required=False)
    seen = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)

    def clean(self) -> dict:
        data = super().clean()
        if "nobody" in self.data:
            data["agent"] = ""
            self.errors.pop("agent", None)
        elif not data.get("agent") and "agent" not in self.errors:
            self.add_error("agent", "Write who shall answer.")
        return data


def tag_list(text: str) -> list[str]:
    return [tag for part in text.split(",") if (tag := part.strip())]


class BulkForm(forms.Form):
    """One change of many numbers, as the bar under the list asks for it."""

    DEEDS = ("assign", "unassign", "label", "tags", "outbound", "inbound")

    do = forms.ChoiceField(choices=[(deed, deed) for deed in DEEDS])
    agent = AgentField(required=False)
    label = forms.CharField(required=False, max_length=200)
    tags_add = forms.CharField(required=False, max_length=500)
    tags_remove = forms.CharField(required=False, max_length=500)

    def clean(self) -> dict:
        data = super().clean()
        if data.get("do") != "assign":
            self.errors.pop("agent", None)
        elif not data.get("agent") and "agent" not in self.errors:
            self.add_error("agent", "Write who shall answer.")
        if data.get("do") == "tags" and not (data.get("tags_add") or data.get("tags_remove")):
            self.add_error("tags_add", "Write a tag to add or to take away.")
        return data

    def changes(self) -> dict:
        """What `plan_change` is asked for."""
        data = self.cleaned_data
        match data["do"]:
            case "assign":
                return {"agent": data["agent"]}
            case "unassign":
                return {"agent": ""}
            case "label":
                return {"label": data["label"]}
            case "tags":
                tags = {name: tag_list(data[name]) for name in ("tags_add", "tags_remove")}
                return {name: found for name, found in tags.items() if found}
            case deed:
                return {"outbound_only": deed == "outbound"}


class SaveViewForm(forms.Form):
    """A name for a way to look at the list."""

    name = forms.CharField(max_length=60, error_messages={"required": "Give the view a name."})
    query = forms.CharField(required=False, max_length=2000)
