"""What a person decides, and why."""

from django import forms
from django.core.exceptions import ValidationError

from .buying import clean_phone_number


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
