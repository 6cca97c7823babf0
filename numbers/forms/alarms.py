"""What raises an alarm, and who hears of it."""

from typing import cast

from django import forms
from django.contrib.auth.models import User

from numbers.models import AlarmRule
from numbers.services.monitoring.alarms import THRESHOLDS, threshold_of


class AlarmForm(forms.Form):
    """One kind of alarm as it stands, to be changed."""

    on = forms.BooleanField(label="On", required=False)
    threshold = forms.IntegerField(
        label="Threshold",
        required=False,
        min_value=1,
        max_value=1_000_000,
        error_messages={"invalid": "Enter a whole number.", "min_value": "Enter 1 or more."},
    )
    people = forms.ModelMultipleChoiceField(
        label="Who is told",
        queryset=User.objects.filter(is_active=True).order_by("username"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    webhook = forms.BooleanField(label="Webhook", required=False)
    slack = forms.BooleanField(label="Slack", required=False)

    def __init__(self, data=None, *, rule: AlarmRule) -> None:
        super().__init__(
            data,
            auto_id=f"{rule.kind}_%s",
            initial={
                "on": rule.on,
                "threshold": threshold_of(rule),
                "people": [person.pk for person in rule.people.all()] if rule.pk else [],
                "webhook": rule.webhook,
                "slack": rule.slack,
            },
        )
        self.rule = rule
        if rule.kind in THRESHOLDS:
            field = cast("forms.IntegerField", self.fields["threshold"])
            field.label = f"Threshold, in {THRESHOLDS[AlarmRule.Kind(rule.kind)][1]}"
        else:
            del self.fields["threshold"]

    def wanted(self) -> dict:
        """What `set_rule` needs besides who asks."""
        return {"threshold": None} | self.cleaned_data | {"kind": self.rule.kind}
