"""What a line costs, from which day on."""

from typing import cast

from django import forms
from django.conf import settings
from django.utils import timezone

from numbers.currencies import CURRENCIES
from numbers.models import Connection

from .orders import PROVIDER_NAMES, synced


class PriceForm(forms.Form):
    """A price for the lines of a provider, or of one of its connections."""

    account = forms.ChoiceField(label="Applies to")
    monthly = forms.DecimalField(
        label="Monthly, per line", min_value=0, max_digits=8, decimal_places=2, help_text="For example, 1.15."
    )
    once = forms.DecimalField(
        label="Setup fee, per line", min_value=0, max_digits=8, decimal_places=2, initial=0, required=False
    )
    currency = forms.ChoiceField(label="Currency", choices=[(code, code) for code in CURRENCIES])
    valid_from = forms.DateField(
        label="Valid from",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Today or later. It replaces the previous price from that day.",
    )

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ChoiceField", self.fields["account"]).choices = [
            (f"{provider} {connection}", f"{PROVIDER_NAMES.get(provider, provider)}: {words}")
            for provider in settings.TELEPHONY_PROVIDERS
            for connection, words in accounts_of(provider)
        ]
        self.fields["currency"].initial = settings.LIMIT_CURRENCY
        self.fields["valid_from"].initial = timezone.localdate()

    def clean_once(self):
        return self.cleaned_data["once"] or 0

    def price(self) -> dict:
        """What `set_price` needs."""
        data = dict(self.cleaned_data)
        provider, _, connection = data.pop("account").partition(" ")
        return data | {"telephony_provider": provider, "telephony_account_connection": connection}


def accounts_of(provider: str) -> list[tuple[str, str]]:
    own = [(row.api_id, str(row)) for row in synced(Connection) if row.telephony_provider == provider]
    return [("", "all connections"), *own]
