"""Changing, giving up and finding numbers."""

from collections import Counter
from collections.abc import Iterable
from functools import partial

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError

from numbers.models import Agent, Connection, Number
from numbers.services.calls.proofs import why_not_from
from numbers.services.inventory.agent_names import AgentNames
from numbers.services.typed_values import (
    Unreadable,
    read_description,
    read_label,
    read_quantity,
    read_tags,
    same_text,
)
from numbers.telephony.phone import NotAPhoneNumber, read_listed_number

from .files import TableField
from .orders import clean_phone_number, offer, understood

SEEN_SALT = "number-seen"
MOST_NUMBERS = 999_999_999  # that one plan could give up


class NumberForm(forms.Form):
    """What may be changed about one number, with the values that the person saw.

    `values` are those of the books now. `changes` are the fields that the person has changed.
    """

    inbound_agent = forms.ChoiceField(label="Who answers", required=False)
    label = forms.CharField(label="Label", required=False, strip=False)
    description = forms.CharField(
        label="Description", required=False, strip=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    tags = forms.CharField(
        label="Tags",
        required=False,
        strip=False,
        help_text="Separate tags with commas. Fluents doesn't see them.",
    )
    outbound_only = forms.BooleanField(
        label="Outbound only",
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=8000, required=False)

    def __init__(self, data=None, *, values: dict) -> None:
        super().__init__(data, initial=self.as_typed(values))
        self.values = values
        agents = Agent.objects.filter(gone_at=None)
        choices = [(agent.api_id, str(agent)) for agent in agents]
        if values["agent"] and values["agent"] not in dict(choices):
            gone = Agent.objects.filter(api_id=values["agent"]).first()
            choices.append((values["agent"], f"{gone or values['agent']} (deleted in Fluents)"))
        offer(self, "inbound_agent", [("", "Unassigned"), *choices])

    @staticmethod
    def as_typed(values: dict) -> dict:
        typed = {"inbound_agent": values["agent"], "tags": ", ".join(values["tags"])}
        return typed | {key: values[key] for key in ("label", "description", "outbound_only")}

    @property
    def stamp(self) -> str:
        """The values of now, for the hidden field: who sends the form again has seen these."""
        return signing.dumps(self.values, salt=SEEN_SALT)

    def clean(self) -> dict:
        super().clean()
        data = self.cleaned_data
        try:
            self.stored = signing.loads(data.get("seen", ""), salt=SEEN_SALT)
        except signing.BadSignature:
            raise ValidationError("This page was out of date. Check the values, then save.") from None
        self.changes = {}
        shown = self.as_typed(self.stored)
        read = {"label": read_label, "description": read_description, "tags": read_tags}
        for name in set(shown) & set(data):
            # What nobody touched stays, though a browser writes its line breaks as CRLF, or it breaks a rule.
            if same_text(str(data[name])) == same_text(str(shown[name])):
                continue
            try:
                value = read[name](data[name]) if name in read else data[name]
            except Unreadable as error:
                self.add_error(name, str(error))
                continue
            key = "agent" if name == "inbound_agent" else name
            if value != self.stored[key]:
                self.changes[key] = value
        return data


class GiveUpForm(forms.Form):
    """A number is given up only by somebody who has typed it."""

    phone_number = forms.CharField(
        label="Enter the number to confirm",
        error_messages={"required": "Enter the number to confirm."},
    )

    def __init__(self, data=None, *, e164: str) -> None:
        super().__init__(data)
        self.e164 = e164

    def clean_phone_number(self) -> str:
        value = self.cleaned_data["phone_number"]
        try:
            typed = read_listed_number(value)
        except NotAPhoneNumber as error:
            raise ValidationError(str(error)) from None
        if typed != self.e164:
            raise ValidationError("This isn't the number on this page.")
        return value


class ProveForm(forms.Form):
    """From which line a number is to be called. `token` makes one call of one form."""

    probe = forms.CharField(
        label="Call from",
        help_text="Another of our lines. Its agent does the talking. The call costs money.",
        error_messages={"required": "Enter the line to call from."},
    )
    token = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, data=None, *, number: Number, **kwargs) -> None:
        super().__init__(data, **kwargs)
        self.number = number

    def clean_probe(self) -> Number:
        try:
            e164 = read_listed_number(self.cleaned_data["probe"])
        except NotAPhoneNumber as error:
            raise ValidationError(str(error)) from None
        probe = Number.objects.owned().select_related("agent").filter(e164=e164).first()
        why = why_not_from(probe, self.number) if probe else "We don't own the line to call from."
        if not probe or why:
            raise ValidationError(why)
        return probe


