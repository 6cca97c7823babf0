"""What people ask of the long lists: of the history and of orders. What is mistyped is left out."""

from collections.abc import Sequence

from django import forms
from django.core.exceptions import ValidationError

from numbers.telephony.characters import plain

ITSELF = "-"  # the value of the person filter that finds what the dashboard did automatically


class FilterForm(forms.Form):
    """Words, and days from and to. Everything is optional."""

    q = forms.CharField(label="Words", required=False, max_length=200)

    def __init__(self, data, *, people: Sequence[str] = ()) -> None:
        super().__init__(data)
        for name, label in (("from", "From"), ("to", "To")):  # "from" cannot be written as a class attribute
            self.fields[name] = forms.DateField(
                label=label,
                required=False,
                widget=forms.DateInput(attrs={"type": "date"}),
                input_formats=["%Y-%m-%d"],
                error_messages={"invalid": "Enter a date such as 2026-01-31."},
            )
        self.people = people

    @property
    def is_filled(self) -> bool:
        return any(self.data.get(name) for name in self.fields)

    @property
    def days(self) -> dict[str, str]:
        """The days that were understood, as they were typed."""
        self.is_valid()
        return {name: (self.cleaned_data.get(name) and self.data[name]) or "" for name in ("from", "to")}


class ActivityForm(FilterForm):
    """Which part of the history is wanted."""

    q = forms.CharField(label="Words in the reason", required=False, max_length=200)
    action = forms.CharField(label="What", required=False, max_length=50)
    person = forms.CharField(label="Who", required=False, max_length=150)
    number = forms.CharField(label="Number", required=False, max_length=40)
    order = forms.IntegerField(label="Order", required=False, min_value=1, max_value=2**63 - 1)
    plan = forms.IntegerField(label="Change", required=False, min_value=1, max_value=2**63 - 1)

    @property
    def is_whole(self) -> bool:
        """Whether no event is asked for by what it is or what it is about."""
        self.is_valid()
        return not any(self.cleaned_data.get(name) for name in ("q", "action", "number", "order", "plan"))

    def clean_number(self) -> str:
        value = self.cleaned_data["number"]
        digits = "".join(filter(str.isdigit, plain(value)))
        if value and not digits:
            raise ValidationError("Enter some digits of the number.")
        return digits


class OrdersForm(FilterForm):
    """Which orders are wanted."""

    person = forms.CharField(label="Who", required=False, max_length=150)
