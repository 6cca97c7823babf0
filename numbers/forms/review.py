"""What a person decides, and why."""

from django import forms
from django.core.exceptions import ValidationError

from numbers.models import Line
from numbers.services.purchasing.review import absences, proven
from numbers.telephony.phone import pretty

from .orders import clean_phone_number


class ReasonForm(forms.Form):
    """Why a person does what only a person may do; it is kept in the history."""

    reason = forms.CharField(
        label="Why",
        min_length=5,
        max_length=400,
        help_text="What you found and where. It's kept in the history with your name.",
        error_messages={
            "required": "Enter a reason for the history.",
            "min_length": "Add a little more detail.",
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
            (AGAIN, "It wasn't bought: try again"),
            (CLOSE, "Close it without a number"),
        ],
        error_messages={"required": "Choose what happened."},
    )
    phone_number = forms.CharField(label="The number that was bought", required=False)
    field_order = ["decision", "phone_number", "reason"]

    def __init__(self, *args, line: Line, use: str = "", **kwargs) -> None:
        """What the evidence about `line` speaks for is recommended; a person may `use` one of its numbers."""
        super().__init__(*args, **kwargs)
        self.proven, self.absences = proven(line), absences(line)
        use = use if use in self.proven else ""
        only = self.proven[0] if len(self.proven) == 1 else ""
        untried = "" if self.proven or self.absences else line.phone_number
        self.initial["phone_number"] = pretty(use or only or untried)
        if use:
            self.initial["decision"] = self.BOUGHT
        self.recommended = self.BOUGHT if only else self.AGAIN if self.absences and not self.proven else ""

    def clean(self) -> dict:
        super().clean()
        data = self.cleaned_data
        if data.get("decision") == self.BOUGHT:
            try:
                data["phone_number"] = clean_phone_number(data.get("phone_number", ""))
            except ValidationError as error:
                self.add_error("phone_number", error)
        return data
