"""What people have typed into the purchase form, kept until they order it or start over."""

from collections.abc import Mapping
from datetime import timedelta

from django.contrib.auth.models import User

from numbers.db.clock import db_now
from numbers.models import TypedForm

KEEP = timedelta(days=14)
LONGEST = 2000  # characters of one field


def keep_typed(*, owner: User, values: Mapping[str, str]) -> TypedForm:
    """Keep `values`, by the names of the form's fields, instead of what `owner` typed before."""
    kept = {name: value.replace("\x00", "")[:LONGEST] for name, value in values.items()}
    row, _ = TypedForm.objects.update_or_create(owner=owner, defaults={"values": kept, "saved_at": db_now()})
    return row


def typed_by(owner: User) -> TypedForm | None:
    """What `owner` typed last and has not ordered; None where there is nothing, or it is old."""
    return TypedForm.objects.filter(owner=owner, saved_at__gt=db_now() - KEEP).first()


def forget_typed(*, owner: User) -> None:
    TypedForm.objects.filter(owner=owner).delete()
