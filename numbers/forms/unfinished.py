"""Keeping what a person types into the purchase form, so that no reload or ended session takes it away."""

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from numbers.models import Order
from numbers.services.orders.typed_forms import forget_typed, keep_typed

from .orders import ACCOUNT_FIELDS, MOST_ROWS, is_blank, named, read_form_token, typed_rows


def keep_unfinished(user: User, values: Mapping) -> None:
    """Keep the fields of the purchase form in `values`, but nothing of a form that is still empty.

    What a page sends late, after its form has become an order, is left aside.
    """
    rows = typed_rows(values)[:MOST_ROWS]
    if all(map(is_blank, rows)):
        forget_typed(owner=user)
    elif not was_ordered(values.get("form_token", ""), user):
        account = {name: values[name] for name in ACCOUNT_FIELDS if name in values}
        keep_typed(owner=user, values=account | named(rows))


def was_ordered(form_token: str, user: User) -> bool:
    try:
        key = read_form_token(form_token, user.pk)
    except ValidationError:
        return False
    return Order.objects.filter(form_token=key).exists()
