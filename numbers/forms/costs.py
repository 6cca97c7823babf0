"""A provider's invoice, which of its columns count, and the budget of a tag."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import cast

from django import forms
from django.conf import settings
from django.utils import timezone

from numbers.currencies import CURRENCIES
from numbers.models import Connection
from numbers.services.costs.invoice_layouts import CHOSEN, KIND, REQUIRED
from numbers.services.costs.months import BACK, midnight, months_since, start_of

from .numbers import UploadForm
from .orders import PROVIDER_NAMES, synced


def accounts() -> list[tuple[str, str]]:
    """Whom an invoice can be from: all of a provider's connections, or one of them."""
    return [
        (f"{provider} {connection}", f"{PROVIDER_NAMES.get(provider, provider)}: {words}")
        for provider in settings.TELEPHONY_PROVIDERS
        for connection, words in [
            ("", "all connections"),
            *((row.api_id, str(row)) for row in synced(Connection) if row.telephony_provider == provider),
        ]
    ]


def months_over() -> list[date]:
    """The last months that are over, newest first."""
    current = start_of(timezone.now().date())
    first = start_of(midnight(current).replace(year=current.year - 1).date())
    return months_since(first, current)[1 : BACK + 1]


class InvoiceForm(UploadForm):
    """The CSV file of one month's invoice."""

    account = forms.ChoiceField(label="Account", help_text="Lines on other accounts aren't compared.")
    month = forms.ChoiceField(label="Month")
    currency = forms.ChoiceField(
        label="Currency",
        choices=[(code, code) for code in CURRENCIES],
        help_text="Used if the file doesn't name one.",
    )
    part = forms.BooleanField(
        label="This file is only part of the invoice",
        required=False,
        help_text="Lines missing from it won't be reported.",
    )

    field_order = ("account", "month", "file", "currency", "part")

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        months = [(f"{month:%Y-%m-%d}", f"{month:%B %Y}") for month in months_over()]
        cast("forms.ChoiceField", self.fields["account"]).choices = accounts()
        cast("forms.ChoiceField", self.fields["month"]).choices = months
        self.fields["currency"].initial = settings.LIMIT_CURRENCY

    def invoice(self) -> dict:
        """What `invoices.upload` needs besides who sends it."""
        provider, _, api_id = self.cleaned_data["account"].partition(" ")
        file = self.cleaned_data["file"]
        return {
            "content": file.read(),
            "name": file.name,
            "telephony_provider": provider,
            "connection": Connection.objects.filter(api_id=api_id).first() if api_id else None,
            "month": date.fromisoformat(self.cleaned_data["month"]),
            "currency": self.cleaned_data["currency"],
            "whole": not self.cleaned_data["part"],
        }


class ColumnsForm(forms.Form):
    """Which columns of a file count; each choice is one of its `titles`."""

    only = forms.CharField(
        label="Only rows whose kind of charge contains",
        required=False,
        max_length=200,
        help_text="For example, phone number, DID. Separate words with commas. Other rows are skipped.",
    )

    def __init__(self, data=None, *, titles: Sequence[str]) -> None:
        super().__init__(data)
        for name, label in CHOSEN.items():
            none = "Choose a column" if name in REQUIRED else "None"
            self.fields[name] = forms.ChoiceField(
                label=label,
                choices=[("", none), *((title, title) for title in titles)],
                required=name in REQUIRED,
                error_messages={"required": "Choose a column."},
            )
        self.order_fields([*(name for name in CHOSEN if name != KIND), KIND, "only"])

    def columns(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in CHOSEN}


class BudgetForm(forms.Form):
    """What the lines with a tag may cost a month; no amount takes its budget away."""

    tag = forms.CharField(
        label="Tag", max_length=50, error_messages={"required": "Enter a tag."}, strip=False
    )
    amount = forms.DecimalField(
        label="Budget a month",
        required=False,
        max_digits=12,
        decimal_places=2,
        min_value=Decimal("0.01"),
        help_text="Leave it empty to remove the budget.",
        error_messages={"invalid": "Enter an amount such as 100.", "min_value": "Enter an amount above 0."},
    )
