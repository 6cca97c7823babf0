"""Putting an item of the Attention page off."""

from django import forms

from numbers.models import Snooze

DAYS = [(1, "1 day"), (3, "3 days"), (7, "A week"), (30, "30 days")]


class SnoozeForm(forms.Form):
    """Which item, for how long, and why."""

    kind = forms.ChoiceField(choices=Snooze.Kind.choices)
    item = forms.IntegerField(min_value=1, max_value=2**62)
    days = forms.TypedChoiceField(choices=DAYS, coerce=int)
    reason = forms.CharField(min_length=3, max_length=200, error_messages={"required": "Enter a reason."})

    def clean_kind(self) -> Snooze.Kind:
        return Snooze.Kind(self.cleaned_data["kind"])
