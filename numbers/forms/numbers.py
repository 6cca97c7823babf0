"""Changing, giving up and finding numbers."""

from collections import Counter
from collections.abc import Iterable

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError

from ..models import Agent, Connection
from .buying import clean_phone_number

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