class CountForm(forms.Form):
    """Many numbers are given up only by somebody who has typed how many."""

    count = forms.CharField(
        label="Enter how many numbers to confirm",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={"required": "Enter how many numbers to confirm."},
    )

    def __init__(self, data=None, *, count: int) -> None:
        super().__init__(data)
        self.expected = count

    def clean_count(self) -> int:
        typed = understood(partial(read_quantity, most=MOST_NUMBERS), self.cleaned_data["count"])
        if typed != self.expected:
            raise ValidationError("That's not how many numbers this changes. Check it again.")
        return self.expected


class LinkForm(forms.Form):
    """A number that a connection holds already, to be used here."""

    phone_number = forms.CharField(
        label="Number",
        error_messages={"required": "Enter the number that's in the connection."},
    )
    telephony_account_connection = forms.ModelChoiceField(
        label="Connection",
        queryset=Connection.objects.filter(gone_at=None, synced_at__isnull=False),
        to_field_name="api_id",
        empty_label="Choose a connection",
        error_messages={
            "required": "Choose the account that has the number.",
            "invalid_choice": "Unknown connection. Choose one from the list, or sync first.",
        },
    )
    inbound_agent = forms.ModelChoiceField(
        label="Who answers",
        queryset=Agent.objects.filter(gone_at=None, synced_at__isnull=False),
        to_field_name="api_id",
        required=False,
        empty_label="Unassigned",
        error_messages={"invalid_choice": "Unknown agent. Choose one from the list, or sync first."},
    )

    def clean_phone_number(self) -> str:
        return clean_phone_number(self.cleaned_data["phone_number"])


class UploadForm(forms.Form):
    """A table of numbers that was exported, edited and comes back."""

    file = TableField()


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
        try:
            agent = AgentNames().find(text)
        except Unreadable as error:
            raise ValidationError(str(error)) from None
        return agent.api_id if agent else ""


class AssignForm(forms.Form):
    """Who is to answer one number. SEEN is who did when the form was made."""

    agent = AgentField(required=False)
    seen = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)

    def clean(self) -> dict:
        super().clean()
        data = self.cleaned_data
        if "nobody" in self.data:
            data["agent"] = ""
            self.errors.pop("agent", None)
        elif not data.get("agent") and "agent" not in self.errors:
            self.add_error("agent", "Choose an agent.")
        return data


class BulkForm(forms.Form):
    """One change of many numbers, as the bar under the list asks for it."""

    DEEDS = ("assign", "unassign", "label", "tags", "outbound", "inbound")

    do = forms.ChoiceField(choices=[(deed, deed) for deed in DEEDS])
    agent = AgentField(required=False)
    reason = forms.CharField(required=False, max_length=200)
    label = forms.CharField(required=False, strip=False)
    tags_add = forms.CharField(required=False, strip=False)
    tags_remove = forms.CharField(required=False, strip=False)

    def clean_label(self) -> str:
        return understood(read_label, self.cleaned_data["label"])

    def clean_tags_add(self) -> list[str]:
        return understood(read_tags, self.cleaned_data["tags_add"])

    def clean_tags_remove(self) -> list[str]:
        return understood(read_tags, self.cleaned_data["tags_remove"])

    def clean(self) -> dict:
        super().clean()
        data = self.cleaned_data
        if data.get("do") != "assign":
            self.errors.pop("agent", None)
        elif not data.get("agent") and "agent" not in self.errors:
            self.add_error("agent", "Choose an agent.")
        if data.get("do") == "tags" and not (data.get("tags_add") or data.get("tags_remove")):
            self.add_error("tags_add", "Enter a tag to add or remove.")
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
                return {name: data[name] for name in ("tags_add", "tags_remove") if data[name]}
            case deed:
                return {"outbound_only": deed == "outbound"}


class SaveViewForm(forms.Form):
    """A name for a way to look at the list."""

    name = forms.CharField(max_length=60, error_messages={"required": "Enter a name for the view."})
    query = forms.CharField(required=False, max_length=2000)
    shared = forms.BooleanField(required=False)
