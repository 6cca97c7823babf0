"""Which phone numbers are ours already, or are about to be."""

from collections.abc import Iterable

from numbers.models import Line, Number
from numbers.states import HOLDING


def owned_among(phone_numbers: Iterable[str]) -> set[str]:
    """Those of `phone_numbers` that our books say are ours."""
    named = set(phone_numbers) - {""}
    owned = Number.objects.owned().filter(e164__in=named).order_by()
    return set(owned.values_list("e164", flat=True)) if named else set()


def held_among(phone_numbers: Iterable[str]) -> set[str]:
    """Those of `phone_numbers` that a line of ours is about at the moment."""
    named = set(phone_numbers) - {""}
    held = Line.objects.filter(phone_number__in=named, state__in=HOLDING).order_by()
    return set(held.values_list("phone_number", flat=True)) if named else set()


def free(phone_numbers: Iterable[str]) -> list[str]:
    """`phone_numbers` without those that are ours or that a line of ours is about, in their order."""
    asked = list(phone_numbers)
    taken = owned_among(asked) | held_among(asked)
    return [number for number in asked if number not in taken]
