"""What people decide at the gate: opening without a report, ending a journal, explaining numbers."""

from collections.abc import Iterator
from typing import cast

from django import forms
from django.http import QueryDict

from numbers.models import Number
from numbers.services.inventory.holds import area_holders
from numbers.services.purchasing.attribution import candidates
from numbers.services.spending import registry

from .review import ReasonForm

MOST_NUMBERS, MOST_LINES = 50, 50  # on one page, and to choose from for each number
ELSEWHERE, WAIVED, LINE = "elsewhere", "waived", "line-"


class SwitchForm(ReasonForm):
    """Pausing, or opening, if need be without the reports of some journals."""

    without = forms.MultipleChoiceField(
        label="Resume without", required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="switch_%s")
        without = cast("forms.MultipleChoiceField", self.fields["without"])
        without.choices = [(row.name, row.name) for row in registry.missing()]


class RetireForm(ReasonForm):
    """Ending a journal for good."""

    journal = forms.ChoiceField(label="Journal")

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="retire_%s")
        journal = cast("forms.ChoiceField", self.fields["journal"])
        journal.choices = [(row.name, row.name) for row in registry.in_use()]
        self.order_fields(["journal", "reason"])


class AcceptForm(ReasonForm):
    """Accepting what a sync has asked about."""

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="accept_%s")


class BaselineForm(ReasonForm):
    """Accepting the numbers of the first reading in one act."""

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="baseline_%s")


class ExplainForm(ReasonForm):
    """Where numbers came from that nothing explains: a choice for each."""

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="explain_%s")
        held = area_holders().select_related("connection").order_by("e164")
        self.numbers = {f"number-{number.pk}": number for number in held[:MOST_NUMBERS]}
        for name, number in self.numbers.items():
            lines = [
                (f"{LINE}{line.pk}", f"Order {line.order_id}, line {line.position}")
                for line in candidates(number)[:MOST_LINES]
            ]
            choices = [
                ("", "Decide later"),
                ("It was bought for", lines),
                (ELSEWHERE, "It was bought or linked elsewhere"),
                (WAIVED, "Unknown; buy anyway"),
            ]
            self.fields[name] = forms.ChoiceField(choices=[c for c in choices if c[1]], required=False)

    def rows(self) -> Iterator[tuple[Number, forms.BoundField]]:
        return ((number, self[name]) for name, number in self.numbers.items())

    def decided(self) -> Iterator[tuple[Number, str]]:
        for name, number in self.numbers.items():
            if choice := self.cleaned_data[name]:
                yield number, choice
